"""Inter-modality missingness: whole modalities are erased."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from protocols.counter import Stream, below, uniform
from protocols.layout import MODALITIES, BoolArray, Layout, Modality
from protocols.mechanisms.base import Erased, Mechanism, modality_names, number, probability, register_mechanism, whole


@register_mechanism("subset")
@dataclass(frozen=True)
class Subset(Mechanism):
    """Exactly these modalities remain."""

    available: tuple[Modality, ...]

    kind = "inter"
    known_from = "the {l}, {a}, {v}, {l,a}, ... columns of the missing-modality tables"

    def __post_init__(self) -> None:
        object.__setattr__(self, "available", modality_names("subset", "available", self.available))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase every position of the modalities that are not available."""
        gone = np.array([m not in self.available for m in MODALITIES])
        return whole(layout, np.broadcast_to(gone, (len(layout), 3)))


@register_mechanism("drop")
@dataclass(frozen=True)
class Drop(Mechanism):
    """With probability `rate`, erase whole modalities of a sample; the pattern is uniform over those that leave some.

    Patterns are drawn over the modalities that the sample has, so that one always remains: a complete sample has the
    usual six, one with two modalities has two, and one with a single modality is left alone.
    """

    rate: float

    kind = "inter"
    known_from = "sample-level drop rate: MPLMM's rule, our reading of Senti-iFusion's"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("drop", "rate", self.rate))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase whole modalities of the samples that the draw hits."""
        hit = below(stream.samples("hit"), self.rate)
        choice = uniform(stream.samples("pattern"))
        gone = np.zeros((len(layout), 3), dtype=np.bool_)
        code = present @ np.array([1, 2, 4])
        for kind in np.unique(code[hit]):
            here = [i for i in range(3) if kind >> i & 1]
            patterns = [p for k in range(1, len(here)) for p in itertools.combinations(here, k)]
            if not patterns:
                continue
            table = np.zeros((len(patterns), 3), dtype=np.bool_)
            for row, pattern in enumerate(patterns):
                table[row, list(pattern)] = True
            rows = np.flatnonzero(hit & (code == kind))
            gone[rows] = table[(choice[rows] * len(patterns)).astype(np.int64)]
        return whole(layout, gone)


@register_mechanism("missing_ratio")
@dataclass(frozen=True)
class MissingRatio(Mechanism):
    """The share `ratio` of all (sample, modality) pairs is gone, and every sample keeps one modality.

    A sample with c modalities keeps one, drawn at random, and loses each other one with probability
    `ratio * c / (c - 1)`, so that the expected share is the ratio; a complete sample can lose 2/3 at most. A sample
    with fewer modalities loses at most all but one.
    """

    ratio: float

    kind = "inter"
    known_from = "missing rate of MMIN, GCNet and IMDer"

    def __post_init__(self) -> None:
        # the field writes two thirds as 0.67
        value = number("missing_ratio", "ratio", self.ratio, 0.0, 0.67)
        object.__setattr__(self, "ratio", min(value, 2 / 3))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase modalities sample by sample; the kept modality does not depend on the ratio."""
        count = present.sum(axis=1)
        order = np.argsort(np.where(present, stream.samples_by_modality("keep"), np.uint64(2**63)), axis=1)
        kept = np.zeros_like(present)
        np.put_along_axis(kept, order[:, :1], True, axis=1)
        chance = np.minimum(self.ratio * count / np.maximum(count - 1, 1), 1.0)
        lost = below(stream.samples_by_modality("lost"), chance[:, None])
        return whole(layout, lost & ~kept & present)
