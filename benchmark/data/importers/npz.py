"""npz archives of the arrays that `benchmark.data.importers.arrays` lists.

Pickles are refused; values are unpacked and read a few samples at a time.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmark.data.importers.arrays import samples_of
from benchmark.data.importers.blocks import Source, StreamedArray
from benchmark.data.samples import Samples
from protocols import InputError

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(
    path: Path, name: str, sha256: str, vocabulary: str | None = None, labelled: bool = True, split: Path | None = None
) -> Samples:
    """Read an npz archive; see `import_file`.

    Large values are mapped from a nameless file in the data folder.
    """
    return samples_of(
        str(path), _members(path), name, source=path.name, layout="npz", sha256=sha256, vocabulary=vocabulary,
        labelled=labelled, split=split,
    )  # fmt: skip


def _members(path: Path) -> dict[str, Source]:
    """Return the arrays by name: values as streams, others read into memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            others = [info.filename for info in infos if not info.filename.endswith(".npy")]
            if others:
                raise InputError(
                    f"{path}: is a zip archive of other files ({', '.join(others[:3])}), not an npz archive; unpack "
                    "it, and import what is in it"
                )
            return {info.filename.removesuffix(".npy"): _member(path, archive, info) for info in infos}
    except InputError:
        raise
    except Exception as error:  # damaged bytes can make the readers of zip and npy raise any error
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{path}: not a readable npz archive of plain arrays ({reason}); download it again") from error


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Source:
    with archive.open(info) as file:
        if not info.filename.endswith(".values.npy"):
            return np.lib.format.read_array(file, allow_pickle=False)
        shape, fortran, dtype, start = _header(file)
        needed = math.prod(shape) * dtype.itemsize
        if needed != info.file_size - start and not dtype.hasobject:
            raise ValueError(f"{info.filename} has {info.file_size - start} bytes, its shape {shape} needs {needed}")
        if fortran or dtype.hasobject:
            file.seek(0)  # Fortran order: samples are not contiguous
            return np.lib.format.read_array(file, allow_pickle=False)

    @contextmanager
    def open_stream() -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(path) as again, again.open(info.filename) as stream:
            stream.seek(start)
            yield stream

    return StreamedArray(f"{path}: {info.filename}", shape, dtype, open_stream)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"array format {version[0]}.{version[1]}, expected 1.0 or 2.0")
    shape, fortran, dtype = _HEADERS[version](file)
    return shape, fortran, dtype, file.tell()
