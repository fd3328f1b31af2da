"""Gaps of several positions: one stretch, or several outages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from protocols.counter import Stream, below, uniform
from protocols.errors import unknown_name
from protocols.layout import MODALITIES, BoolArray, Layout, Modality
from protocols.mechanisms.base import Erased, Mechanism, by_modality, number, probability, rate_of, register_mechanism

#: Share of the observed positions that precedes the stretch.
_PLACES = {"front": 0.0, "middle": 0.5, "rear": 1.0}


@register_mechanism("block")
@dataclass(frozen=True)
class Block(Mechanism):
    """Erase one contiguous stretch of round(rate * T) positions in each modality.

    Its start is uniform, or the stretch lies at `place`: `front`, `middle` or `rear`. Halves are rounded up. A stretch
    lies inside the stretch of every higher rate.
    """

    rate: float
    place: str | None = None

    version = 2
    kind = "intra"
    known_from = "STMFM"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("block", "rate", self.rate))
        if self.place not in (None, *_PLACES):
            raise unknown_name("place of block", str(self.place), tuple(_PLACES))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase the stretch at its place, or where the draw puts it."""
        erased: dict[Modality, BoolArray] = {}
        for m in MODALITIES:
            length = layout.lengths(m)
            # 0.7 * 45 is a little less than 31.5 in binary: the product is first rounded to the intended decimal
            size = np.floor(np.round(self.rate * length, 9) + 0.5).astype(np.int64)
            if self.place is None:
                start = np.floor(uniform(stream.samples("start", m)) * (length - size + 1)).astype(np.int64)
            else:
                start = np.floor(_PLACES[self.place] * (length - size)).astype(np.int64)
            position, owner = layout.position_in_sample(m), layout.sample_of_position(m)
            erased[m] = (position >= start[owner]) & (position < (start + size)[owner])
        return erased


@register_mechanism("burst")
@dataclass(frozen=True)
class Burst(Mechanism):
    """Outages of a mean length, as of a sensor that drops out: a two-state Markov chain (Gilbert-Elliott).

    A share `rate` of the positions is lost in the long run, in outages of `mean_length` positions on average (one
    number, or one for each modality). Where 1 / (1 - rate), the mean run of independent losses, is longer than
    `mean_length`, it replaces `mean_length`: losses are never more scattered than independent ones. This also keeps
    masks nested in the rate.
    """

    rate: float
    mean_length: float | Mapping[Modality, float]

    kind = "intra"
    known_from = "sensor dropouts (Gilbert 1960, Elliott 1963)"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("burst", "rate", self.rate))
        lengths = by_modality("burst", "mean_length", self.mean_length, 1.0, 1e6)
        if isinstance(lengths, dict):
            lengths = {m: number("burst", f"mean_length of {m}", v, 1.0, 1e6) for m, v in lengths.items()}
        object.__setattr__(self, "mean_length", lengths)

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase the positions in which the chain is in its bad state."""
        if self.rate in (0.0, 1.0):
            return {m: np.full(layout.offsets[m][-1], self.rate == 1.0) for m in MODALITIES}
        erased: dict[Modality, BoolArray] = {}
        for m in MODALITIES:
            length = max(rate_of(self.mean_length, m), 1.0 / (1.0 - self.rate))
            stay = 1.0 - 1.0 / length
            start = self.rate / (1.0 - self.rate) / length
            bits = stream.positions(m)
            first = layout.position_in_sample(m) == 0
            # One uniform number for each position. Below `start` the next state is bad, from `stay` on it is good
            # (start <= stay); in between, the state is unchanged. A state is thus that of the last decided position.
            bad = np.where(first, below(bits, self.rate), below(bits, start))
            decided = first | bad | ~below(bits, stay)
            last = np.maximum.accumulate(np.where(decided, np.arange(len(bits)), 0))
            erased[m] = bad[last]
        return erased
