"""The metrics of this project, each in its one exact definition: values of each sample and a function of their sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmark.evaluation.kinds import FloatArray, Metric, PerSample, Predictions, add_metrics
from benchmark.evaluation.metrics import constant_predictions, ratio, weighted_f1
from benchmark.evaluation.scales import MOSI, SIMS, Binary, Scale

Values = dict[str, npt.NDArray[np.generic]]
Parts = Mapping[str, FloatArray]
Bounds = tuple[float, float]


def _clipped(predicted: FloatArray, bounds: Bounds | None) -> FloatArray:
    return predicted if bounds is None else np.clip(predicted, *bounds)


def _errors(given: Predictions, bounds: Bounds | None = None) -> Values:
    return {"error": np.abs(_clipped(given.predicted, bounds) - given.label)}


def _mean_error(sums: Parts) -> FloatArray:
    return sums["error"] / sums["n"]


def _products(given: Predictions, bounds: Bounds | None = None) -> Values:
    predicted = _clipped(given.predicted, bounds)
    x = _standardised(predicted, constant_predictions(predicted, given.split_of))
    y = _standardised(given.label, constant_predictions(given.label))
    return {"x": x, "xx": x * x, "xy": x * y, "y": y, "yy": y * y}


def _standardised(values: FloatArray, constant: npt.NDArray[np.bool_]) -> FloatArray:
    """Centre and scale each row, so that sums of squares neither cancel nor overflow; zeros for the constant ones."""
    size = np.abs(values).max(axis=1, keepdims=True)
    scaled = values / np.where(size >= np.finfo(np.float64).tiny, size, 1.0)  # dividing by less may overflow
    centred = scaled - scaled.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=1, keepdims=True))
    flat = constant[:, None] | (spread == 0)
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))


def _correlation(sums: Parts) -> FloatArray:
    n, x, xx, xy, y, yy = (sums[name] for name in ("n", "x", "xx", "xy", "y", "yy"))
    covariance, variance = n * xy, n * xx
    covariance -= x * y
    variance -= x * x
    variance *= n * yy - y * y
    # a resample in which one side hardly varies has no correlation to speak of; rows are standardised, so 1 is usual
    defined = variance > 1e-20 * n**4
    if not defined.all():
        covariance, variance = np.where(defined, covariance, 0.0), np.where(defined, variance, 1.0)
    np.sqrt(variance, out=variance)
    covariance /= variance
    return np.clip(covariance, -1.0, 1.0, out=covariance)


def _equal(given: Predictions, bins: Callable[[FloatArray], npt.NDArray[np.generic]]) -> Values:
    return {"equal": bins(given.predicted) == bins(given.label)}


def _share_equal(sums: Parts) -> FloatArray:
    return sums["equal"] / sums["n"]


def _two_classes(given: Predictions, binary: Binary) -> Values:
    label = given.label
    kept = np.ones(label.shape, dtype=np.bool_) if binary.kept is None else binary.kept(label)
    true, said = binary.positive(label) & kept, binary.positive(given.predicted) & kept
    return {"kept": kept, "true": true, "said": said, "both": true & said}


def _accuracy(sums: Parts) -> FloatArray:
    kept, both = sums["kept"], sums["both"]
    return ratio(both + (kept - sums["true"] - sums["said"] + both), kept, np.nan)


def _f1(sums: Parts) -> FloatArray:
    kept = sums["kept"]
    found = weighted_f1(kept, sums["true"], sums["said"], sums["both"])
    return found if kept.all() else np.where(kept > 0, found, np.nan)


def _classes(given: Predictions, bins: Callable[[FloatArray], npt.NDArray[np.generic]], codes: Sequence[int]) -> Values:
    said, true = bins(given.predicted), bins(given.label)
    values: Values = {}
    for code in codes:
        values |= {f"true {code}": true == code, f"said {code}": said == code}
        values[f"both {code}"] = (true == code) & (said == code)
    return values


def _macro_f1(sums: Parts, codes: Sequence[int]) -> FloatArray:
    """Return the mean F1 of the classes that occur among the labels or the predictions."""
    classes = [(sums[f"true {code}"], sums[f"said {code}"], sums[f"both {code}"]) for code in codes]
    total, present = np.zeros(np.shape(classes[0][2])), np.zeros(())
    for true, said, both in classes:
        always = bool(true.all())
        total += both / (true + said) if always else ratio(both, true + said, 0.0)
        present = present + (1.0 if always else true + said > 0)
    total *= 2
    return ratio(total, present, np.nan)


def _share(
    scale: Scale,
    name: str,
    title: str,
    definition: str,
    per_sample: PerSample,
    value: Callable[[Parts], FloatArray],
    usual: bool = True,
    accuracy: str = "",
) -> Metric:
    ranges, pooled = (scale.label_range,), value in (_share_equal, _accuracy)
    return Metric(name, title, True, 1.0, True, definition, per_sample, value, usual, ranges, None, accuracy, pooled)


def _classes_equal(scale: Scale, name: str, title: str, definition: str) -> Metric:
    return _share(scale, name, title, definition, partial(_equal, bins=scale.classes[name]), _share_equal)


def _binary(scale: Scale, suffix: str, end: str, definition: str) -> tuple[Metric, Metric]:
    per_sample, accuracy = partial(_two_classes, binary=scale.binaries[suffix]), f"acc2_{suffix}"
    weighted = f"as Acc-2 {end}; F1 of both classes weighted by the true class counts"
    return (
        _share(scale, accuracy, f"Acc-2 {end}", definition, per_sample, _accuracy),
        _share(scale, f"f1_{suffix}", f"F1 {end}", weighted, per_sample, _f1, accuracy=accuracy),
    )


def _macro(scale: Scale, name: str, title: str, of: str) -> Metric:
    classes, codes = scale.macro[name]
    per_sample = partial(_classes, bins=scale.classes[classes], codes=codes)
    definition = f"mean of the F1 of the three classes of {of}, of those that occur"
    return _share(scale, name, title, definition, per_sample, partial(_macro_f1, codes=codes), usual=False)


def _error(name: str, title: str, definition: str, bounds: Bounds | None = None) -> Metric:
    ranges = None if bounds is None else (bounds,)
    per_sample = partial(_errors, bounds=bounds)
    usual = bounds is None
    return Metric(name, title, False, 0.0, False, definition, per_sample, _mean_error, usual, ranges, pooled=True)


def _corr(name: str, title: str, definition: str, bounds: Bounds | None = None) -> Metric:
    ranges, limits = None if bounds is None else (bounds,), (-1.0, 1.0)
    per_sample = partial(_products, bounds=bounds)
    return Metric(name, title, True, 1.0, False, definition, per_sample, _correlation, bounds is None, ranges, limits)


add_metrics(
    (
        _error("mae", "MAE", "mean absolute error, predictions not clipped"),
        _corr("corr", "Corr", "Pearson correlation, 0 for constant predictions"),
        _classes_equal(MOSI, "acc7", "Acc-7", "both clipped to ±3 and rounded half to even; share equal"),
        _classes_equal(MOSI, "acc5", "Acc-5", "both clipped to ±2 and rounded half to even; share equal"),
        _classes_equal(MOSI, "acc3", "Acc-3", "both clipped to ±1 and rounded half to even; share equal"),
        *_binary(MOSI, "has0", "Has0", "negative against non-negative, all samples"),
        *_binary(MOSI, "non0", "Non0", "negative against positive, samples with label 0 left out"),
        _macro(MOSI, "macro_f1", "Macro-F1", "Acc-3"),
        _classes_equal(
            SIMS, "acc5_sims", "Acc-5 (SIMS)", "bins (-1, -.7, -.1, .1, .7, 1], right edges included; share equal"
        ),
        _classes_equal(SIMS, "acc3_sims", "Acc-3 (SIMS)", "bins (-1, -.1, .1, 1], right edges included; share equal"),
        *_binary(SIMS, "sims", "(SIMS)", "label at most 0 against above 0, all samples"),
        _macro(SIMS, "macro_f1_sims", "Macro-F1 (SIMS)", "Acc-3 (SIMS)"),
        # the field clips predictions on this label range before it computes MAE and Corr
        _error("mae_clipped", "MAE (clipped)", "MAE of predictions clipped to the labels' range", SIMS.label_range),
        _corr("corr_clipped", "Corr (clipped)", "Corr of predictions clipped to the labels' range", SIMS.label_range),
    ),
    __name__,
)
