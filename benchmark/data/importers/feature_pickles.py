"""Layouts of features in a pickle, or in a folder of `train.pkl`, `dev.pkl` and `test.pkl`.

| layout | a part is | read by |
|---|---|---|
| `mmsa` | a dict with `regression_labels` | `mmsa.py` |
| `mult` | a dict with `labels`, `text`, `audio`, `vision` | `mult.py` |
| `misa` | a list of `((words, vision, audio, ...), label, id)` | `misa.py` |
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.data.importers.misa import read_misa
from benchmark.data.importers.mmsa import read_mmsa
from benchmark.data.importers.mult import read_mult
from benchmark.data.importers.pickles import read_pickle
from benchmark.data.importers.splits import part_code
from benchmark.data.samples import PARTS, Samples
from protocols import InputError

_SUFFIXES = (".pkl", ".pickle", ".p")
_PARTS = {PARTS[part]: part for part in ("train", "valid", "test")}


def part_files(folder: Path) -> dict[str, Path]:
    """Return the pickles of a folder that are named like parts (`dev.pkl`), by `train`, `valid`, `test`.

    Raises:
        InputError: If two pickles are of one part.
    """
    by_part: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        part = _PARTS.get(part_code(file.stem) or 0)
        if part is None or file.suffix.lower() not in _SUFFIXES or not file.is_file():
            continue
        if part in by_part:
            raise InputError(f"{folder}: {by_part[part].name} and {file.name} are both the {part} part; remove one")
        by_part[part] = file
    return by_part


def read_feature_pickles(path: Path, name: str, vocabulary: str | None, sha256_of: Callable[[Path], str]) -> Samples:
    """Read one pickle, or a folder with one for each part; see `import_file`.

    Raises:
        InputError: If the layout is unknown, or the content breaks a rule.
    """
    if path.is_dir():
        files = part_files(path)
        absent = [part for part in _PARTS.values() if part not in files]
        if absent:
            have = ", ".join(file.name for file in files.values())
            raise InputError(f"{path}: has no pickle of the {absent[0]} part; found {have}")
        sums = [sha256_of(file) for file in files.values()]
        sha256 = hashlib.sha256("\n".join(sums).encode()).hexdigest()
        content: Any = {part: read_pickle(file) for part, file in files.items()}
    else:
        sha256 = sha256_of(path)
        content = read_pickle(path)
    if isinstance(content, list | tuple):
        raise InputError(
            f"{path}: is a list of {len(content)} entries, like one part of MISA's data; name the folder that holds "
            "train.pkl, dev.pkl and test.pkl, or a pickle of a dict of the three lists"
        )
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict of train, valid and test, found {type(content).__name__}")
    parts = _parts(path, content)
    if any(isinstance(part, list | tuple) for part in parts.values()):
        return read_misa(path, parts, name, sha256)
    if any(isinstance(part, dict) and "labels" in part and "regression_labels" not in part for part in parts.values()):
        return read_mult(path, parts, name, sha256)
    others = {key: value for key, value in content.items() if not (isinstance(key, str) and part_code(key))}
    return read_mmsa(path, {**others, **parts}, name, sha256, vocabulary)


def _parts(path: Path, content: dict[Any, Any]) -> dict[str, Any]:
    """Return the entries that have any of the usual names of parts, by `train`, `valid`, `test`."""
    by_part: dict[str, Any] = {}
    names: dict[str, str] = {}
    for key, value in content.items():
        part = _PARTS.get(part_code(key) or 0) if isinstance(key, str) else None
        if part is None:
            continue
        if part in by_part:
            raise InputError(f"{path}: '{names[part]}' and '{key}' are both the {part} part; remove one")
        by_part[part], names[part] = value, key
    return by_part
