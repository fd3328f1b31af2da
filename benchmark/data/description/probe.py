"""Probes: ridge regressions of the labels on each modality separately.

Audio, vision and word vectors are summarised by mean and standard deviation over the observed positions (after the
signed logarithm that models get); token text by TF-IDF of its tokens and pairs. No encoder is used: results would
depend on the installed one, it would need torch, and a lower bound of the words' information needs none. On CMU-MOSI
the bag of words is about seven points of Acc-2 below a ridge on frozen MiniLM states.

A probe uses the samples in which its modality was recorded. The penalty is chosen within train, each video predicted
from the others; the test part is only predicted. In addition, each part is predicted within itself, again each video
from the others (`train_corr`, `test_corr`), which reveals features made with the labels of one part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from benchmark.data.description.bag_of_words import bag_of_words
from benchmark.data.description.ridge import fit_ridge
from benchmark.data.description.scan import StreamScan
from benchmark.data.description.tables import Probe
from benchmark.data.samples import PARTS, IntArray, Samples
from benchmark.evaluation.metrics import metric_names, sums_by_cluster, values_from_sums
from benchmark.evaluation.scales import Scale, scale_of
from benchmark.evaluation.statistics import draw_weights, interval
from protocols import MODALITIES, Modality
from protocols.layout import FloatArray

#: Smallest numbers of samples and of videos, in train and in test, for a probe.
LEAST_SAMPLES, LEAST_VIDEOS = 20, 3
_DRAWS = 2000
_SEED = 0


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions of one probe, for the rules in `suspicion`.

    Attributes:
        probe: The probe's row of the table.
        test_rows, prediction: Samples of test, and the prediction of each by the fit on train.
        train_draws, test_draws, transfer_draws: Correlations within train, within test, and on test of the fit on
            train, under the bootstrap over videos; negative ones are set to 0.
    """

    probe: Probe
    test_rows: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    prediction: FloatArray = field(default_factory=lambda: np.zeros(0))
    train_draws: FloatArray = field(default_factory=lambda: np.zeros(0))
    test_draws: FloatArray = field(default_factory=lambda: np.zeros(0))
    transfer_draws: FloatArray = field(default_factory=lambda: np.zeros(0))


def accuracy_metric(scale: Scale) -> str:
    """Name of the probed accuracy: Acc-2 Non0, or Acc-2 of CH-SIMS; empty if the range has no classes."""
    return f"acc2_{list(scale.binaries)[-1]}" if scale.binaries else ""


def probe_modalities(samples: Samples, split: str, scans: Mapping[Modality, StreamScan]) -> list[Answers]:
    """Probe each modality, and the constant; deterministic."""
    codes = samples.splits[split]
    train, test = codes == PARTS["train"], codes == PARTS["test"]
    label = samples.label.astype(np.float64)
    _, videos = np.unique(samples.video_ids.astype(str), return_inverse=True)
    scale = scale_of(samples.provenance.label_range)
    answers = []
    for modality in MODALITIES:
        scan, stream = scans[modality], samples.streams[modality]
        recorded = scan.recorded
        if stream.values is None:
            words, columns = "TF-IDF of tokens and pairs", bag_of_words(stream, train & recorded)
        else:
            words = "mean and deviation of positions"
            columns = np.hstack([scan.mean, scan.deviation])
        known, asked = np.flatnonzero(train & recorded), np.flatnonzero(test & recorded)
        answers.append(_probe(modality, words, columns, stream.values is None, known, asked, label, videos, scale))
    answers.append(_constant(label, np.flatnonzero(train), np.flatnonzero(test), scale))
    return answers


