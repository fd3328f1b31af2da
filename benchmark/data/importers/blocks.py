"""Large arrays of a file, read a few samples at a time, so that an import never holds a whole padded array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from protocols import InputError

#: Number of bytes read at a time (at least one sample).
BLOCK_BYTES = 4 << 20


class ByteStream(Protocol):
    """Source of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes; none at the end."""


class StreamedArray:
    """An array in C order whose bytes are read from a stream; every pass opens the stream again.

    Args:
        where: Name of the array, for errors.
        shape, dtype: Shape and dtype of the array.
        open_stream: Function that opens the stream at the first byte of the array.
    """

    def __init__(
        self,
        where: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        open_stream: Callable[[], AbstractContextManager[ByteStream]],
    ) -> None:
        self.where, self.shape, self.dtype = where, shape, dtype
        self._open = open_stream

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the array from first to last, some entries of the first axis at a time.

        Raises:
            InputError: If the stream is damaged, or has another number of bytes than the shape needs.
        """
        entry = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        with self._open() as stream:
            for first, last in _cuts(self.shape[0], entry):
                try:
                    buffer = bytearray((last - first) * entry)
                except (MemoryError, OverflowError) as error:
                    raise InputError(
                        f"{self.where}: one entry of an array of shape {self.shape} does not fit the memory; the "
                        "file is damaged, download it again"
                    ) from error
                self._fill(stream, memoryview(buffer))
                yield np.frombuffer(buffer, self.dtype).reshape(last - first, *self.shape[1:])
            if self._read(stream, 1):
                raise InputError(f"{self.where}: holds more bytes than an array of shape {self.shape}; it is damaged")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        result = np.empty(self.shape, self.dtype)
        first = 0
        for block in self.blocks():
            result[first : first + len(block)] = block
            first += len(block)
        return result if dtype is None else result.astype(dtype)

    def _fill(self, stream: ByteStream, target: memoryview) -> None:
        done = 0
        while done < len(target):
            piece = self._read(stream, len(target) - done)
            if not piece:
                raise InputError(
                    f"{self.where}: ends too early, before its shape {self.shape} is filled; download it again"
                )
            target[done : done + len(piece)] = piece
            done += len(piece)

    def _read(self, stream: ByteStream, size: int) -> bytes:
        try:
            return stream.read(size)
        except InputError:
            raise
        except Exception as error:  # damaged bytes can make a decompressor raise any error
            reason = " ".join(str(error).split())[:160] or type(error).__name__
            raise InputError(f"{self.where}: cannot be read ({reason}); download the file again") from error


class RaggedArray(StreamedArray):
    """Rows of differing lengths as one array that is padded with zeros, some rows at a time.

    Args:
        where: Name of the array, for errors.
        rows: n arrays `(T, D)` of numbers with one D.
    """

    def __init__(self, where: str, rows: Sequence[npt.NDArray[Any]]) -> None:
        longest = max(map(len, rows))
        dtype = np.result_type(*{row.dtype for row in rows})
        super().__init__(where, (len(rows), longest, rows[0].shape[1]), dtype, lambda: nullcontext(BytesIO()))
        self._rows = rows

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the padded array from first to last, some rows at a time."""
        for first, last in _cuts(len(self._rows), int(np.prod(self.shape[1:])) * self.dtype.itemsize):
            block = np.zeros((last - first, *self.shape[1:]), self.dtype)
            for padded, row in zip(block, self._rows[first:last], strict=True):
                padded[: len(row)] = row
            yield block


#: An array in memory (or mapped from a file), or one that is read from a stream.
Source: TypeAlias = npt.NDArray[Any] | StreamedArray


def blocks(source: Source) -> Iterator[npt.NDArray[Any]]:
    """Yield an array from first to last, about `BLOCK_BYTES` of the first axis at a time."""
    if isinstance(source, StreamedArray):
        yield from source.blocks()
        return
    entry = int(np.prod(source.shape[1:], dtype=np.int64)) * source.dtype.itemsize
    for first, last in _cuts(len(source), entry):
        yield source[first:last]


def _cuts(count: int, entry: int) -> Iterator[tuple[int, int]]:
    step = max(1, BLOCK_BYTES // max(entry, 1))
    for first in range(0, count, step):
        yield first, min(first + step, count)
