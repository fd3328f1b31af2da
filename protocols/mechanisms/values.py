"""Present but wrong: values that a scenario corrupts but does not erase. Integrity does not count them as missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from protocols.corruption import Noise, Shift, Substitution
from protocols.counter import Stream, below
from protocols.errors import InputError
from protocols.layout import BoolArray, IntArray, Layout, Modality
from protocols.mechanisms.base import (
    Corrupted,
    Erased,
    Mechanism,
    by_modality,
    number,
    probability,
    rate_of,
    register_mechanism,
    show,
)


@register_mechanism("noise")
@dataclass(frozen=True)
class GaussianNoise(Mechanism):
    """Gaussian noise is added to audio and vision at a signal-to-noise ratio in decibels.

    The signal's power is the mean square of the sample's features, standardised as the models receive them, over the
    positions that the scenario leaves, wherever in it the noise is named; noise is white over positions and features.
    Every ratio uses the same draw.
    """

    snr_db: float

    kind = "value"
    known_from = "MuteBench, Robust-MSA"

    def __post_init__(self) -> None:
        object.__setattr__(self, "snr_db", number("noise", "snr_db", self.snr_db, -60.0, 120.0))

    def corrupt(self, layout: Layout, stream: Stream) -> Corrupted:
        """Noise of one amplitude at every position of audio and vision."""
        amplitude = 10.0 ** (-self.snr_db / 20.0)
        return {
            m: Noise(np.full(layout.offsets[m][-1], amplitude), stream.keys(m, "noise")) for m in ("audio", "vision")
        }


@register_mechanism("token_errors")
@dataclass(frozen=True)
class TokenErrors(Mechanism):
    """Tokens are replaced by others with probability `rate`, like errors of speech recognition.

    The wrong token is drawn from the tokens of the training part, so that frequent words are frequent among the errors;
    in data sets of word vectors it is the vector of such a word. Nested in the rate, with the same wrong token.
    """

    rate: float

    adds_noise = False
    kind = "value"
    known_from = "recognition errors in Robust-MSA and MuteBench"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", probability("token_errors", "rate", self.rate))

    def corrupt(self, layout: Layout, stream: Stream) -> Corrupted:
        """Substitution at the positions whose uniform number lies below the rate."""
        hit = below(stream.positions("text"), self.rate)
        return {"text": Substitution(hit, stream.positions("text", "wrong token"))}


@register_mechanism("shift")
@dataclass(frozen=True)
class OutOfStep(Mechanism):
    """Audio and vision are late by `steps` positions, or early by as many where negative: streams out of step.

    Position t of a stream shows what belongs to position t - `steps`. Positions whose content lies outside the sample,
    or was never recorded, are erased. `shift(steps={audio: 5})` moves one of the two. The text stays in its place.
    """

    steps: int | Mapping[Modality, int]

    adds_noise = False
    kind = "value"
    known_from = "streams that are recorded by several devices"

    def __post_init__(self) -> None:
        steps = by_modality("shift", "steps", self.steps, -1e6, 1e6)
        values = steps.values() if isinstance(steps, dict) else (steps,)
        if any(value % 1 for value in values) or (isinstance(steps, dict) and steps["text"]):
            raise InputError(f"shift: steps must be whole numbers for audio and vision, found {show(self.steps)}")
        if isinstance(steps, dict):
            object.__setattr__(self, "steps", {m: int(steps[m]) for m in _MOVED})
        else:
            object.__setattr__(self, "steps", int(steps))

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase the positions without content."""
        erased: dict[Modality, BoolArray] = {}
        for m in _MOVED:
            source, inside = self._source(layout, m)
            erased[m] = ~inside | ~layout.observed[m][source]
        return erased

    def corrupt(self, layout: Layout, stream: Stream) -> Corrupted:
        """Move the content of audio and vision."""
        return {m: Shift(self._source(layout, m)[0]) for m in _MOVED if rate_of(self.steps, m)}

    def _source(self, layout: Layout, modality: Modality) -> tuple[IntArray, BoolArray]:
        """`(P,)` position whose content stands at each one (itself where there is none), and where there is one."""
        position, steps = layout.position_in_sample(modality), int(rate_of(self.steps, modality))
        length = layout.lengths(modality)[layout.sample_of_position(modality)]
        inside = (position >= steps) & (position - steps < length)
        index = np.arange(len(position), dtype=np.int64)
        return np.where(inside, index - steps, index), inside


_MOVED: tuple[Modality, ...] = ("audio", "vision")
