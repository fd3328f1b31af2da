"""Padded arrays into ragged streams: what all importers share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.features import Cleaning, clean, unusable
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


def whole_numbers(where: str, value: Any, dimensions: int, low: int, high: int) -> IntArray:
    """An array of whole numbers from `low` to `high`, stored as any kind of number; raises InputError otherwise."""
    array = numbers(where, value, dimensions)
    bad = ~((array >= low) & (array <= high) & (array == np.floor(array)))
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{where}: expected whole numbers from {low} to {high}, found {array[at]} at {at}; the file is damaged, or "
            "its arrays do not belong together"
        )
    return array.astype(np.int64)


def strings(where: str, value: Any, n: int) -> npt.NDArray[np.object_]:
    """n strings; raises InputError that says what was found.

    NUL characters and halves of surrogate pairs, which cannot be stored as text, become U+FFFD.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: is not a list of strings") from error
    if array.shape != (n,):
        raise InputError(f"{where}: expected {n} entries, found shape {array.shape}")
    return np.array(
        [_text(item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)) for item in array.tolist()],
        dtype=object,
    )


def _text(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def value_stream(
    where: str, padded: npt.NDArray[Any], lengths: IntArray, observed: BoolArray | None, cleaning: Cleaning
) -> ModalityStream:
    """Drop padding, clean values, mark gaps.

    All-zero frames are gaps as well, known or not, as are frames of which cleaning left nothing. Not so a zero in
    features of one column, which may well be a measurement.

    Args:
        where: Names the array in errors.
        padded: `(n, T, D)`.
        lengths: `(n,)` valid frames, 0 where the modality was never recorded.
        observed: `(n, T)`: False at known gaps; None where the file does not say.
        cleaning: Replaced values are counted here.
    """
    n, steps, width = padded.shape
    if width < 1:
        raise InputError(f"{where}: has no feature column, found shape {padded.shape}")
    if lengths.shape != (n,):
        raise InputError(f"{where}: expected {n} lengths, one a sample, found {len(lengths)}")
    wrong = np.flatnonzero((lengths < 0) | (lengths > steps))
    if len(wrong):
        raise InputError(
            f"{where}: sample {wrong[0]} has length {lengths[wrong[0]]}, expected 0 to {steps}, the padded length; the "
            "lengths do not belong to these features"
        )
    kept = np.maximum(lengths, 1)
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    values = np.zeros((int(offsets[-1]), width), dtype=np.float32)
    seen = np.zeros(int(offsets[-1]), dtype=np.bool_)
    for i in range(n):
        stop = offsets[i] + lengths[i]
        frames = padded[i, : lengths[i]]
        rows = clean(frames, cleaning)
        values[offsets[i] : stop] = rows
        seen[offsets[i] : stop] = rows.any(axis=1) if width > 1 else ~unusable(frames)[:, 0]
        if observed is not None:
            seen[offsets[i] : stop] &= observed[i, : lengths[i]]
    values[~seen] = 0
    return ModalityStream(offsets, seen, values)
