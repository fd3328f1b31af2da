"""Cleaning of feature values: values that are not a finite float32 are replaced by 0 and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.samples import BoolArray, FloatArray

_BLOCK = 4096
#: Largest valid absolute value; a larger one is an overflow of the extractor (known of COVAREP).
LARGEST = 1e30


@dataclass
class Cleaning:
    """Numbers of replaced values, by reason."""

    nan: int = 0
    inf: int = 0
    overflow: int = 0

    def counts(self) -> dict[str, int]:
        """Return the counts as stored in the provenance."""
        return {"nan": self.nan, "inf": self.inf, "overflow": self.overflow}


def clean(values: npt.NDArray[np.generic], cleaning: Cleaning) -> FloatArray:
    """Return rows `(P, D)` as finite float32 and count replaced values in `cleaning`; works in blocks of rows."""
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
    """Flags of the values that `clean` replaces: NaN, infinities, and values beyond `LARGEST`; any shape."""
    # whole numbers and half precision cannot exceed it, and half precision cannot represent it
    if values.dtype.kind != "f" or values.dtype.itemsize < 4:
        finite: BoolArray = ~np.isfinite(values)
        return finite
    flags: BoolArray = ~(np.abs(values) <= LARGEST)  # the comparison is false for NaN
    return flags
