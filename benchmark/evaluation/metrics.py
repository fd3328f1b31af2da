"""Metrics of sentiment predictions, each in its one exact definition.

Every metric is a function of sums over samples (`sums_by_cluster`, then `values_from_sums`), so the number in a table
and the numbers of its bootstrap come from the same code. Nothing is rounded, and nothing is averaged over batches.

>>> import numpy as np
>>> score(np.array([-1.0, 0.0, 2.0]), np.array([-0.8, 0.4, 2.6]))["acc7"]
0.6666666666666666
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.kinds import (
    METRICS,
    FloatArray,
    Metric,
    PerSample,
    Predictions,
    metric_names,
    register_metric,
    usual_metrics,
)
from benchmark.evaluation.scales import MOSI, SIMS, Binary, Scale, scale_of
from protocols import MODALITIES, InputError

__all__ = [
    "METRICS",
    "MOSI",
    "SIMS",
    "Binary",
    "FloatArray",
    "Metric",
    "Predictions",
    "Scale",
    "Sums",
    "check_predictions",
    "class_counts",
    "constant_predictions",
    "f1_is_possible",
    "integrity_scores",
    "metric_names",
    "parts_of_splits",
    "register_metric",
    "scale_of",
    "score",
    "score_cells",
    "sums_by_cluster",
    "usual_metrics",
    "values_from_sums",
]

#: Sums by the function that gives the values of every sample, and by name; the number of samples is that of None.
Sums: TypeAlias = Mapping[tuple[PerSample | None, str], FloatArray]

#: Predictions whose spread is below this share of their size are constant: float32 models jitter by about 1e-7.
CONSTANT = 1e-6


def check_predictions(label: npt.ArrayLike, predictions: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Labels `(n,)` and predictions `(C, n)` as float64.

    Raises:
        InputError: if shapes do not fit, there is no sample, or a value is not finite.
    """
    truth, cells = np.asarray(label, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if truth.ndim != 1 or len(truth) == 0:
        raise InputError(f"label has shape {truth.shape}, expected (n,) with at least one sample")
    if cells.ndim != 2 or cells.shape[1] != len(truth):
        raise InputError(f"predictions have shape {cells.shape}, expected (cells, {len(truth)}), one per label")
    for name, values in (("label", truth[None, :]), ("prediction", cells)):
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            where = f"{name} of sample {column}" + (f" in cell {row}" if name == "prediction" else "")
            raise InputError(f"{where} is {values[row, column]}, expected a finite number; remove or rerun it")
    return truth, cells


def constant_predictions(
    predictions: FloatArray, split_of: npt.NDArray[np.object_] | None = None
) -> npt.NDArray[np.bool_]:
    """Find cells with constant predictions, which have no correlation; `(C,)` bool.

    Args:
        predictions: `(C, n)`.
        split_of: `(n,)`: the split whose test part a sample is in, where several are pooled. A model that predicts the
            training median has another constant in each split; pooled, these constants correlate with the labels
            although the model has learned nothing. Splits of one test sample do not count.
    """
    constant = np.ones(len(predictions), dtype=np.bool_)
    for part in parts_of_splits(predictions.shape[1], split_of):
        own = predictions[:, part]
        constant &= np.ptp(own, axis=1) <= CONSTANT * np.abs(own).max(axis=1)
    return constant


def parts_of_splits(n: int, split_of: npt.NDArray[np.object_] | None) -> list[npt.NDArray[np.int64]]:
    """Rows of the test part of each split with two samples or more; all `n` in one where there is no such split."""
    parts = [] if split_of is None else [np.flatnonzero(split_of == name) for name in dict.fromkeys(split_of.tolist())]
    return [part for part in parts if len(part) > 1] or [np.arange(n)]


def sums_by_cluster(
    label: FloatArray,
    predictions: FloatArray,
    starts: npt.NDArray[np.int64],
    metrics: Sequence[str],
    split_of: npt.NDArray[np.object_] | None = None,
) -> dict[tuple[PerSample | None, str], FloatArray]:
    """Sum over each cluster what some metrics are computed from.

    Args:
        label: `(n,)`, samples of a cluster side by side.
        predictions: `(C, n)`.
        starts: `(V,)`: first sample of every cluster.
        metrics: Names.
        split_of: `(n,)`: see `constant_predictions`.

    Returns:
        Sums, `(C, V)`, or `(1, V)` where they depend on the label alone.

    Raises:
        InputError: for a metric whose values of every sample do not have the shape of the predictions or labels.
    """

    def total(values: npt.NDArray[np.generic]) -> FloatArray:
        return np.add.reduceat(values, starts, axis=1, dtype=np.float64)

    given = Predictions(label[None, :], predictions, split_of)
    shapes = (given.label.shape, predictions.shape)
    sums: dict[tuple[PerSample | None, str], FloatArray] = {(None, "n"): total(np.ones_like(given.label))}
    for per_sample, metric in {METRICS[name].per_sample: name for name in metrics}.items():
        for part, values in per_sample(given).items():
            if np.shape(values) not in shapes:
                raise InputError(
                    f"metric '{metric}': '{part}' has shape {np.shape(values)}, expected {shapes[1]}, or {shapes[0]} "
                    "where it depends on the label alone"
                )
            sums[per_sample, part] = total(values)
    return sums


def values_from_sums(sums: Sums, metrics: Sequence[str]) -> dict[str, FloatArray]:
    """Metrics from sums over samples, whatever their (broadcastable) shape.

    A class metric without any sample left (all labels 0 under Non0) is NaN; a correlation that is not defined is 0.

    Raises:
        InputError: for a metric that does not have a value for each.
    """
    shape = np.broadcast_shapes(*(value.shape for value in sums.values()))
    parts: dict[PerSample | None, dict[str, FloatArray]] = {}
    for (per_sample, part), total in sums.items():
        parts.setdefault(per_sample, {})[part] = total
    values = {}
    for name in metrics:
        metric = METRICS[name]
        value = np.asarray(metric.value({**parts[metric.per_sample], **parts[None]}), dtype=np.float64)
        if value.shape != shape:
            raise InputError(f"metric '{name}': its values have shape {value.shape}, expected {shape}: one a sum")
        values[name] = value
    return values


def score_cells(
    label: npt.ArrayLike,
    predictions: npt.ArrayLike,
    label_range: tuple[float, float] = (-3.0, 3.0),
    split_of: npt.NDArray[np.object_] | None = None,
) -> pd.DataFrame:
    """Compute all metrics of many cells at full precision.

    Args:
        label: `(n,)`.
        predictions: `(C, n)`, on the scale of the labels.
        label_range: Lowest and highest possible label, which chooses the bins.
        split_of: `(n,)`: see `constant_predictions`.

    Returns:
        C rows; a column per metric (shares between 0 and 1, not per cent) and `constant`: the predictions have no
        correlation, so `corr` is 0 by definition. Non0 metrics are NaN where every label is 0.

    Raises:
        InputError: for shapes that do not fit, values that are not finite, or an unknown label range.
    """
    names = metric_names(label_range)
    truth, cells = check_predictions(label, predictions)
    one_cluster = np.zeros(1, dtype=np.int64)
    block = max(1, 2_000_000 // len(truth))
    columns: dict[str, list[FloatArray]] = {name: [] for name in names}
    for start in range(0, len(cells), block):
        part = cells[start : start + block]
        values = values_from_sums(sums_by_cluster(truth, part, one_cluster, names, split_of), names)
        for name in names:
            columns[name].append(np.broadcast_to(values[name], (len(part), 1))[:, 0])
    table = pd.DataFrame({name: np.concatenate(parts) if parts else [] for name, parts in columns.items()})
    table["constant"] = constant_predictions(cells, split_of) if len(cells) else np.zeros(0, dtype=np.bool_)
    return table


def score(
    label: npt.ArrayLike, prediction: npt.ArrayLike, label_range: tuple[float, float] = (-3.0, 3.0)
) -> dict[str, float]:
    """Compute all metrics of one prediction `(n,)`: see `score_cells`."""
    row = score_cells(label, np.atleast_2d(np.asarray(prediction, dtype=np.float64)), label_range).iloc[0]
    return {str(name): float(row[name]) for name in row.index if name != "constant"}


def class_counts(label: npt.ArrayLike, f1_name: str, label_range: tuple[float, float] = (-3.0, 3.0)) -> tuple[int, int]:
    """Return the true (positive, negative) counts behind an F1 such as `f1_non0`."""
    binaries = scale_of(label_range).binaries
    suffix = f1_name.partition("_")[2]
    if not f1_name.startswith("f1_") or suffix not in binaries:
        raise InputError(
            f"'{f1_name}' is not an F1 of this label range; known: {', '.join('f1_' + b for b in binaries)}"
        )
    truth = np.asarray(label, dtype=np.float64)
    binary = binaries[suffix]
    if binary.kept is not None:
        truth = truth[binary.kept(truth)]
    positive = int(binary.positive(truth).sum())
    return positive, len(truth) - positive


def f1_is_possible(
    acc: float, f1: float, class_counts: tuple[int, int], rounding: float = 5e-5, *, averaged: bool = True
) -> bool:
    """Check that this weighted F1 lies between the smallest and largest of all confusion matrices with this accuracy.

    Args:
        acc: Two-class accuracy, 0..1.
        f1: F1 weighted by the true class counts, 0..1.
        class_counts: True (positive, negative) samples.
        rounding: Half a unit of the last printed digit, as a share: 0.00005 for `84.13` per cent.
        averaged: The numbers may be means over seeds or scenarios, so that the accuracy need not be a whole number
            of samples. Without it, an accuracy that no whole number of samples gives is impossible as well.
    """
    positive, negative = class_counts
    n = positive + negative
    if positive < 0 or negative < 0 or n == 0:
        raise InputError(f"class counts are {class_counts}, expected two counts of which at least one is above 0")
    slack = rounding + 1e-9
    if not (-slack <= acc <= 1 + slack and -slack <= f1 <= 1 + slack):
        return False
    found = _f1_range(positive, negative)
    if averaged:  # both ends of the range rise with the accuracy
        correct = np.arange(n + 1)
        lowest = np.interp(n * (acc - slack), correct, found.smallest_mean)
        highest = np.interp(n * (acc + slack), correct, found.largest_mean)
        return bool(lowest <= f1 + slack and f1 - slack <= highest)
    first, last = max(0, int(np.ceil(n * (acc - slack)))), min(n, int(np.floor(n * (acc + slack))))
    within = (found.smallest <= f1 + slack) & (f1 - slack <= found.largest)
    return bool(within[first : last + 1].any())


def integrity_scores(true: npt.ArrayLike, predicted: npt.ArrayLike) -> pd.DataFrame:
    """Measure the error of estimated integrity, by modality.

    Args:
        true: `(n, 3)` realised integrity of text, audio, vision, 0..1.
        predicted: `(n, 3)` as a model estimates it.

    Returns:
        One row per modality with `mae`, `spearman` (0 where undefined) and `constant` (truth or estimate is constant).
    """
    from scipy.stats import spearmanr

    truth, estimate = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != estimate.shape or truth.shape[1] != len(MODALITIES) or len(truth) == 0:
        raise InputError(f"integrity has shapes {truth.shape} and {estimate.shape}, expected (n, 3) twice")
    rows = {}
    for column, modality in enumerate(MODALITIES):
        a, b = check_predictions(truth[:, column], estimate[None, :, column])
        constant = bool(constant_predictions(a[None])[0] or constant_predictions(b)[0])
        spearman = 0.0 if constant else float(spearmanr(a, b[0]).statistic)
        rows[modality] = {"mae": float(np.abs(a - b[0]).mean()), "spearman": spearman, "constant": constant}
    return pd.DataFrame.from_dict(rows, orient="index")


def ratio(above: FloatArray, below: FloatArray, otherwise: float) -> FloatArray:
    """A quotient in a new array; `otherwise` where the denominator is 0."""
    if np.min(below, initial=1.0) > 0:
        return np.divide(above, below)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: FloatArray = np.asarray(np.divide(above, below))
    np.copyto(result, otherwise, where=below <= 0)
    return result


def weighted_f1(n: FloatArray, true: FloatArray, said: FloatArray, both: FloatArray) -> FloatArray:
    """F1 of both classes weighted by the true class counts; an F1 of 0 / 0 is 0, as in scikit-learn."""
    positive = true + said
    neither = both - positive
    neither += n
    if np.min(true) > 0 and np.min(n - true) > 0:  # no denominator is 0
        f1, negative = both / positive, neither / (2 * n - positive)
        f1 *= 2 * true / n
        negative *= 2 * (n - true) / n
        f1 += negative
        return f1
    f1, negative = ratio(both, positive, 0.0), ratio(neither, 2 * n - positive, 0.0)
    return ratio(2 * true * f1 + 2 * (n - true) * negative, n, 0.0)


@dataclass(frozen=True, eq=False)
class _F1Range:
    """Range of the weighted F1 by the number of correct samples, `(n + 1,)` each.

    Attributes:
        smallest: Smallest of all confusion matrices.
        largest: Largest of all confusion matrices.
        smallest_mean: Smallest mean of several confusion matrices: the greatest convex minorant of `smallest`.
        largest_mean: Largest mean: the least concave majorant of `largest`.
    """

    smallest: FloatArray
    largest: FloatArray
    smallest_mean: FloatArray
    largest_mean: FloatArray


@lru_cache(maxsize=64)
def _f1_range(positive: int, negative: int) -> _F1Range:
    n = positive + negative
    correct = np.arange(n + 1, dtype=np.float64)
    smallest, largest = np.ones(n + 1), np.zeros(n + 1)
    for both in range(positive + 1):  # one row of confusion matrices at a time: n^2 in time, n in memory
        row = slice(both, both + negative + 1)
        neither = correct[row] - both
        said = both + negative - neither
        f1 = weighted_f1(np.float64(n) + 0 * said, np.float64(positive) + 0 * said, said, np.float64(both) + 0 * said)
        smallest[row] = np.minimum(smallest[row], f1)
        largest[row] = np.maximum(largest[row], f1)
    found = _F1Range(smallest, largest, -_concave_majorant(-smallest), _concave_majorant(largest))
    for array in (found.smallest, found.largest, found.smallest_mean, found.largest_mean):
        array.setflags(write=False)
    return found


def _concave_majorant(values: FloatArray) -> FloatArray:
    """Return the least concave function above `(k,)` values at 0, 1, ...; `(k,)`."""
    corners: list[int] = []
    for i in range(len(values)):  # Andrew's monotone chain, upper side
        while len(corners) > 1:
            a, b = corners[-2:]
            if (values[b] - values[a]) * (i - a) > (values[i] - values[a]) * (b - a):
                break
            corners.pop()
        corners.append(i)
    return np.interp(np.arange(len(values)), corners, values[corners])
