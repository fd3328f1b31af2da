"""File object for HDF5, which otherwise crashes the process when a write fails, for example on a full disk."""

from __future__ import annotations

import io
from types import TracebackType


class GuardedFile:
    """File that holds back its first error and raises it when the `with` block ends.

    After an error, writes are dropped, and missing bytes are read as zeros.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._at = 0
        self._error: OSError | None = None

    def __enter__(self) -> GuardedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # an error of HDF5 follows from this one; an interruption does not
        if self._error is not None and (error is None or isinstance(error, Exception)):
            raise self._error from error

    def write(self, content: memoryview) -> int:
        """Write all of `content` at the current position."""
        done, size = 0, len(content)
        try:
            while done < size and self._error is None:
                self._file.seek(self._at + done)
                done += self._file.write(content[done:]) or 0
        except OSError as error:
            self._error = error
        self._at += size
        return size

    def readinto(self, target: memoryview) -> int:
        """Fill `target` from the current position."""
        self._file.seek(self._at)
        done = 0
        while done < len(target) and (count := self._file.readinto(target[done:])):
            done += count
        target[done:] = bytes(len(target) - done)
        self._at += len(target)
        return len(target)

    def read(self, size: int) -> bytes:
        """Read `size` bytes from the current position."""
        target = bytearray(size)
        self.readinto(memoryview(target))
        return bytes(target)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the current position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (self._file.seek(0, io.SEEK_END) if base is None else base)
        return self._at

    def tell(self) -> int:
        """Return the current position."""
        return self._at

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file."""
        wanted = self._at if size is None else size
        try:
            if self._error is None:
                self._file.truncate(wanted)
        except OSError as error:
            self._error = error
        return wanted

    def flush(self) -> None:
        """Do nothing, as writes are not buffered."""
