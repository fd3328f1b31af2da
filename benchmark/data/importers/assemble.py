"""Padded arrays into ragged streams: what all importers share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.features import Cleaning, clean
from benchmark.data.samples import BoolArray, IntArray, ModalityStream
from protocols import InputError


def numbers(where: str, value: Any, dimensions: int) -> npt.NDArray[Any]:
    """An array of numbers with so many dimensions; raises InputError that says what was found."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, MemoryError) as error:
        raise InputError(f"{where}: is not an array ({' '.join(str(error).split())[:120]})") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where}: expected numbers, found {array.dtype}")
    if array.ndim != dimensions:
        raise InputError(f"{where}: expected {dimensions} dimensions, found shape {array.shape}")
    return array


def strings(where: str, value: Any, n: int) -> npt.NDArray[np.object_]:
    """n strings; raises InputError that says what was found."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: is not a list of strings") from error
    if array.shape != (n,):
        raise InputError(f"{where}: expected {n} entries, found shape {array.shape}")
    return np.array(
        [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in array.tolist()],
        dtype=object,
    )


def value_stream(
    where: str, padded: npt.NDArray[Any], lengths: IntArray, observed: BoolArray | None, cleaning: Cleaning
) -> ModalityStream:
    """Drop padding, clean values, mark gaps.

    Args:
        where: Names the array in errors.
        padded: `(n, T, D)`.
        lengths: `(n,)` valid frames, 0 where the modality was never recorded.
        observed: `(n, T)`; None takes all-zero frames for gaps.
        cleaning: Replaced values are counted here.
    """
    n, steps, width = padded.shape
    if width < 1:
        raise InputError(f"{where}: has no feature column, found shape {padded.shape}")
    if lengths.shape != (n,) or (n and (lengths.min() < 0 or lengths.max() > steps)):
        raise InputError(f"{where}: lengths must be {n} numbers from 0 to {steps}, the padded length")
    kept = np.maximum(lengths, 1)
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    values = np.zeros((int(offsets[-1]), width), dtype=np.float32)
    seen = np.zeros(int(offsets[-1]), dtype=np.bool_)
    for i in range(n):
        stop = offsets[i] + lengths[i]
        rows = clean(padded[i, : lengths[i]], cleaning)
        values[offsets[i] : stop] = rows
        seen[offsets[i] : stop] = rows.any(axis=1) if observed is None else observed[i, : lengths[i]]
    values[~seen] = 0
    return ModalityStream(offsets, seen, values)
