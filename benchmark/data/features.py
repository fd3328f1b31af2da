"""Cleaning of feature values: what is not a finite float32 is replaced by 0 and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.samples import BoolArray, FloatArray

_BLOCK = 4096
#: Beyond this a value is an overflow of the extractor (COVAREP is known for it), not a measurement.
LARGEST = 1e30


@dataclass
class Cleaning:
    """How many values were replaced, by reason."""

    nan: int = 0
    inf: int = 0
    overflow: int = 0

    def counts(self) -> dict[str, int]:
        """As filed in the provenance."""
        return {"nan": self.nan, "inf": self.inf, "overflow": self.overflow}


def clean(values: npt.NDArray[np.generic], cleaning: Cleaning) -> FloatArray:
    """Rows `(P, D)` as finite float32, replaced values counted in `cleaning`; works in blocks of rows."""
    result = np.empty(values.shape, dtype=np.float32)
    for first in range(0, len(values), _BLOCK):
        block = np.asarray(values[first : first + _BLOCK])
        bad = unusable(block)
        if bad.any():
            nan, inf = int(np.isnan(block).sum()), int(np.isinf(block).sum())
            cleaning.nan += nan
            cleaning.inf += inf
            cleaning.overflow += int(bad.sum()) - nan - inf
            block = np.where(bad, 0, block)
        result[first : first + _BLOCK] = block
    return result


def unusable(values: npt.NDArray[Any]) -> BoolArray:
    """Which values `clean` replaces: NaN, infinities, and what is beyond `LARGEST`; any shape."""
    # whole numbers and half precision cannot be beyond it, and half precision cannot hold it
    if values.dtype.kind != "f" or values.dtype.itemsize < 4:
        finite: BoolArray = ~np.isfinite(values)
        return finite
    flags: BoolArray = ~(np.abs(values) <= LARGEST)  # the comparison is false for NaN
    return flags
