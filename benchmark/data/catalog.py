"""The data folder: its stores, by name."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data.home import data_home
from benchmark.data.samples import Samples
from benchmark.data.store import SUFFIX, StoreInfo, store_info, write_store
from protocols import InputError, unknown_name

if TYPE_CHECKING:
    from benchmark.data.importers import ImportOptions

__all__ = [
    "RESERVED",
    "ImportReport",
    "data_home",
    "filed_samples",
    "find_store",
    "import_data",
    "list_stores",
    "save_samples",
    "store_files",
    "store_path",
]

RESERVED = "synthetic"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class ImportReport:
    """Result of an import: the header of the new store, and the sizes of the padded source and the ragged store."""

    info: StoreInfo
    source_bytes: int
    store_bytes: int


def store_path(name: str) -> Path:
    """Path of the store of a name, whether or not it exists; raises InputError for an invalid name."""
    if not _NAME.fullmatch(name):
        raise InputError(f"data set name '{name}': use lower-case letters, digits, - and _, at most 64")
    if name == RESERVED:
        raise InputError(f"data set name '{RESERVED}' is the generator's; choose another")
    return data_home() / f"{name}{SUFFIX}"


def store_files() -> list[Path]:
    """Return every store file in the data folder, readable or not, by name."""
    return sorted(data_home().glob(f"[a-z0-9]*{SUFFIX}"))


def list_stores() -> list[StoreInfo]:
    """Return the headers of all readable stores, by name."""
    stores = []
    for path in store_files():
        try:
            stores.append(store_info(path))
        except InputError:
            continue
    return stores


def find_store(name: str) -> Path:
    """Return the path of the store called `name`; raises InputError with the nearest names for an unknown one."""
    known = [path.stem for path in store_files()]
    if name not in known:
        raise unknown_name("data set", name, [*known, RESERVED], hint="(import it: sentibench data import NAME FILE)")
    return data_home() / f"{name}{SUFFIX}"


def import_data(
    name: str,
    source: Path,
    *,
    force: bool = False,
    label_range: tuple[float, float] | None = None,
    options: ImportOptions | None = None,
) -> ImportReport:
    """Import a source as the data set `name`.

    See `importers.import_file` for the arguments; with `force` a store of that name is replaced.

    Raises:
        InputError: For a bad name, a name that is taken, a data folder that cannot be written, or a file that cannot
            be imported; then nothing is written.
    """
    from benchmark.data.importers import import_file  # a study needs no importer

    path = _free_path(name, force=force)
    samples = import_file(source, name, label_range, options)
    write_store(samples, path)
    size = _size(source) + sum(map(_size, options.more if options else ()))
    return ImportReport(store_info(path), size, path.stat().st_size)


def save_samples(samples: Samples, name: str, *, force: bool = False) -> Path:
    """Write samples as the data set `name`; see `Samples.save`."""
    path = _free_path(name, force=force)
    write_store(replace(samples, name=name), path)
    return path


def filed_samples(samples: Samples) -> str:
    """Return the name of the data set that holds these samples; without one, they are stored under their hash.

    Samples that were saved have the name under which they were saved, others a name such as `frame-1a2b3c4d5e6f`.
    """
    content = samples.fingerprint()
    for name in (samples.name, f"{samples.provenance.layout}-{content[:12]}"):
        path = data_home() / f"{name}{SUFFIX}"
        if path.is_file() and store_info(path).fingerprint == content:
            return name
    save_samples(samples, name, force=True)
    return name


def _free_path(name: str, *, force: bool) -> Path:
    """Return the path of a new store; raises InputError for a bad or taken name, or a folder that is read-only."""
    path = store_path(name)
    if path.exists() and not force:
        raise InputError(f"data set '{name}' already exists ({path}); give --force to replace it, or another name")
    _check_writable(path.parent)
    return path


def _check_writable(folder: Path) -> None:
    """Raise InputError for a folder that cannot be written, before a large file is read."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder}: the data folder cannot be written ({error.strerror or error}); change its permissions, or name "
            "another folder with SENTIBENCH_HOME"
        ) from error


def _size(source: Path) -> int:
    files = [p for p in source.rglob("*") if p.is_file()] if source.is_dir() else [source]
    return sum(p.stat().st_size for p in files)
