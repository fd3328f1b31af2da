"""Counter-based random numbers: every draw is a pure function of its name, replicate, sample and position.

A stream is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014)
whose seed is a hash of the draw's name and whose counter is the position. There is no state to advance, so a
value does not depend on other draws or on their order. Uniform numbers are compared as
53-bit integers, which makes masks equal bit for bit on every platform.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from protocols.layout import MODALITIES, BoolArray, FloatArray, KeyArray, Layout, Modality

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SCALE = 2**53

S = TypeVar("S", bound=np.generic)


def mix(state: KeyArray) -> KeyArray:
    """The SplitMix64 finaliser, element by element (a bijection of 64-bit words)."""
    z = state ^ (state >> np.uint64(30))
    z *= _MIX_1
    z ^= z >> np.uint64(27)
    z *= _MIX_2
    z ^= z >> np.uint64(31)
    return z


def hash_key(*parts: object) -> np.uint64:
    """64-bit hash of a tuple of names and numbers."""
    text = "\x1f".join(str(part) for part in parts)
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


class Stream:
    """The random numbers of one mechanism on one layout.

    Args:
        layout: The samples; only their own keys and lengths enter a sample's numbers.
        name: Purpose of the numbers. A parameter that must not change the draw (a rate) is not part of it.
        replicate: Repetition of the draw, 0 for the first; training draws put the epoch in here as well.
    """

    def __init__(self, layout: Layout, name: str, replicate: int | str) -> None:
        self._layout = layout
        self._name = name
        self._replicate = replicate

    def positions(self, modality: Modality, purpose: str = "position") -> KeyArray:
        """`(P,)`: 53 random bits for every position of a modality; they differ by purpose."""
        return self.remember((modality, purpose), lambda: self.keys(modality, purpose) >> np.uint64(11))

    def remember(self, key: Hashable, draw: Callable[[], npt.NDArray[S]]) -> npt.NDArray[S]:
        """Return the draw kept under `key`, or draw and keep it; see `Layout.remember`."""
        if isinstance(self._replicate, str):  # a training draw is used once
            return draw()
        return self._layout.remember((self._name, self._replicate, key), draw)

    def keys(self, modality: Modality, purpose: str) -> KeyArray:
        """`(P,)`: 64 random bits for every position, from which further numbers may be drawn."""
        seeds = self._seeds(modality, purpose)
        counter = self._layout.position_in_sample(modality).astype(np.uint64) + np.uint64(1)
        counter *= _GOLDEN
        counter += np.repeat(seeds, self._layout.lengths(modality))
        return mix(counter)

    def samples(self, purpose: str, modality: Modality | None = None) -> KeyArray:
        """`(n,)`: 53 random bits for every sample, or for every sample and modality."""
        return mix(self._seeds(modality, purpose)) >> np.uint64(11)

    def samples_by_modality(self, purpose: str) -> KeyArray:
        """`(n, 3)`: 53 random bits for every sample and modality."""
        return np.stack([self.samples(purpose, m) for m in MODALITIES], axis=1)

    def _seeds(self, modality: Modality | None, purpose: str) -> KeyArray:
        key = hash_key(self._name, self._replicate, modality or "sample", purpose)
        return mix(self._layout.sample_keys ^ key)


def below(bits: KeyArray, rate: float | FloatArray) -> BoolArray:
    """Flags of the uniform numbers of 53 bits below `rate`: nested in the rate, none at 0, all at 1."""
    threshold = np.asarray(np.ceil(np.asarray(rate, dtype=np.float64) * _SCALE), dtype=np.uint64)
    return bits < threshold


def uniform(bits: KeyArray) -> FloatArray:
    """53 bits as float64 in [0, 1)."""
    return bits.astype(np.float64) / _SCALE


def normals(keys: KeyArray, width: int) -> npt.NDArray[np.float32]:
    """Standard normal numbers `(Q, width)` from `(Q,)` keys, by the method of Box and Muller (1958).

    Equal for equal keys up to the rounding of a platform's logarithm and cosine; a column does not depend on `width`.
    """
    pairs = (width + 1) // 2
    steps = np.arange(1, 2 * pairs + 1, dtype=np.uint64) * _GOLDEN
    bits = mix(keys[:, None] + steps[None, :]) >> np.uint64(11)
    # from (0, 1], so that the logarithm is finite
    radius = np.sqrt(-2.0 * np.log((bits[:, 0::2] + np.uint64(1)).astype(np.float64) / _SCALE))
    angle = 2.0 * np.pi * uniform(bits[:, 1::2])
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2)
    return both.reshape(len(keys), 2 * pairs)[:, :width].astype(np.float32)
