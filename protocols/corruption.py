"""Corruption of values: noise and substitution of those that a scenario leaves, and content that fills its gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from protocols.counter import normals, uniform
from protocols.layout import BoolArray, FloatArray, IntArray, KeyArray


@dataclass(frozen=True, eq=False)
class Noise:
    """Gaussian noise on feature vectors.

    Attributes:
        amplitude: `(P,)`: standard deviation of the noise as a multiple of the root mean square of the sample's
            features, over all features and those positions of the modality that the masks leave observed;
            `10 ** (-SNR / 20)`; 0 at all other positions.
        keys: `(P,)`: 64 bits from which the position's noise is drawn.
    """

    amplitude: FloatArray
    keys: KeyArray

    def values(self, width: int, positions: slice | IntArray | None = None) -> npt.NDArray[np.float32]:
        """Standard normal numbers times the amplitude, `(Q, width)`, to be multiplied by the root mean square."""
        chosen = slice(None) if positions is None else positions
        result: npt.NDArray[np.float32] = normals(self.keys[chosen], width) * self.amplitude[chosen, None].astype("f4")
        return result

    def bytes(self) -> bytes:
        """Content as bytes, for hashing."""
        return b"noise" + self.amplitude.astype("<f8").tobytes() + self.keys.astype("<u8").tobytes()


@dataclass(frozen=True, eq=False)
class Substitution:
    """Tokens replaced by others.

    Attributes:
        where: `(P,)`: True where the token is replaced.
        keys: `(P,)`: 53 bits that choose the replacement.
    """

    where: BoolArray
    keys: KeyArray

    def choose(self, choices: IntArray) -> IntArray:
        """Draw an element of `choices`, uniformly, for each True of `where`; `(Q,)`."""
        index = (uniform(self.keys[self.where]) * len(choices)).astype(np.int64)
        return choices[index]

    def bytes(self) -> bytes:
        """Content as bytes, for hashing."""
        return b"substitution" + np.packbits(self.where).tobytes() + self.keys[self.where].astype("<u8").tobytes()


@dataclass(frozen=True, eq=False)
class Shift:
    """Content that has moved within its stream.

    Attributes:
        source: `(P,)`: position of the same part whose content stands at each position.
    """

    source: IntArray

    def bytes(self) -> bytes:
        """Content as bytes, for hashing."""
        return b"shift" + self.source.astype("<i8").tobytes()


@dataclass(frozen=True, eq=False)
class Filling:
    """Content that stands at erased positions, so that the gap does not show.

    Attributes:
        own: `(P,)`: position of the same modality whose content is repeated here, such as the last observed frame; -1
            elsewhere.
        donor: `(P,)`: position of the training part whose content stands here; -1 elsewhere.
        donors: Identity of the training part: hash of its sample ids and lengths; empty if no content is from there.
    """

    own: IntArray
    donor: IntArray
    donors: str = ""

    @property
    def where(self) -> BoolArray:
        """`(P,)`: True at filled positions."""
        filled: BoolArray = (self.own >= 0) | (self.donor >= 0)
        return filled

    def bytes(self) -> bytes:
        """Content as bytes, for hashing."""
        return b"filling" + self.own.astype("<i8").tobytes() + self.donor.astype("<i8").tobytes() + self.donors.encode()


Corruption: TypeAlias = Noise | Substitution | Shift
