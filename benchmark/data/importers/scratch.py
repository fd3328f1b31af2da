"""Buffer of the ragged values of an import until the store is written: in memory, or, if large, in a nameless file.

The file is in the data folder, on the disk of the future store (the system's folder for temporary files is memory on
many machines). It has no name, so that it is removed with the process, however that ends.
"""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np
import numpy.typing as npt

from benchmark.data.home import data_home
from benchmark.data.samples import FloatArray
from protocols import InputError

#: Largest number of values of one stream that stay in memory.
MEMORY_BYTES = 8 << 20


class RowScratch:
    """Rows `(K, D)` of float32, collected block by block, then read as one array."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows = 0
        self._blocks: list[FloatArray] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def append(self, block: FloatArray) -> None:
        """Add rows `(K, D)`.

        Raises:
            InputError: If the disk is full, or the data folder cannot be written.
        """
        self.rows += len(block)
        self._blocks.append(block)
        self._held += block.nbytes
        if self._held > MEMORY_BYTES or self._file is not None:
            self._spill()

    def array(self) -> FloatArray:
        """Return all rows, read-only: in memory, or mapped from the file. No row can be added afterwards."""
        result: npt.NDArray[np.float32]
        if self._file is None:
            result = np.concatenate(self._blocks) if self._blocks else np.zeros((0, self.width), np.float32)
            self._blocks = []
            result.flags.writeable = False
            return result
        try:
            self._file.flush()
            result = np.memmap(self._file, np.float32, "r", shape=(self.rows, self.width))
        except OSError as error:
            raise _unwritable(error) from error
        self._file.close()  # the mapping keeps the content
        return result

    def _spill(self) -> None:
        try:
            if self._file is None:
                data_home().mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=data_home(), prefix=".import-")  # noqa: SIM115
            while self._blocks:
                self._file.write(np.ascontiguousarray(self._blocks.pop(0), np.float32).data)
        except OSError as error:
            raise _unwritable(error) from error
        self._held = 0


def _unwritable(error: OSError) -> InputError:
    return InputError(
        f"{data_home()}: the values of the import cannot be written there ({error.strerror or error}); make room, or "
        "name another folder with SENTIBENCH_HOME"
    )
