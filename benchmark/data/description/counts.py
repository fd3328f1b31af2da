"""Counts of samples, classes, labels, lengths, gaps and words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmark.data.description.scan import StreamScan
from benchmark.data.description.tables import (
    USED_PARTS,
    ClassCounts,
    Histogram,
    Lengths,
    ModalityCounts,
    PartCounts,
    Vocabulary,
)
from benchmark.data.samples import PARTS, BoolArray, PartArray, Samples
from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.scales import Scale
from protocols import MODALITIES, Modality
from protocols.layout import FloatArray

_UNKNOWN_TOKEN = 100  # [UNK] of the bert-base-uncased vocabulary
_LENGTH_BINS = 16
_LABEL_STEPS = 10

# names of the classes of each metric; those of Acc-7, 5 and 3 are whole numbers
_CLASS_NAMES = {
    "acc5_sims": ("[-1, -.7]", "(-.7, -.1]", "(-.1, .1]", "(.1, .7]", "(.7, 1]"),
    "acc3_sims": ("[-1, -.1]", "(-.1, .1]", "(.1, 1]"),
}
_BINARY_NAMES = {
    "has0": ("negative", "zero or positive"),
    "non0": ("negative", "positive"),
    "sims": ("zero or negative", "positive"),
}


def count_parts(samples: Samples) -> tuple[PartCounts, ...]:
    """Count samples, videos and labels of every part of every named split."""
    rows = []
    for split, codes in samples.splits.items():
        train = samples.label[codes == PARTS["train"]].astype(np.float64)
        for part in USED_PARTS:
            chosen = codes == PARTS[part]
            label = samples.label[chosen].astype(np.float64)
            some = len(label) > 0
            rows.append(
                PartCounts(
                    split=split,
                    part=part,
                    samples=len(label),
                    videos=len(set(samples.video_ids[chosen].tolist())),
                    negative=int((label < 0).sum()),
                    zero=int((label == 0).sum()),
                    positive=int((label > 0).sum()),
                    mean=float(label.mean()) if some else None,
                    deviation=float(label.std()) if some else None,
                    constant_mae=float(np.abs(label - np.median(train)).mean()) if some and len(train) else None,
                )
            )
    return tuple(rows)


def count_classes(samples: Samples, codes: PartArray, scale: Scale) -> tuple[ClassCounts, ...]:
    """Count the classes of every accuracy of the scale, most classes first."""
    label: FloatArray = samples.label.astype(np.float64)
    tables = []
    for metric, bins in scale.classes.items():
        # a fine grid over the range has a label in every class
        possible = np.unique(bins(np.linspace(*scale.label_range, 2001)))
        names = _CLASS_NAMES.get(metric) or tuple(f"{int(value):+d}" if value else "0" for value in possible)
        binned = bins(label)
        tables.append(
            ClassCounts(metric, METRICS[metric].title, names, _by_part(codes, [binned == value for value in possible]))
        )
    for name, binary in scale.binaries.items():
        kept = np.ones(len(label), dtype=np.bool_) if binary.kept is None else binary.kept(label)
        positive = binary.positive(label)
        metric = f"acc2_{name}"
        tables.append(
            ClassCounts(
                metric, METRICS[metric].title, _BINARY_NAMES[name], _by_part(codes, [kept & ~positive, kept & positive])
            )
        )
    return tuple(tables)


def label_histogram(samples: Samples, codes: PartArray) -> Histogram:
    """Histogram of labels in 11 bins centred on tenths of the label range: zero is the centre of a bin."""
    low, high = samples.provenance.label_range
    step = (high - low) / _LABEL_STEPS
    edges: FloatArray = np.array([low + step * (k - 0.5) for k in range(_LABEL_STEPS + 2)])
    return _histogram(samples.label.astype(np.float64), edges, codes, np.ones(len(codes), dtype=np.bool_))


def count_lengths(
    codes: PartArray, scans: Mapping[Modality, StreamScan]
) -> tuple[tuple[Lengths, ...], dict[Modality, Histogram]]:
    """Return lengths by modality and part, and histograms; samples without the modality are counted separately."""
    rows, histograms = [], {}
    for modality in MODALITIES:
        scan = scans[modality]
        for part in USED_PARTS:
            chosen = codes == PARTS[part]
            lengths = scan.lengths[chosen & scan.recorded].astype(np.float64)
            absent = int((chosen & ~scan.recorded).sum())
            if len(lengths) == 0:
                rows.append(Lengths(modality, part, 0, absent))
                continue
            least, lower, median, upper, tail, most = np.quantile(lengths, [0, 0.25, 0.5, 0.75, 0.95, 1]).tolist()
            mean = float(lengths.mean())
            rows.append(Lengths(modality, part, len(lengths), absent, least, lower, median, upper, tail, most, mean))
        used = (codes > 0) & scan.recorded
        if used.any():
            lengths = scan.lengths.astype(np.float64)
            low, high = float(lengths[used].min()), float(lengths[used].max())
            width = max(1, int(np.ceil((high - low + 1) / _LENGTH_BINS)))
            edges: FloatArray = np.array(
                [low - 0.5 + width * k for k in range(int(np.ceil((high - low + 1) / width)) + 1)]
            )
            histograms[modality] = _histogram(lengths, edges, codes, used)
    return tuple(rows), histograms


def count_modalities(
    samples: Samples, codes: PartArray, scans: Mapping[Modality, StreamScan]
) -> tuple[ModalityCounts, ...]:
    """Return width, gaps and replaced values of each modality, over the samples of the split."""
    rows = []
    for modality in MODALITIES:
        stream, scan, used = samples.streams[modality], scans[modality], codes > 0
        lengths, seen = scan.lengths[used], scan.seen[used]
        recorded = seen > 0
        inside = int(lengths[recorded].sum())
        rows.append(
            ModalityCounts(
                modality=modality,
                width=stream.width,
                positions=int(lengths.sum()),
                gaps=(inside - int(seen.sum())) / inside if inside else 0.0,
                gapped=float((seen < lengths)[recorded].mean()) if recorded.any() else 0.0,
                absent=float((~recorded).mean()) if len(recorded) else 0.0,
                replaced={reason: int(k) for reason, k in samples.provenance.cleaning.get(modality, {}).items()},
                largest=None if stream.values is None else scan.largest,
                constant=scan.constant,
            )
        )
    return tuple(rows)


def count_words(samples: Samples, codes: PartArray) -> tuple[Vocabulary, ...]:
    """Count tokens by part, and the share of them unseen in train; empty if the text is values."""
    stream = samples.streams["text"]
    if stream.token_ids is None:
        return ()
    part_of = np.repeat(codes, np.diff(stream.offsets))
    trained = np.unique(stream.token_ids[stream.observed & (part_of == PARTS["train"])])
    rows = []
    for part in USED_PARTS:
        tokens = stream.token_ids[stream.observed & (part_of == PARTS[part])]
        n = max(len(tokens), 1)
        unseen = float((~np.isin(tokens, trained)).sum()) / n
        unknown = float((tokens == _UNKNOWN_TOKEN).sum()) / n
        rows.append(Vocabulary(part, len(tokens), len(np.unique(tokens)), unseen, unknown))
    return tuple(rows)


def unimodal_correlations(samples: Samples) -> dict[Modality, float]:
    """Correlation of each unimodal label with the label, if the data set has such labels; 0 if one is constant."""
    correlations: dict[Modality, float] = {}
    for modality, unimodal in samples.unimodal_labels.items():
        pair = np.stack([unimodal, samples.label]).astype(np.float64)
        spread = pair.std(axis=1)
        both = pair - pair.mean(axis=1, keepdims=True)
        correlations[modality] = float((both[0] * both[1]).mean() / spread.prod()) if spread.min() > 1e-9 else 0.0
    return correlations


def _by_part(codes: PartArray, classes: list[BoolArray]) -> dict[str, tuple[int, ...]]:
    return {part: tuple(int((inside & (codes == PARTS[part])).sum()) for inside in classes) for part in USED_PARTS}


def _histogram(values: FloatArray, edges: FloatArray, codes: PartArray, used: BoolArray) -> Histogram:
    counts = {
        part: tuple(np.histogram(values[used & (codes == PARTS[part])], edges)[0].tolist()) for part in USED_PARTS
    }
    return Histogram(tuple(round(float(edge), 9) for edge in edges), counts)
