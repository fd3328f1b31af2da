"""Present but wrong: values that a scenario corrupts but does not erase. Integrity does not count them as missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols.corruption import Noise, Substitution
from protocols.counter import Stream, below
from protocols.layout import Layout
from protocols.mechanisms.base import Corrupted, Mechanism, number, probability, register_mechanism


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
