"""Conversion of padded arrays into ragged streams, shared by all importers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.features import Cleaning, clean, unusable
from benchmark.data.importers.blocks import Source, StreamedArray, blocks
from benchmark.data.importers.scratch import RowScratch
from benchmark.data.samples import BoolArray, IntArray, ModalityStream
from benchmark.words import visible
from protocols import InputError


def number_source(where: str, value: Any, dimensions: int) -> Source:
    """Check for numbers with `dimensions` axes, not copied; raises InputError with what was found."""
    if not isinstance(value, StreamedArray):
        return numbers(where, value, dimensions)
    _check_numbers(where, value, dimensions)
    return value


def numbers(where: str, value: Any, dimensions: int) -> npt.NDArray[Any]:
    """Return an array of numbers with `dimensions` axes; raises InputError with what was found."""
    array = any_array(where, value)
    _check_numbers(where, array, dimensions)
    return array


def any_array(where: str, value: Any) -> npt.NDArray[Any]:
    """Return an array of whatever a file holds; raises InputError for lists of unequal lengths and the like."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError, MemoryError) as error:
        raise InputError(f"{where}: is not an array ({' '.join(str(error).split())[:120]})") from error


def _check_numbers(where: str, array: Source, dimensions: int) -> None:
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where}: expected numbers, found {array.dtype}")
    if array.ndim != dimensions:
        raise InputError(f"{where}: expected {dimensions} dimensions, found shape {array.shape}")


