"""Intra-modality missingness: positions are erased one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from protocols.counter import Stream, below, uniform
from protocols.errors import InputError
from protocols.layout import MODALITIES, BoolArray, IntArray, Layout, Modality
from protocols.mechanisms.base import Erased, Mechanism, by_modality, probability, rate_of, register_mechanism


@register_mechanism("random_positions")
@dataclass(frozen=True)
class RandomPositions(Mechanism):
    """Every position is erased independently with probability `rate`, which may differ by modality.

    `rate` is one number, or one a modality: `random_positions(rate={text: 0.1, audio: 0.5, vision: 0.5})`.
    """

    rate: float | Mapping[Modality, float]

    kind = "intra"
    known_from = "TFR-Net, LNLN, P-RMF"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", by_modality("random_positions", "rate", self.rate, 0.0, 1.0))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase positions whose uniform number lies below the rate."""
        rates = {m: rate_of(self.rate, m) for m in MODALITIES}
        return {m: below(stream.positions(m), rate) for m, rate in rates.items() if rate > 0}


@register_mechanism("random_rates")
@dataclass(frozen=True)
class RandomRates(Mechanism):
    """Every sample and modality draws its rate from U(0, `highest`), by default 1; a share `clean` is left whole."""

    clean: float = 0.0
    highest: float | None = None

    kind = "intra"
    known_from = "the training of LNLN"

    def __post_init__(self) -> None:
        object.__setattr__(self, "clean", probability("random_rates", "clean", self.clean))
        if self.highest is not None:
            object.__setattr__(self, "highest", probability("random_rates", "highest", self.highest))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase positions at the rate that their sample and modality drew."""
        erased: dict[Modality, BoolArray] = {}
        for m in MODALITIES:
            rates = uniform(stream.samples("rate", m)) * (1.0 if self.highest is None else self.highest)
            rates[below(stream.samples("clean", m), self.clean)] = 0.0
            erased[m] = below(stream.positions(m), np.repeat(rates, layout.lengths(m)))
        return erased


@register_mechanism("aligned_positions")
@dataclass(frozen=True)
class AlignedPositions(Mechanism):
    """The same relative instants are erased in all modalities, each instant with probability `rate`.

    The positions of the text are the instants. A position of another modality belongs to the instant in which its
    middle lies: frame j of T to token floor((j + 1/2) K / T) of K.
    """

    rate: float

    kind = "intra"
    known_from = "TMFM"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("aligned_positions", "rate", self.rate))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase the positions within the erased instants."""
        hit = below(stream.positions("text"), self.rate)
        erased: dict[Modality, BoolArray] = {"text": hit}
        for m in ("audio", "vision"):
            erased[m] = hit[layout.remember(("instant", m), partial(_instant, layout, m))]
        return erased


def _instant(layout: Layout, modality: Modality) -> IntArray:
    """`(P,)`: index, among the text positions of all samples, of the instant that contains each position."""
    owner, instants = layout.sample_of_position(modality), layout.lengths("text")
    if (instants[owner] == 0).any():
        raise InputError("aligned_positions: a sample without text positions has no instants")
    middle = (2 * layout.position_in_sample(modality) + 1) * instants[owner] // (2 * layout.lengths(modality)[owner])
    return layout.offsets["text"][:-1][owner] + middle
