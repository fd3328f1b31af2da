"""A file mapped into memory, as the reader of a pickle needs it, and text in it that encodes bytes."""

from __future__ import annotations

import codecs
import mmap
from pathlib import Path

import numpy as np

_PIECE = 1 << 20


class TooShort(EOFError):
    """Error for a file that is shorter than it announces; the message gives its size and the expected size."""


class MappedFile:
    """A file read from a memory map, never beyond its end.

    A damaged size can thus not fill the memory. Pages of the map belong to the file, so the system can reclaim them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.size = path.stat().st_size
            # an empty file cannot be mapped
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.size else b""
        self._view = memoryview(self._map)
        self._at = 0

    def need(self, count: int) -> None:
        """Check that `count` bytes are left.

        Raises:
            TooShort: If they are not.
        """
        if count > self.size - self._at:
            raise TooShort(f"it has {self.size} bytes, expected at least {self._at + count}")

    def view(self, count: int) -> memoryview:
        """Return the next `count` bytes, not copied."""
        self.need(count)
        self._at += count
        return self._view[self._at - count : self._at]

    def read(self, count: int) -> bytes:
        """Read the next `count` bytes."""
        return bytes(self.view(count))

    def readline(self) -> bytes:
        """Read bytes up to and including the next end of line."""
        end = self._map.find(b"\n", self._at)
        if end < 0:
            raise TooShort(f"it has {self.size} bytes, expected more")
        return self.read(end + 1 - self._at)


class LatinText:
    """UTF-8 text whose characters encode bytes, read as these bytes, piece by piece."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._left = b""

    def size(self) -> int:
        """Number of characters, hence of bytes."""
        count = 0
        for first in range(0, len(self._view), _PIECE):
            piece = np.frombuffer(self._view[first : first + _PIECE], dtype=np.uint8)
            count += int(np.count_nonzero((piece & 0xC0) != 0x80))  # every byte that does not continue a character
        return count

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes, none at the end; all remaining ones if `size` is negative.

        Raises:
            ValueError: If the text is not UTF-8, or a character does not encode a byte.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(_PIECE), b""))
        while not self._left and self._at < len(self._view):
            piece = self._view[self._at : self._at + _PIECE]
            self._at += len(piece)
            final = self._at == len(self._view)
            self._left = self._decoder.decode(bytes(piece), final).encode("latin-1")
        taken, self._left = self._left[:size], self._left[size:]
        return taken
