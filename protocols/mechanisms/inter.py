"""Inter-modality missingness: whole modalities are erased."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from protocols.counter import Stream, below, uniform
from protocols.errors import InputError
from protocols.layout import MODALITIES, BoolArray, FloatArray, KeyArray, Layout, Modality
from protocols.mechanisms.base import (
    Erased,
    Mechanism,
    modality_names,
    number,
    probability,
    register_mechanism,
    whole,
)


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

    With a rate for each modality, as in `drop(rate={text: 0.1, audio: 0.4, vision: 0.7})`, each is missing from that
    share of complete samples in expectation. One always remains, so the rates sum to 2 at most. Masks are nested when
    all rates are multiplied by one factor.
    """

    rate: float | Mapping[Modality, float]

    kind = "inter"
    known_from = "sample-level drop rate: MPLMM's rule, our reading of Senti-iFusion's"

    def __post_init__(self) -> None:
        rate = _rates("drop", "rate", self.rate) if isinstance(self.rate, Mapping) else None
        object.__setattr__(self, "rate", rate or probability("drop", "rate", self.rate))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase whole modalities of the samples that the draw hits."""
        if isinstance(self.rate, Mapping):
            return whole(layout, _lost(self.rate, present, stream))
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
    with fewer modalities loses at most all but one. Ratios for each modality follow the rule of `drop`.
    """

    ratio: float | Mapping[Modality, float]

    kind = "inter"
    known_from = "missing rate of MMIN, GCNet and IMDer"

    def __post_init__(self) -> None:
        if isinstance(self.ratio, Mapping):
            object.__setattr__(self, "ratio", _rates("missing_ratio", "ratio", self.ratio))
        else:  # the field writes two thirds as 0.67
            object.__setattr__(self, "ratio", min(number("missing_ratio", "ratio", self.ratio, 0.0, 0.67), 2 / 3))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase modalities sample by sample; the kept modality does not depend on the ratio."""
        if isinstance(self.ratio, Mapping):
            return whole(layout, _lost(self.ratio, present, stream))
        count = present.sum(axis=1)
        order = np.argsort(np.where(present, stream.samples_by_modality("keep"), np.uint64(2**63)), axis=1)
        kept = np.zeros_like(present)
        np.put_along_axis(kept, order[:, :1], True, axis=1)
        chance = np.minimum(self.ratio * count / np.maximum(count - 1, 1), 1.0)
        lost = below(stream.samples_by_modality("lost"), chance[:, None])
        return whole(layout, lost & ~kept & present)


def _rates(owner: str, field: str, value: Mapping[Modality, float]) -> dict[Modality, float]:
    """Check rates by modality that leave one modality of every sample; raises InputError."""
    modality_names(owner, field, tuple(value))
    rates = {m: number(owner, f"{field} of {m}", value.get(m, 0.0), 0.0, 1.0) for m in MODALITIES}
    if sum(rates.values()) > 2 + 1e-9:
        raise InputError(f"{owner}: every sample keeps one modality, so the {field}s sum to 2 at most; lower them")
    return rates


def _lost(rates: Mapping[Modality, float], present: BoolArray, stream: Stream) -> BoolArray:
    """`(n, 3)`: True where a sample loses a modality that it has.

    Each sample keeps one modality, chosen by weight, and loses each other one with probability rate / (1 - weight), so
    that the expected share of losses is the rate. Weights are proportional to 1 - rate at the highest multiple of the
    rates that is possible: they are equal for all multiples, which keeps masks nested.
    """
    rate = np.array([rates[m] for m in MODALITIES])
    if not rate.any():
        return np.zeros_like(present)
    limit = rate / rate.max()
    limit *= min(2 / limit.sum(), 1.0)
    weight = np.where(present, (1 - limit) / (3 - limit.sum()), 0.0)
    total = weight.sum(axis=1, keepdims=True)
    even = present / np.maximum(present.sum(axis=1, keepdims=True), 1)
    weight = np.where(total > 0, weight / np.where(total > 0, total, 1.0), even)
    kept = _choose(weight, stream.samples_by_modality("keep"))
    chance = np.minimum(rate / np.maximum(1 - weight, 1e-12), 1.0)
    return below(stream.samples_by_modality("lost"), chance) & ~kept & present


def _choose(weight: FloatArray, bits: KeyArray) -> BoolArray:
    """`(n, 3)`: True for one modality a sample, chosen in proportion to its weight; none in a row of zeros."""
    with np.errstate(divide="ignore"):
        waiting = np.where(weight > 0, -np.log1p(-uniform(bits)) / weight, np.inf)
    chosen = np.zeros(weight.shape, dtype=np.bool_)
    np.put_along_axis(chosen, waiting.argmin(axis=1)[:, None], True, axis=1)
    return chosen & (weight > 0)
