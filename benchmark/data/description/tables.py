"""Records of the description of a data set: plain values, ready for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocols import Modality

#: The described parts, in this order.
USED_PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class PartCounts:
    """One part of one named split.

    Attributes:
        split, part: Names of split and part.
        samples, videos: Number of samples and of videos.
        negative, zero, positive: Samples by the sign of the label.
        mean, deviation: Mean and standard deviation of the labels; None for an empty part.
        constant_mae: MAE of always predicting the training median; None if train or this part is empty.
    """

    split: str
    part: str
    samples: int
    videos: int
    negative: int
    zero: int
    positive: int
    mean: float | None
    deviation: float | None
    constant_mae: float | None


@dataclass(frozen=True)
class ClassCounts:
    """Classes of one metric, such as the seven of Acc-7, and the samples of each by part.

    `metric` is the metric's name, `classes` the names of its classes, `counts` one tuple for each part, in their order.
    Samples that the metric leaves out (label 0 under Non0) are in no class.
    """

    metric: str
    title: str
    classes: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Histogram:
    """Counts by part between `edges`; the last bin includes its upper edge."""

    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Lengths:
    """Lengths of a modality, in positions, over the samples of a part in which it was recorded.

    Attributes:
        modality, part: Names of modality and part.
        recorded, absent: Samples with and without an observed position.
        least, lower, median, upper, most: Minimum, quartiles, maximum; None if no sample is recorded.
        tail: 95 % quantile.
        mean: Mean.
    """

    modality: Modality
    part: str
    recorded: int
    absent: int
    least: float | None = None
    lower: float | None = None
    median: float | None = None
    upper: float | None = None
    tail: float | None = None
    most: float | None = None
    mean: float | None = None


@dataclass(frozen=True)
class ModalityCounts:
    """One modality over all samples of the split.

    Attributes:
        modality: Name of the modality.
        width: Number of features of a position; 0 for tokens.
        positions: Number of positions.
        gaps: Share of positions in natural gaps, in samples where the modality was recorded.
        gapped: Share of recorded samples with such a gap.
        absent: Share of samples without an observed position.
        replaced: Values replaced at import by reason (`nan`, `inf`, `overflow`), over the whole file.
        largest: Largest absolute value; None for tokens.
        constant: Number of features with one value at all observed positions.
    """

    modality: Modality
    width: int
    positions: int
    gaps: float
    gapped: float
    absent: float
    replaced: Mapping[str, int]
    largest: float | None
    constant: int


@dataclass(frozen=True)
class Vocabulary:
    """Token text of a part: observed tokens, distinct ones, shares unseen in train, and share of `[UNK]`."""

    part: str
    tokens: int
    distinct: int
    unseen: float
    unknown: float


@dataclass(frozen=True)
class Shared:
    """Content that occurs in two parts of a split.

    Attributes:
        what: Kind: `video` (equal ids), `text` (equal texts), `audio` or `vision` (features equal to the bit).
        first, second: The parts.
        groups: Distinct values that occur in both.
        samples: Number of concerned samples of the second part.
        same_label: Number of groups with a common label in both parts.
        alarming: Number of suspicious groups: texts of at least `LONG_TEXT` words with a common label; all groups of
            other kinds.
        example: Example of a group.
    """

    what: str
    first: str
    second: str
    groups: int
    samples: int
    same_label: int
    alarming: int
    example: str


@dataclass(frozen=True)
class Probe:
    """Ridge regression from one modality alone; see `benchmark.data.description.probe`.

    Attributes:
        modality: Name of the modality, or `constant`: the training median.
        features: Input of the regression, in words.
        columns: Number of columns of the regression.
        train, test: Samples in which the modality was recorded.
        mae, corr, accuracy: Metrics on test of the fit on train; accuracy is Acc-2 (Non0, or that of CH-SIMS), None if
            the label range has no classes.
        low, high: 95 % interval of the accuracy, over videos.
        majority: Accuracy of always predicting the larger class of the same test samples.
        train_corr: Correlation within train, each video predicted from the others; negative ones are set to 0.
        test_corr: Correlation within test, likewise; independent of train.
        reason: Reason for a missing result, or empty.
    """

    modality: str
    features: str = ""
    columns: int = 0
    train: int = 0
    test: int = 0
    mae: float | None = None
    corr: float | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    majority: float | None = None
    train_corr: float | None = None
    test_corr: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Description:
    """Result of `describe`.

    Attributes:
        name, split: Data set and split; `parts` covers all named splits, everything else this one.
        samples: Number of samples of the whole data set.
        source, sha256: Name and hash of the imported file.
        official: Name of the published file with that sha256, or empty.
        label_range: Lowest and highest label.
        parts: Counts by split and part.
        classes: Counts by class and part.
        labels: Histogram of the labels, 11 bins centred on tenths of the label range.
        lengths: Lengths by modality and part.
        length_histograms: Histograms of lengths by modality.
        modalities: Widths, gaps, replaced values.
        unimodal: Correlation of the unimodal labels with the label, if the data set has them.
        vocabulary: Vocabulary of the token ids; empty if the text is values.
        vocabularies: Use of the vocabulary by each part, for token text.
        shared: Content that occurs in more than one part.
        near_ids: Groups of ids that differ only in case, punctuation or leading zeros.
        probes: One probe for each modality, and the constant.
        notes: Notes of the import.
        warnings: Flaws that could invalidate an evaluation, one line each.
    """

    name: str
    split: str
    samples: int
    source: str
    sha256: str
    official: str
    label_range: tuple[float, float]
    parts: tuple[PartCounts, ...]
    classes: tuple[ClassCounts, ...]
    labels: Histogram
    lengths: tuple[Lengths, ...]
    length_histograms: Mapping[Modality, Histogram]
    modalities: tuple[ModalityCounts, ...]
    unimodal: Mapping[Modality, float]
    vocabulary: str
    vocabularies: tuple[Vocabulary, ...]
    shared: tuple[Shared, ...]
    near_ids: tuple[tuple[str, ...], ...]
    probes: tuple[Probe, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; undefined values are None, never NaN."""
        return dataclasses.asdict(self)
