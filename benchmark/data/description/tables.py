"""What a description of a data set holds: plain values in frozen records, ready for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocols import Modality

#: The parts that are described, in this order.
USED_PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class PartCounts:
    """One part of one named split.

    Attributes:
        split, part: Which.
        samples, videos: How many.
        negative, zero, positive: Samples by the sign of the label.
        mean, deviation: Of the labels; None for an empty part.
        constant_mae: MAE of always saying the training median; None where train or this part is empty.
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
    """The classes behind one metric, such as the seven of Acc-7, and the samples of each by part.

    `metric` is the metric's name, `classes` the names of its classes, `counts` one tuple a part in their order. Samples
    that the metric leaves out (label 0 under Non0) are in no class.
    """

    metric: str
    title: str
    classes: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Histogram:
    """Counts by part between `edges`; the last bin holds its upper edge too."""

    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Lengths:
    """Positions of a modality in the samples of a part that have any of it observed.

    Attributes:
        modality, part: Which.
        recorded, absent: Samples with and without an observed position.
        least, lower, median, upper, most: Minimum, quartiles, maximum; None when none is recorded.
        tail: The 95 % quantile.
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
        modality: Which.
        width: Features of a position; 0 for tokens.
        positions: How many there are.
        gaps: Share of positions in natural gaps, in samples where the modality was recorded.
        gapped: Share of recorded samples with such a gap.
        absent: Share of samples without an observed position.
        replaced: Values replaced at import by reason (`nan`, `inf`, `overflow`), over the whole file.
        largest: Largest absolute value; None for tokens.
        constant: Features that have one value at all observed positions.
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
    """Token text of a part: observed tokens, distinct ones, shares that train never has, and of `[UNK]`."""

    part: str
    tokens: int
    distinct: int
    unseen: float
    unknown: float


@dataclass(frozen=True)
class Shared:
    """What stands in two parts of a split.

    Attributes:
        what: `video`, `text`, `audio`, `vision`: a video id, the same text, or the same features to the bit.
        first, second: The parts.
        groups: Distinct values that occur in both.
        samples: Samples of the second part that are concerned.
        same_label: Groups that have a label in common in both parts.
        alarming: Groups that are no accident: texts of at least `LONG_TEXT` words with a label in common; all groups
            of anything else.
        example: One of them.
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
        modality: Which, or `constant`: the training mean.
        features: What the regression sees, in words.
        columns: Of the regression.
        train, test: Samples in which the modality was recorded.
        mae, corr, accuracy: On test, of the fit on train; accuracy is Acc-2 (Non0, or that of CH-SIMS), None where the
            label range has no classes.
        low, high: 95 % interval of the accuracy, over videos.
        majority: Accuracy of always saying the larger class of the same test samples.
        train_corr: Correlation within train, each video predicted from the others; 0 says no more than 0 or below.
        test_corr: The same within test: what the features know of the labels, whatever train says.
        reason: Why there is no result, or empty.
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
    """Everything that `describe` finds.

    Attributes:
        name, split: What is described; `parts` has all named splits, the rest is of this one.
        samples: In the whole data set.
        source, sha256: Of the file it was imported from.
        official: Name of the published file with that sha256, or empty.
        label_range: Lowest and highest label.
        parts: Counts by split and part.
        classes: Counts by class and part.
        labels: Histogram of the labels, 11 bins centred on tenths of the label range.
        lengths: By modality and part.
        length_histograms: By modality.
        modalities: Widths, gaps, replaced values.
        unimodal: Correlation of the unimodal labels with the label, where the data set has them.
        vocabulary: Which one the token ids index; empty where the text is values.
        vocabularies: What of it each part uses, for token text.
        shared: What stands in more than one part.
        near_ids: Groups of ids that differ only in case, punctuation or leading zeros.
        probes: One a modality, and the constant.
        notes: Of the import.
        warnings: What could spoil an evaluation, a line each.
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
        """Plain values, for JSON; what is not defined is None, never NaN."""
        return dataclasses.asdict(self)
