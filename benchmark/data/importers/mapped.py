"""A file mapped into memory, as a pickle's reader needs it, and text in it that stands for bytes."""

from __future__ import annotations

import codecs
import mmap
from pathlib import Path

import numpy as np

_PIECE = 1 << 20


class TooShort(EOFError):
    """The file ends before what it announces; the message says how many bytes it has, and how many it needs."""


class MappedFile:
    """A file that is read from a map of it, and never asked for more than it has left.

    A damaged size can thus not fill the memory. Pages of the map belong to the file: the system takes them back
    whenever it needs them.
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
            TooShort: when they are not.
        """
        if count > self.size - self._at:
            raise TooShort(f"it has {self.size} bytes, expected at least {self._at + count}")

    def view(self, count: int) -> memoryview:
        """The next `count` bytes, not copied."""
        self.need(count)
        self._at += count
        return self._view[self._at - count : self._at]

    def read(self, count: int) -> bytes:
        """The next `count` bytes."""
        return bytes(self.view(count))

    def readline(self) -> bytes:
        """Bytes up to the next end of line, which is included."""
        end = self._map.find(b"\n", self._at)
        if end < 0:
            raise TooShort(f"it has {self.size} bytes, expected more")
        return self.read(end + 1 - self._at)


class LatinText:
    """UTF-8 text whose characters stand for bytes, read as these bytes, piece by piece.

    Args:
        view: The text as it is in the file.
    """

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
        """At most `size` bytes, none at the end; all that are left where `size` is negative.

        Raises:
            ValueError: when the text is no UTF-8, or has a character that stands for no byte.
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
