"""The data folder: which stores there are, and how a name becomes one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from benchmark.data.importers import import_file
from benchmark.data.samples import Samples
from benchmark.data.store import SUFFIX, StoreInfo, read_store, store_info, write_store
from protocols import InputError, unknown_name

RESERVED = "synthetic"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class ImportReport:
    """What an import did: the header of the new store, and the sizes of source and store in bytes."""

    info: StoreInfo
    source_bytes: int
    store_bytes: int


def data_home() -> Path:
    """`$SENTIBENCH_HOME/data`, or `data` in the platform's user data folder."""
    home = os.environ.get("SENTIBENCH_HOME")
    return Path(home if home else platformdirs.user_data_dir("sentibench")) / "data"


def store_path(name: str) -> Path:
    """Where the store of a name is, or would be; raises InputError for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        raise InputError(f"data set name '{name}': use lower-case letters, digits, - and _, at most 64")
    if name == RESERVED:
        raise InputError(f"data set name '{RESERVED}' is the generator's; choose another")
    return data_home() / f"{name}{SUFFIX}"


def store_files() -> list[Path]:
    """Every file in the data folder that should be a store, readable or not, by name."""
    return sorted(data_home().glob(f"[a-z0-9]*{SUFFIX}"))


def list_stores() -> list[StoreInfo]:
    """Every readable store, by name."""
    found = []
    for path in store_files():
        try:
            found.append(store_info(path))
        except InputError:
            continue
    return found


def find_store(name: str) -> Path:
    """The store called `name`; raises InputError with the nearest names."""
    known = [path.stem for path in store_files()]
    if name not in known:
        raise unknown_name("data set", name, [*known, RESERVED], hint="(import it: sentibench data import NAME FILE)")
    return data_home() / f"{name}{SUFFIX}"


def open_samples(name: str) -> Samples:
    """The samples of the store called `name`."""
    return read_store(find_store(name))


def import_data(
    name: str, source: Path, *, force: bool = False, label_range: tuple[float, float] | None = None
) -> ImportReport:
    """Import a file as the data set `name`.

    Args:
        name: Lower-case letters, digits, `-`, `_`.
        source: An MMSA feature pickle or an npz archive.
        force: Replace a store of that name.
        label_range: Lowest and highest label, where it is not the layout's own.

    Raises:
        InputError: for a bad name, a name that is taken, or a file that cannot be imported; nothing is written then.
    """
    path = store_path(name)
    if path.exists() and not force:
        raise InputError(f"data set '{name}' is there already ({path}); give --force to replace it, or another name")
    samples = import_file(source, name, label_range)
    write_store(samples, path)
    return ImportReport(store_info(path), source.stat().st_size, path.stat().st_size)
