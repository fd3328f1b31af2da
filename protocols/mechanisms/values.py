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
    """Audio and vision are late by `steps` positions or by `seconds`, or early where negative: streams out of step.

    Position t of a stream shows what belongs to position t - `steps`, or to the position nearest in time to that many
    `seconds` earlier, for data sets that store the times of frames. Positions whose content lies outside the sample, or
    was never recorded, are erased. `shift(steps={audio: 5})` moves one of the two. The text stays in its place.
    """

    steps: int | Mapping[Modality, int] | None = None
    seconds: float | Mapping[Modality, float] | None = None

    adds_noise = False
    kind = "value"
    known_from = "streams that are recorded by several devices"

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise InputError("shift: give either steps or seconds, as in shift(steps=5) or shift(seconds=0.5)")
        if self.steps is None:
            self._set("seconds", self.seconds, "audio and vision move, not text", float)
        else:
            self._set("steps", self.steps, "steps must be whole numbers for audio and vision", int)

    def _set(self, field: str, given: object, rule: str, kind: type[int] | type[float]) -> None:
        amount = by_modality("shift", field, given, -1e6, 1e6)
        values = amount.values() if isinstance(amount, dict) else (amount,)
        if any(value != kind(value) for value in values) or (isinstance(amount, dict) and amount["text"]):
            raise InputError(f"shift: {rule}, found {show(given)}")
        moved = {m: kind(amount[m]) for m in _MOVED} if isinstance(amount, dict) else kind(amount)
        object.__setattr__(self, field, moved)

    def erase(self, layout: Layout, present: BoolArray, stream: Stream) -> Erased:
        """Erase the positions without content."""
        erased: dict[Modality, BoolArray] = {}
        for m in _MOVED:
            source, inside = self._source(layout, m)
            erased[m] = ~inside | ~layout.observed[m][source]
        return erased

    def corrupt(self, layout: Layout, stream: Stream) -> Corrupted:
        """Move the content of audio and vision."""
        return {m: Shift(self._source(layout, m)[0]) for m in _MOVED if self._amount(m)}

    def _amount(self, modality: Modality) -> float:
        given = self.seconds if self.steps is None else self.steps
        return 0.0 if given is None else rate_of(given, modality)

    def _source(self, layout: Layout, modality: Modality) -> tuple[IntArray, BoolArray]:
        """`(P,)` position whose content stands at each one (itself where there is none), and where there is one."""
        position, amount = layout.position_in_sample(modality), self._amount(modality)
        index = np.arange(len(position), dtype=np.int64)
        if self.steps is None and amount:
            earlier, inside = _earlier(layout, modality, amount)
            return np.where(inside, earlier, index), inside
        steps = int(amount)
        length = layout.lengths(modality)[layout.sample_of_position(modality)]
        inside = (position >= steps) & (position - steps < length)
        return np.where(inside, index - steps, index), inside


def _earlier(layout: Layout, modality: Modality, seconds: float) -> tuple[IntArray, BoolArray]:
    """`(P,)` position of the same sample nearest to `seconds` earlier, and whether that time is within the sample."""
    times = None if layout.times is None else layout.times(modality)
    if times is None:
        raise InputError(f"shift: these samples have no times of {modality}; use shift(steps=...) in place of seconds")
    owner, offsets = layout.sample_of_position(modality), layout.offsets[modality]
    order = np.lexsort((times, owner))
    known, wanted = times[order], times - seconds
    # samples lie one after the other on one axis, so that a single search finds all
    span = float(times.max(initial=0.0) - times.min(initial=0.0)) + 2 * abs(seconds) + 1.0
    after = np.searchsorted(known + span * owner[order], wanted + span * owner)
    low, high = offsets[:-1][owner], offsets[1:][owner] - 1
    before, after = np.clip(after - 1, low, high), np.clip(after, low, high)
    nearest = np.where(np.abs(known[after] - wanted) < np.abs(known[before] - wanted), after, before)
    inside = (wanted >= known[low] - _CLOCK) & (wanted <= known[high] + _CLOCK)
    return order[nearest].astype(np.int64), inside


#: Differences of times, in seconds, that are rounding errors.
_CLOCK = 1e-3
_MOVED: tuple[Modality, ...] = ("audio", "vision")
