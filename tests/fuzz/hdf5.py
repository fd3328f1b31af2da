"""Damage to the structure of HDF5 files: stores and computational sequences."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np

from tests.fuzz.trees import STRINGS, odd_array, odd_value


def moved(raw: bytes, rng: np.random.Generator) -> bytes:
    """Move all entries of a sequence to other keys, or to another clock."""
    buffer = io.BytesIO(raw)
    with h5py.File(buffer, "r+") as file:
        root = next(iter(file), "")
        if not isinstance(file.get(f"{root}/data"), h5py.Group):  # an earlier change took it away
            return raw
        entries = file[root]["data"]
        form = str(rng.choice(["x_{}", "{}[0]", "{}[3]", " {}", "{}.mp4", "{}"]))
        factor, shift = float(rng.choice([1, 30, 1000, 0.01, -1, 1e300])), float(rng.choice([0, 0, 100, -100]))
        for key in list(entries):
            times = file.get(f"{entries.name}/{key}/intervals")
            if not isinstance(times, h5py.Dataset) or times.dtype.kind != "f":
                continue
            if times.size > 1_000_000:  # an earlier change made it huge
                continue
            with np.errstate(over="ignore"):
                times[...] = times[()] * factor + shift
            if form.format(key) != key:
                entries.move(key, form.format(key))
    return buffer.getvalue()


def edited(raw: bytes, rng: np.random.Generator, canary: Path, trick: bool) -> bytes:
    """Change one or two objects of a file; with `trick`, as an attacker would."""
    buffer = io.BytesIO(raw)
    with h5py.File(buffer, "r+") as file:
        for _ in range(int(rng.integers(1, 3))):
            paths: list[str] = []
            file.visit(paths.append)
            if not paths:
                break
            path = paths[int(rng.integers(len(paths)))]
            try:
                _edit(file, path, rng, canary, trick)
            except (TypeError, ValueError, OSError, KeyError, RuntimeError, OverflowError, UnicodeError):
                continue
    return buffer.getvalue()


def _edit(file: h5py.File, path: str, rng: np.random.Generator, canary: Path, trick: bool) -> None:
    kind = rng.integers(6)
    if trick:
        del file[path]
        if kind == 0:
            file[path] = h5py.ExternalLink("/etc/passwd" if rng.random() < 0.5 else str(canary), "/")
        elif kind == 1:
            file[path] = h5py.SoftLink("/" if rng.random() < 0.5 else path)
        elif kind == 2:
            file[path] = file["/"]  # the file contains itself
        elif kind == 3:
            shape = (10**11,) if rng.random() < 0.5 else (10**9, 50)
            file.create_dataset(path, shape, "f4", chunks=True, compression="gzip")
        elif kind == 4:
            file.create_dataset(path, (100, 5), "f4", external=[("/etc/passwd", 0, 2000)])
        else:
            file.create_dataset(path, (4,), h5py.string_dtype(), data=["a" * 100_000] * 4)
        return
    if kind == 0:
        del file[path]
    elif kind == 1:
        file.move(path, f"{path}{rng.choice(STRINGS)}2")
    elif kind == 2:
        del file[path]
        file[path] = odd_array(rng)
    elif kind == 3 and isinstance(file[path], h5py.Dataset) and file[path].size:
        found = file[path][()]
        del file[path]
        flat = np.array(found).reshape(-1)
        if flat.dtype.kind == "f":
            flat[rng.integers(len(flat))] = rng.choice([np.nan, np.inf, -np.inf, -1e30, 1e38])
        elif flat.dtype.kind in "iu":
            flat[rng.integers(len(flat))] = rng.choice([0, 1, 100, 2])
        file[path] = flat.reshape(np.shape(found)) if rng.random() < 0.6 else flat[: int(rng.integers(len(flat) + 1))]
    elif kind == 4 and len(file.attrs):
        names = sorted(file.attrs)
        file.attrs[names[int(rng.integers(len(names)))]] = odd_value(rng)
    else:
        file.attrs[str(rng.choice(STRINGS)) or "x"] = "more"
