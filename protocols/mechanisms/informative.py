"""Missing not at random: what tells more is likelier to be gone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols.counter import Stream, uniform
from protocols.layout import MODALITIES, BoolArray, FloatArray, IntArray, Layout, Modality
from protocols.mechanisms.base import Erased, Mechanism, number, probability, register_mechanism

_STEPS = 60


@register_mechanism("informative")
@dataclass(frozen=True)
class Informative(Mechanism):
    """Not at random: positions that stand out in their sample are likelier to go, by a factor of up to e^`strength`.

    Positions are ranked within their sample and modality by salience, a property of the data that needs no label (rare
    words; frames far from the sample's mean: `Layout.salience`). Rank q, from 0 (least) to 1 (most), has the hazard
    exp(strength (q - 1/2)); a position is lost when its exponential waiting time ends before a time common to the
    sample, which is set so that the expected share of losses is `rate`. Strength 0 is `random_positions`.
    """

    rate: float
    strength: float = 3.0

    kind = "intra"
    known_from = "none of the peers; missing not at random in the sense of Rubin (1976)"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("informative", "rate", self.rate))
        object.__setattr__(self, "strength", number("informative", "strength", self.strength, 0.0, 20.0))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase positions whose waiting time is over."""
        if self.rate in (0.0, 1.0):
            return {m: np.full(layout.offsets[m][-1], self.rate == 1.0) for m in MODALITIES}
        erased: dict[Modality, BoolArray] = {}
        for m in MODALITIES:
            length = layout.lengths(m)
            time = np.zeros(int(length.max(initial=0)) + 1)
            for steps in np.unique(length[length > 0]):
                time[steps] = _common_time(_hazards(np.arange(steps), int(steps), self.strength), self.rate)
            owner = layout.sample_of_position(m)
            hazard = _hazards(layout.salience_rank(m), length[owner], self.strength)
            chance = -np.expm1(-hazard * time[length[owner]])
            erased[m] = uniform(stream.positions(m)) < chance
        return erased


def _hazards(rank: IntArray, steps: int | IntArray, strength: float) -> FloatArray:
    quantile = (rank + 0.5) / steps
    hazard: FloatArray = np.exp(strength * (quantile - 0.5))
    return hazard


def _common_time(hazard: FloatArray, rate: float) -> float:
    """The time by which the expected share of losses is `rate`: the root of a rising function, by bisection."""
    low, high = 0.0, float(-np.log1p(-rate) / hazard.min())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if float(-np.expm1(-hazard * middle).mean()) < rate:
            low = middle
        else:
            high = middle
    return high
