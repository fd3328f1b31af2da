"""Columns of a store: text and arrays, checked when they are read, and mapped where possible."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchmark.data.samples import DEFAULT_VOCABULARY, FloatArray, ModalityStream, StringArray


def write_strings(group: h5py.Group, title: str, texts: Sequence[str]) -> None:
    """Write texts as a group of `utf8`, all texts back to back, and their `offsets`."""
    encoded = [text.encode() for text in texts]
    column = group.create_group(title)
    column.create_dataset("utf8", data=np.frombuffer(b"".join(encoded), dtype="u1"))
    column.create_dataset("offsets", data=np.cumsum([0, *(len(e) for e in encoded)]).astype("<i8"))


def write_stream(group: h5py.Group, stream: ModalityStream) -> None:
    """Write one modality into its group."""
    write_strings(group, "feature_names", stream.feature_names)
    group.create_dataset("offsets", data=stream.offsets.astype("<i8"))
    group.create_dataset("observed", data=stream.observed.astype("u1"), compression="gzip", compression_opts=1)
    if stream.token_ids is not None:
        group.attrs["vocabulary"] = np.bytes_(stream.vocabulary.encode())
        group.create_dataset("token_ids", data=stream.token_ids.astype("<i4"))
    if stream.values is not None:
        group.create_dataset("values", data=stream.values.astype("<f4", copy=False))
    if stream.times is not None:
        group.create_dataset("times", data=stream.times.astype("<f4", copy=False))


def read_attribute(node: h5py.File | h5py.Group, title: str) -> str:
    """Read a text attribute; raises TypeError for another type, KeyError if it is missing."""
    value = node.attrs[title]
    if not isinstance(value, bytes):
        raise TypeError(f"attribute {title} is not text")
    return value.decode()


def member(group: h5py.Group, title: str) -> Any:
    """Return a member of a group; raises ValueError for a link to another place, KeyError if it is missing."""
    if not isinstance(group.get(title, getlink=True), h5py.HardLink):
        raise ValueError(f"{title[:80]!r} is a link to another place; refused")
    return group[title]


@dataclass(frozen=True)
class ColumnReader:
    """Reader of columns of the expected kind and shape, never larger than the file."""

    path: Path
    size: int

    def array(self, group: h5py.Group, title: str, kind: str, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
        """Read an array of this kind (NumPy type code) and shape (None: any); raises TypeError or ValueError."""
        array: npt.NDArray[Any] = self._column(group, title, kind, shape)[()].astype(np.dtype(kind), copy=False)
        return array

    def values(self, group: h5py.Group, title: str) -> FloatArray:
        """Return feature values `(P, D)`, read-only: mapped from the file, or read if they cannot be mapped."""
        column = self._column(group, title, "f4", (None, None))
        start = column.id.get_offset()  # None if they are not contiguous
        if start is None or sys.byteorder != "little" or column.dtype != np.dtype("<f4") or not column.size:
            return self.array(group, title, "f4", (None, None))
        if start + column.size * 4 > self.size:
            raise ValueError(f"{group.name}/{title} ends behind the file")
        mapped = np.memmap(self.path, np.float32, "r", offset=start, shape=column.shape)
        return mapped if mapped.flags.aligned else self.array(group, title, "f4", (None, None))

    def strings(self, group: h5py.Group, title: str, count: int) -> StringArray:
        """Read a column of `count` texts."""
        column = member(group, title)
        if not isinstance(column, h5py.Group):
            raise TypeError(f"{title} is not a column of text")
        cuts = self.array(column, "offsets", "i8", (count + 1,)).tolist()
        raw = self.array(column, "utf8", "u1", (None,)).tobytes()
        if cuts[0] != 0 or cuts[-1] != len(raw) or any(a > b for a, b in itertools.pairwise(cuts)):
            raise ValueError(f"{column.name} does not cut {len(raw)} bytes into {count} texts")
        return np.fromiter((raw[a:b].decode() for a, b in itertools.pairwise(cuts)), dtype=object, count=count)

    def stream(self, group: h5py.Group, n: int) -> ModalityStream:
        """Read one modality of n samples."""
        if not isinstance(group, h5py.Group):
            raise TypeError("a modality is not a group")
        # the number of positions is that of an uncompressed array, so that a damaged number cannot size the flags
        values = self.values(group, "values") if "values" in group else None
        tokens = self.array(group, "token_ids", "i4", (None,)).astype(np.int64) if "token_ids" in group else None
        positions = len(values) if values is not None else len(tokens) if tokens is not None else 0
        observed = self.array(group, "observed", "u1", (positions,))
        if observed.max(initial=0) > 1:
            raise ValueError(f"{group.name}/observed holds {observed.max()}, expected 0 and 1")
        names = self.strings(group, "feature_names", group["feature_names/offsets"].shape[0] - 1)
        return ModalityStream(
            offsets=self.array(group, "offsets", "i8", (n + 1,)),
            observed=observed.astype(np.bool_),
            values=values,
            token_ids=tokens,
            feature_names=tuple(names.tolist()),
            # stores written before Chinese text was supported do not name it
            vocabulary=read_attribute(group, "vocabulary") if "vocabulary" in group.attrs else DEFAULT_VOCABULARY,
            times=self.array(group, "times", "f4", (positions,)) if "times" in group else None,
        )

    def _column(self, group: h5py.Group, title: str, kind: str, shape: tuple[int | None, ...]) -> h5py.Dataset:
        found, dtype = member(group, title), np.dtype(kind)
        where = f"{group.name.rstrip('/')}/{title}"
        if not isinstance(found, h5py.Dataset) or found.dtype.newbyteorder("=") != dtype:
            raise TypeError(f"{where} is not an array of {dtype}")
        if found.external or found.is_virtual:
            raise ValueError(f"{where} lies in another file; refused")
        if len(found.shape) != len(shape) or any(e not in (None, f) for e, f in zip(shape, found.shape, strict=True)):
            wanted = ", ".join("any" if e is None else str(e) for e in shape)
            raise ValueError(f"{where} has shape {found.shape}, expected ({wanted})")
        if found.compression is None and found.size * dtype.itemsize > self.size:
            raise ValueError(f"{where} is larger than the file")
        return found