def whole_numbers(where: str, value: Any, dimensions: int, low: int, high: int) -> IntArray:
    """Return whole numbers from `low` to `high`, stored as any kind of number; raises InputError otherwise."""
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
    """Return n strings; raises InputError with what was found.

    NUL characters and halves of surrogate pairs, which cannot be stored as text, are replaced by U+FFFD.
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


def clean_id(text: str) -> str:
    """Return an id without the blanks around it that tables of fixed width add, its hidden characters written out."""
    return visible(text.strip())


def identifiers(where: str | Callable[[int], str], value: Any, n: int) -> npt.NDArray[np.object_]:
    """Return n ids of samples or videos, cleaned by `clean_id`; raises InputError for an empty one."""
    name: Callable[[int], str] = (lambda i: f"{where}: entry {i}") if isinstance(where, str) else where
    ids = [clean_id(text) for text in strings(where if isinstance(where, str) else where(0), value, n).tolist()]
    if "" in ids:
        raise InputError(f"{name(ids.index(''))}: is empty; expected an id")
    return np.array(ids, dtype=object)


def _text(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def absent_stream(n: int) -> ModalityStream:
    """Make the stream of a modality that is missing in all n samples."""
    return ModalityStream(np.arange(n + 1, dtype=np.int64), np.zeros(n, np.bool_), np.zeros((n, 1), np.float32))


class StreamWriter:
    """Writer of one stream from the padded arrays of several parts, a block of samples at a time.

    All-zero frames are gaps, as are frames of which cleaning left no value. Exception: with a single feature column, a
    zero may be a measurement and is kept. A sample without frames becomes one frame that is not observed.

    Attributes:
        left_padded: Number of samples whose frames were at the end of the padded array, see `add`.
        beyond: Number of samples with more frames than their length, see `add`.
    """

    def __init__(self, cleaning: Cleaning) -> None:
        self.cleaning = cleaning
        self.left_padded = self.beyond = 0
        self._rows: RowScratch | None = None
        self._kept: list[IntArray] = []
        self._seen: list[BoolArray] = []

    def add(
        self,
        where: str,
        padded: Source,
        lengths: IntArray,
        *,
        starts: IntArray | None = None,
        observed: BoolArray | None = None,
        check_padding: bool = False,
    ) -> None:
        """Append the samples of a part.

        Args:
            where: Name of the array, for errors.
            padded: `(n, T, D)`.
            lengths: `(n,)` valid frames, 0 where the modality was never recorded.
            starts: `(n,)` first valid frame; None if frames begin at the start.
            observed: `(n, T)`: False at known gaps; None if the file does not tell.
            check_padding: Check the frames outside the lengths. If all frames before the last `length` ones are zero,
                and these hold values that the first `length` do not, the sample was padded on the left, and the last
                frames are used; other frames outside the length are dropped and counted.

        Raises:
            InputError: If shapes and lengths do not match, or the disk is full.
        """
        n, steps, width = padded.shape
        if width < 1:
            raise InputError(f"{where}: has no feature column, found shape {padded.shape}")
        if lengths.shape != (n,):
            raise InputError(f"{where}: expected {n} lengths, one for each sample, found {len(lengths)}")
        first = np.zeros(n, np.int64) if starts is None else starts
        wrong = np.flatnonzero((lengths < 0) | (first + lengths > steps))
        if len(wrong):
            raise InputError(
                f"{where}: sample {wrong[0]} has length {lengths[wrong[0]]}, expected 0 to {steps}, the padded length; "
                "the lengths do not belong to these features"
            )
        if self._rows is None:
            self._rows = RowScratch(width)
        if width != self._rows.width:
            raise InputError(
                f"{where}: has {width} feature columns, found {self._rows.width} in the part before; feature widths "
                "differ between train, valid and test, so the file is inconsistent"
            )
        done = 0
        for block in blocks(padded):
            rows = slice(done, done + len(block))
            begin, count = first[rows], lengths[rows]
            if check_padding:
                begin = self._where_frames_are(filled_frames(block), count)
            self._add_block(block, begin, count, None if observed is None else observed[rows])
            done += len(block)

    def stream(self) -> ModalityStream:
        """Return all added samples as one stream; values may be mapped from a nameless file."""
        if self._rows is None:
            raise ValueError("a stream needs at least one part")
        kept = np.concatenate(self._kept)
        offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        return ModalityStream(offsets, np.concatenate(self._seen), self._rows.array())

    def _where_frames_are(self, filled: BoolArray, lengths: IntArray) -> IntArray:
        """Find the first valid frame of each sample from the flags `(n, T)` of frames that are not zero."""
        steps = filled.shape[1]
        column = np.arange(steps)[None, :]
        outside = (filled & (column >= lengths[:, None])).any(axis=1)
        before = (filled & (column < (steps - lengths)[:, None])).any(axis=1)
        left = outside & ~before
        self.left_padded += int(left.sum())
        self.beyond += int((outside & before).sum())
        return np.where(left, steps - lengths, 0)

    def _add_block(
        self, block: npt.NDArray[Any], begin: IntArray, lengths: IntArray, observed: BoolArray | None
    ) -> None:
        column = np.arange(block.shape[1])[None, :]
        inside = (column >= begin[:, None]) & (column < (begin + lengths)[:, None])
        frames = block[inside]
        rows = clean(frames, self.cleaning)
        seen: BoolArray
        seen = np.any(rows, axis=1) if block.shape[2] > 1 else ~unusable(frames)[:, 0]
        if observed is not None:
            seen = seen & observed[inside]
        rows[~seen] = 0
        kept = np.maximum(lengths, 1)
        recorded = np.repeat(lengths > 0, kept)
        if not recorded.all():
            all_rows = np.zeros((len(recorded), block.shape[2]), np.float32)
            all_seen = np.zeros(len(recorded), np.bool_)
            all_rows[recorded], all_seen[recorded] = rows, seen
            rows, seen = all_rows, all_seen
        if self._rows is not None:
            self._rows.append(rows)
        self._kept.append(kept)
        self._seen.append(seen)


def filled_frames(padded: Source) -> BoolArray:
    """Flags `(n, T)` of the frames of a padded array `(n, T, D)` that are not all zero."""
    with np.errstate(invalid="ignore"):  # a signalling NaN is not zero
        flags = [np.any(block, axis=2) for block in blocks(padded)]
    return np.concatenate(flags) if flags else np.zeros(padded.shape[:2], np.bool_)


def filled_span(filled: BoolArray) -> tuple[IntArray, IntArray]:
    """Return, for flags `(n, T)`, the index of the first set one and that after the last; both 0 if none is set."""
    if not filled.shape[1]:
        return np.zeros(len(filled), np.int64), np.zeros(len(filled), np.int64)
    some = filled.any(axis=1)
    start = np.where(some, np.argmax(filled, axis=1), 0).astype(np.int64)
    stop = np.where(some, filled.shape[1] - np.argmax(filled[:, ::-1], axis=1), 0).astype(np.int64)
    return start, stop
