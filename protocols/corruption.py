"""What a scenario does to values that stay: they are there, and wrong."""

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
            `10 ** (-SNR / 20)`. At other positions there is no noise.
        keys: `(P,)`: 64 bits that stand for the position's noise.
    """

    amplitude: FloatArray
    keys: KeyArray

    def values(self, width: int, positions: slice | IntArray | None = None) -> npt.NDArray[np.float32]:
        """`(Q, width)`: standard normal numbers times the amplitude, to be multiplied by the root mean square."""
        chosen = slice(None) if positions is None else positions
        result: npt.NDArray[np.float32] = normals(self.keys[chosen], width) * self.amplitude[chosen, None].astype("f4")
        return result

    def bytes(self) -> bytes:
        """What identifies it."""
        return b"noise" + self.amplitude.astype("<f8").tobytes() + self.keys.astype("<u8").tobytes()


@dataclass(frozen=True, eq=False)
class Substitution:
    """Tokens replaced by others.

    Attributes:
        where: `(P,)`: True where the token is another one.
        keys: `(P,)`: 53 bits that choose it.
    """

    where: BoolArray
    keys: KeyArray

    def choose(self, choices: IntArray) -> IntArray:
        """`(Q,)`, one for each True of `where`: an element of `choices`, each as likely as the next."""
        index = (uniform(self.keys[self.where]) * len(choices)).astype(np.int64)
        return choices[index]

    def bytes(self) -> bytes:
        """What identifies it."""
        return b"substitution" + np.packbits(self.where).tobytes() + self.keys[self.where].astype("<u8").tobytes()


Corruption: TypeAlias = Noise | Substitution
