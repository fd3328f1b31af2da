"""Budget of memory that reading one pickle may cost, in proportion to the size of the file.

A pickle may refer to one of its parts again and again in two bytes: without a limit, a few hundred bytes make a tree
that fills the memory, or a key whose hash never ends.
"""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np

#: Bytes that a byte of the file may cost: an empty list in a list, one byte in the file, takes 8 in the list alone.
_FACTOR = 16
#: Bytes that any file may cost.
_FREE = 1 << 20
#: Cost of a reference, and of a number that a range makes.
POINTER, NUMBER = 8, 36


class Refused(pickle.UnpicklingError):
    """Error for a pickle that asks for a refused object or describes an impossible array."""


class Budget:
    """Bytes that are left to spend.

    Args:
        size: Size of the file in bytes.
    """

    def __init__(self, size: int) -> None:
        self._left = _FACTOR * size + _FREE

    def spend(self, cost: int) -> None:
        """Take a cost off, before the memory is used.

        Raises:
            Refused: If more is asked for than is left.
        """
        self._left -= cost
        if self._left < 0:
            raise Refused("repeats its parts without end; refused: it holds far more values than bytes")

    def spend_on(self, value: Any) -> None:
        """Take off the cost of one use of a value, without the values inside."""
        if isinstance(value, range):
            self.spend(NUMBER * len(value))
        elif isinstance(value, str | bytes | bytearray):
            self.spend(POINTER + len(value))
        elif hasattr(value, "dtype"):
            self.spend(POINTER + math.prod(value.shape) * value.dtype.itemsize)
        else:
            self.spend(POINTER)

    def key(self, key: Any) -> Any:
        """Check a key before it is hashed, which visits all values inside; returns it.

        Raises:
            Refused: For a key other than text, bytes, a number of 64 bits, None, and tuples and frozen sets of these.
        """
        inside = [key]
        while inside:
            one = inside.pop()
            self.spend(POINTER)
            if isinstance(one, tuple | frozenset):
                inside.extend(one)
            elif (isinstance(one, int) and one.bit_length() > 64) or not isinstance(
                one, str | bytes | int | float | np.generic | None
            ):
                raise Refused(f"has a {type(one).__name__} as key; refused: keys are text and plain numbers")
        return key
