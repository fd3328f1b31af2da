"""The archive of extracted features: the npz layout that `sentibench data import` reads, written clip by clip."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from protocols import InputError

_BLOCK = 4096


def write_archive(
    path: Path,
    ids: Sequence[str],
    parts: Sequence[Path],
    streams: Iterable[str],
    columns: Mapping[str, npt.NDArray[np.generic]],
    extraction: Mapping[str, Any],
) -> None:
    """Write the features of clips as one archive; one clip is in memory at a time.

    Args:
        path: Path of the archive.
        ids: Ids of the samples.
        parts: File of each clip's features, see `features.features_of`.
        streams: Arrays of the parts that hold streams, such as `audio.values` and `text.token_ids`.
        columns: Further arrays by name.
        extraction: Provenance of the features.

    Raises:
        InputError: If the features of two clips have different widths.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1, allowZip64=True) as archive:
        named = {"id": np.array(ids), "extraction": np.array(json.dumps(extraction)), **columns}
        for name, column in named.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, column, allow_pickle=False)
        for stream in streams:
            _write_stream(archive, ids, parts, stream)


def _write_stream(archive: zipfile.ZipFile, ids: Sequence[str], parts: Sequence[Path], stream: str) -> None:
    modality, _, content = stream.partition(".")
    lengths, width = np.zeros(len(parts), np.int64), 0
    for i, part in enumerate(parts):
        lengths[i], *rest = _member(part, stream).shape
        found = rest[0] if rest else 0
        if width and found != width:
            raise InputError(
                f"clip '{ids[i]}': has {found} {modality} features, and '{ids[0]}' has {width}; the extractor must "
                "return the same columns for all clips"
            )
        width = found
    steps = max(int(lengths.max(initial=0)), 1)
    with archive.open(f"{modality}.length.npy", "w") as file:
        np.lib.format.write_array(file, lengths)
    kinds = {"values": ("<f4", (width,)), "token_ids": ("<i8", ())}
    shapes: list[tuple[str, str, tuple[int, ...]]] = [("times", "<f4", ()), ("observed", "|b1", ())]
    for what, kind, shape in [(content, *kinds[content]), *shapes]:
        header = {"descr": kind, "fortran_order": False, "shape": (len(parts), steps, *shape)}
        size = np.dtype(kind).itemsize * int(np.prod(shape, dtype=np.int64))
        with archive.open(f"{modality}.{what}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part, length in zip(parts, lengths.tolist(), strict=True):
                file.write(np.ascontiguousarray(_member(part, f"{modality}.{what}")).astype(kind).tobytes())
                for first in range(length, steps, _BLOCK):
                    file.write(bytes(size * (min(first + _BLOCK, steps) - first)))


def _member(part: Path, name: str) -> npt.NDArray[Any]:
    with np.load(part, allow_pickle=False) as arrays:
        array: npt.NDArray[Any] = arrays[name]
    return array