def _probe(
    modality: Modality,
    words: str,
    columns: FloatArray,
    is_text: bool,
    known: IntArray,
    asked: IntArray,
    label: FloatArray,
    videos: IntArray,
    scale: Scale,
) -> Answers:
    few = next(
        (
            f"{len(rows)} samples of {len(set(videos[rows].tolist()))} videos in {part} have it"
            for part, rows in (("train", known), ("test", asked))
            if len(rows) < LEAST_SAMPLES or len(set(videos[rows].tolist())) < LEAST_VIDEOS
        ),
        "",
    )
    if few:
        return Answers(Probe(modality, words, 0, len(known), len(asked), reason=few))
    seen, unseen = _scaled(columns[known], columns[asked], is_text)
    if seen.shape[1] == 0:
        return Answers(Probe(modality, words, 0, len(known), len(asked), reason="its features never change in train"))
    fit = fit_ridge(seen, label[known], videos[known])
    prediction = fit.predict(unseen)
    scaled, _ = _scaled(columns[asked], columns[asked], is_text)
    within = fit_ridge(scaled, label[asked], videos[asked]).left_out if scaled.shape[1] else np.zeros(len(asked))
    metric = accuracy_metric(scale)
    values, drawn = bootstrap(label[asked], prediction, videos[asked], scale)
    train_values, train_drawn = bootstrap(label[known], fit.left_out, videos[known], scale, "train")
    test_values, test_drawn = bootstrap(label[asked], within, videos[asked], scale)
    low, high = interval(drawn[metric]) if metric else (np.nan, np.nan)
    probe = Probe(
        modality,
        words,
        seen.shape[1],
        len(known),
        len(asked),
        mae=values["mae"],
        corr=values["corr"],
        accuracy=_defined(values.get(metric, np.nan)),
        low=_defined(float(low)),
        high=_defined(float(high)),
        majority=majority_share(label[asked], scale),
        # a regression without information, predicting each video from the others, correlates negatively: 0 at least
        train_corr=max(train_values["corr"], 0.0),
        test_corr=max(test_values["corr"], 0.0),
    )
    draws = [np.maximum(d["corr"], 0.0) for d in (train_drawn, test_drawn, drawn)]
    return Answers(probe, asked, prediction, *draws)


def _constant(label: FloatArray, known: IntArray, asked: IntArray, scale: Scale) -> Answers:
    if len(known) == 0 or len(asked) == 0:
        return Answers(Probe("constant", "training median", 0, len(known), len(asked), reason="a part is empty"))
    middle = np.full(len(asked), np.median(label[known]))
    values, _ = bootstrap(label[asked], middle, np.arange(len(asked)), scale, draws=1)
    accuracy = _defined(values.get(accuracy_metric(scale), np.nan))
    probe = Probe("constant", "training median", 0, len(known), len(asked), values["mae"], values["corr"], accuracy)
    return Answers(probe, asked, middle)


def _scaled(fitted: FloatArray, applied: FloatArray, is_text: bool) -> tuple[FloatArray, FloatArray]:
    """Scale columns by their deviation in `fitted`; columns that are constant there are left out."""
    deviation = fitted.std(axis=0)
    kept = deviation > 1e-6
    if is_text:  # rows have length 1: rare words must not weigh more
        return fitted[:, kept], applied[:, kept]
    mean = fitted[:, kept].mean(axis=0)
    scaled = [np.clip((x[:, kept] - mean) / deviation[kept], -10.0, 10.0) for x in (fitted, applied)]
    return scaled[0], scaled[1]


def bootstrap(
    label: FloatArray,
    prediction: FloatArray,
    videos: IntArray,
    scale: Scale,
    purpose: str = "test",
    draws: int = _DRAWS,
) -> tuple[dict[str, float], dict[str, FloatArray]]:
    """Return metrics of a prediction, and `(draws,)` of each under resampling of videos with replacement.

    Two predictions of the same samples get the same draws, so that their differences are paired.
    """
    metrics = metric_names(scale.label_range)
    order = np.argsort(videos, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(videos[order])) + 1]).astype(np.int64)
    sums = sums_by_cluster(label[order], prediction[order][None, :], starts, metrics)
    weights = draw_weights(draws, len(starts), _SEED, purpose)
    values = values_from_sums({name: part.sum(axis=1) for name, part in sums.items()}, metrics)
    drawn = values_from_sums({name: weights @ part[0] for name, part in sums.items()}, metrics)
    return {name: float(np.squeeze(value)) for name, value in values.items()}, drawn


def majority_share(label: FloatArray, scale: Scale) -> float | None:
    """Accuracy of always predicting the larger class; None without classes, or without a sample in them."""
    if not scale.binaries:
        return None
    binary = list(scale.binaries.values())[-1]
    kept = label if binary.kept is None else label[binary.kept(label)]
    share = float(binary.positive(kept).mean()) if len(kept) else None
    return None if share is None else max(share, 1.0 - share)


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None
