"""npz archives: `id`, `label`, `split.<name>`; for each modality `<modality>.values` (n, T, D) and `.observed` (n, T).

Optional: `raw_text`, `video_id`. No pickles inside; all T steps are positions, and gaps are where `observed` is False.
Values are unpacked and read a few samples at a time.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from benchmark.data.features import Cleaning
from benchmark.data.importers.assemble import number_source, numbers, strings, value_stream
from benchmark.data.importers.blocks import Source, StreamedArray
from benchmark.data.samples import PARTS, BoolArray, ModalityStream, PartArray, Provenance, Samples
from protocols import MODALITIES, InputError, Modality, unknown_name

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: Path, name: str, sha256: str, label_range: tuple[float, float] | None) -> Samples:
    """Samples of an npz archive; see `import_file`.

    Values that do not fit a small share of the memory are mapped from a nameless file in the data folder.
    """
    arrays = _members(path)
    for key in ("id", "label", *(f"{m}.{what}" for m in MODALITIES for what in ("values", "observed"))):
        if key not in arrays:
            raise InputError(f"{path}: has no array '{key}'; found {', '.join(arrays) or 'nothing'}")
    with np.errstate(over="ignore"):
        label = numbers(f"{path}: label", arrays["label"], 1).astype(np.float32)
    n = len(label)
    ids = strings(f"{path}: id", arrays["id"], n)
    cleaning = {m: Cleaning() for m in MODALITIES}
    streams = {m: _stream(path, m, arrays, n, cleaning[m]) for m in MODALITIES}
    splits = {
        key.removeprefix("split."): _split(path, key, arrays[key], n) for key in arrays if key.startswith("split.")
    }
    if not splits:
        raise InputError(f"{path}: has no array 'split.<name>' that assigns samples to train, valid and test")
    return Samples(
        name=name,
        ids=ids,
        video_ids=strings(f"{path}: video_id", arrays["video_id"], n) if "video_id" in arrays else ids,
        raw_text=strings(f"{path}: raw_text", arrays["raw_text"], n)
        if "raw_text" in arrays
        else np.array([""] * n, dtype=object),
        label=label,
        streams=streams,
        splits=splits,
        provenance=Provenance(
            source=path.name,
            source_sha256=sha256,
            layout="npz",
            label_range=label_range or (-3.0, 3.0),
            cleaning={m: c.counts() for m, c in cleaning.items()},
            notes=("text is word vectors: a word is erased as a zero vector, and no text encoder is used",),
        ),
    )


def _members(path: Path) -> dict[str, Source]:
    """The arrays by name: values as streams, all others read."""
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
    except Exception as error:  # damaged bytes can make the readers of zip and npy raise anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{path}: not a readable npz archive of plain arrays ({reason}); download it again") from error


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Source:
    with archive.open(info) as file:
        if not info.filename.endswith(".values.npy"):
            read: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return read
        shape, fortran, dtype, start = _header(file)
        needed = math.prod(shape) * dtype.itemsize
        if needed != info.file_size - start and not dtype.hasobject:
            raise ValueError(f"{info.filename} has {info.file_size - start} bytes, its shape {shape} needs {needed}")
        if fortran or dtype.hasobject:
            file.seek(0)  # columns first: no sample lies in one piece
            whole: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return whole

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


def _stream(path: Path, modality: Modality, arrays: Mapping[str, Source], n: int, cleaning: Cleaning) -> ModalityStream:
    where = f"{path}: {modality}.values"
    values = number_source(where, arrays[f"{modality}.values"], 3)
    observed: BoolArray = numbers(f"{path}: {modality}.observed", arrays[f"{modality}.observed"], 2).astype(np.bool_)
    if values.shape[0] != n or observed.shape != values.shape[:2]:
        raise InputError(
            f"{where}: expected ({n}, T, D), and {modality}.observed ({n}, T); found {values.shape}, {observed.shape}"
        )
    return value_stream(where, values, np.full(n, values.shape[1], dtype=np.int64), observed, cleaning)


def _split(path: Path, key: str, value: Any, n: int) -> PartArray:
    words = strings(f"{path}: {key}", value, n)
    for word in words:
        if word not in PARTS:
            raise unknown_name(f"part in {path}: {key}:", str(word), PARTS)
    for part in ("train", "valid", "test"):
        if part not in words:
            raise InputError(f"{path}: {key}: has no {part} sample; train, valid and test each need some")
    return np.array([PARTS[word] for word in words], dtype=np.uint8)
