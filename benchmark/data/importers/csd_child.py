"""Reader of `.csd` files in a separate process; run as a script by `csd_files`, never imported.

HDF5 is a C library, and a damaged file can crash or hang it; then only this process is lost. Commands are lines of
JSON; answers are lines of JSON, followed by an array if they have a number of `bytes`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

import h5py
import numpy as np

_LONGEST_WORD = 1000
#: Highest compression ratio of deflate, 1032 to 1, rounded up.
_PACKED = 1100
_SPARE = 1 << 20


def _member(group: h5py.Group, name: str) -> Any:
    # a link may point to another file, whose content would enter the data set
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name[:80]!r} is a link to another place; refused")
    return group[name]


def _group(parent: h5py.Group, name: str) -> h5py.Group:
    if name not in parent:
        raise ValueError(f"has no group {name[:80]!r}; found {', '.join(sorted(parent))[:120] or 'nothing'}")
    group = _member(parent, name)
    if not isinstance(group, h5py.Group):
        raise ValueError(f"{name[:80]!r} is not a group")
    return group


def _dataset(parent: h5py.Group, name: str, where: str) -> h5py.Dataset:
    if name not in parent:
        raise ValueError(f"{where} has no {name}")
    dataset = _member(parent, name)
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{where}: {name} is not an array")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{where}: {name} lies in another file; refused")
    if dataset.size is None or dataset.size * dataset.dtype.itemsize > dataset.id.get_storage_size() * _PACKED + _SPARE:
        raise ValueError(f"{where}: {name} is said to be {dataset.shape}, but the file does not hold as much")
    return dataset


def _root(file: h5py.File) -> tuple[str, h5py.Group]:
    names = list(file)
    if len(names) != 1:
        raise ValueError(f"expected one group at its root, the name of the sequence; found {len(names)}")
    return names[0], _group(_group(file, names[0]), "data")


def _entry(group: h5py.Group, where: str) -> tuple[h5py.Dataset, h5py.Dataset]:
    features, intervals = _dataset(group, "features", where), _dataset(group, "intervals", where)
    if features.ndim != 2 or features.shape[1] < 1:
        raise ValueError(f"{where}: features has shape {features.shape}, expected (frames, width)")
    if intervals.shape != (features.shape[0], 2) or intervals.dtype.kind not in "fiu":
        raise ValueError(
            f"{where}: intervals is {intervals.dtype} {intervals.shape}, expected the start and end of "
            f"{features.shape[0]} frames"
        )
    return features, intervals


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.kind in "fiub":
        return "numbers"
    return "text" if dtype.kind == "S" or h5py.check_string_dtype(dtype) is not None else str(dtype)


def describe(file: h5py.File) -> dict[str, Any]:
    """Return the name of the sequence, and for each entry its number of frames, their width and kind."""
    root, data = _root(file)
    entries = {}
    for key in data:
        where = f"entry {key[:80]!r}"
        features, _ = _entry(_group(data, key), where)
        kind = _kind(features.dtype)
        if kind not in ("numbers", "text"):
            raise ValueError(f"{where}: features is {kind}; expected numbers or text")
        entries[key] = [int(features.shape[0]), int(features.shape[1]), kind]
    return {"root": root, "entries": entries}


def array(file: h5py.File, key: str, what: str) -> np.ndarray[Any, Any]:
    """Return features or intervals of one entry as a plain little-endian array."""
    where = f"entry {key[:80]!r}"
    features, intervals = _entry(_group(_root(file)[1], key), where)
    dataset = features if what == "features" else intervals
    content = dataset[()]
    if content.dtype.kind == "O":
        words = [word if isinstance(word, bytes) else str(word).encode("utf-8", "replace") for word in content.flat]
        if max(map(len, words), default=0) > _LONGEST_WORD:
            raise ValueError(f"{where}: a word of more than {_LONGEST_WORD} bytes")
        return np.array(words, dtype=np.bytes_).reshape(content.shape)
    if content.dtype.kind == "f" and content.dtype.itemsize not in (2, 4, 8):
        content = content.astype("<f8")
    return np.ascontiguousarray(content.astype(content.dtype.newbyteorder("<"), copy=False))


def _say(out: BinaryIO, answer: dict[str, Any], content: np.ndarray[Any, Any] | None = None) -> None:
    out.write(json.dumps(answer).encode() + b"\n")
    if content is not None and content.nbytes:
        out.write(content.data.cast("B") if content.ndim else content.tobytes())
    out.flush()


def main() -> None:
    """Answer commands until standard input ends."""
    # output printed by a library must not mix with the answers
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        command = json.loads(line)
        try:
            with h5py.File(command["path"], "r", locking=False) as file:
                if "keys" not in command:
                    _say(out, describe(file))
                    continue
                for key in command["keys"]:
                    content = array(file, key, command["what"])
                    _say(out, {"dtype": content.dtype.str, "shape": content.shape, "bytes": content.nbytes}, content)
        except Exception as error:  # noqa: BLE001 - damaged bytes can make the library raise any error
            _say(out, {"error": " ".join(str(error).split())[:240] or type(error).__name__})


if __name__ == "__main__":
    main()
