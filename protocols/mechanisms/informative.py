"""Missing not at random: informative positions are more likely to be erased."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from protocols.counter import Stream, uniform
from protocols.layout import MODALITIES, BoolArray, FloatArray, IntArray, Layout, Modality
from protocols.mechanisms.base import Erased, Mechanism, number, probability, register_mechanism

#: Largest number of positions for which the rate is solved exactly.
_EXACT = 64
_BISECTIONS = 60


@register_mechanism("informative")
@dataclass(frozen=True)
class Informative(Mechanism):
    """Erase salient positions with a higher hazard, by a factor of up to e^`strength`: missing not at random.

    Positions are ranked within their sample and modality by salience, a property of the data that needs no label (rare
    words; frames far from the sample's mean: `Layout.salience`). Rank q, from 0 (least) to 1 (most), has the hazard
    exp(strength (q - 1/2)); a position is lost when its exponential waiting time ends before a time common to the
    sample, which is set so that the expected share of losses is `rate`. Strength 0 is `random_positions`.
    """

    rate: float
    strength: float = 3.0

    kind = "intra"
    known_from = "none of the peers; missing not at random in the sense of Rubin (1976)"
    at_random = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("informative", "rate", self.rate))
        object.__setattr__(self, "strength", number("informative", "strength", self.strength, 0.0, 20.0))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase positions whose waiting time has ended."""
        if self.rate in (0.0, 1.0):
            return {m: np.full(layout.offsets[m][-1], self.rate == 1.0) for m in MODALITIES}
        times = _common_times(self.rate, self.strength)
        erased: dict[Modality, BoolArray] = {}
        for m in MODALITIES:
            steps = layout.lengths(m)
            waiting = stream.remember(("waiting", m, self.strength), partial(self._waiting, m, layout, stream))
            erased[m] = waiting < np.repeat(times[np.minimum(steps, _EXACT + 1)], steps)
        return erased

    def _waiting(self, modality: Modality, layout: Layout, stream: Stream) -> FloatArray:
        """`(P,)`: waiting time of each position, independent of the rate."""
        steps = layout.lengths(modality)
        hazard = _hazards(layout.salience_rank(modality), np.repeat(steps, steps), self.strength)
        return -np.log1p(-uniform(stream.positions(modality))) / hazard


def _hazards(rank: IntArray, steps: int | IntArray, strength: float) -> FloatArray:
    quantile = (rank + 0.5) / steps
    return np.exp(strength * (quantile - 0.5))


@lru_cache(maxsize=64)
def _common_times(rate: float, strength: float) -> FloatArray:
    """`(_EXACT + 2,)`: for 0, 1, ... positions, the time by which the expected share of losses is `rate`.

    The last entry is for all longer samples, where ranks count as continuous (midpoint rule, error below 1e-4).
    """
    few, many = np.arange(1, _EXACT + 1)[:, None], 16 * _EXACT
    ranks = np.arange(_EXACT)[None, :]
    exact = _solve(_hazards(np.minimum(ranks, few - 1), few, strength), (ranks < few) / few, rate, strength)
    continuous = _solve(
        _hazards(np.arange(many)[None, :], many, strength), np.full((1, many), 1 / many), rate, strength
    )
    return np.concatenate([[0.0], exact, continuous])


def _solve(hazard: FloatArray, weight: FloatArray, rate: float, strength: float) -> FloatArray:
    """For each row, the time at which the weighted probabilities sum to `rate`: the root of a rising function."""
    low, high = np.zeros(len(hazard)), np.full(len(hazard), -np.log1p(-rate) / math.exp(-strength / 2))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = (-np.expm1(-hazard * middle[:, None]) * weight).sum(axis=1) < rate
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return high
