"""Folder of text states: on the disk of this machine, shared by the processes of one user that use one run store."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.runs.owners import locked, renewed
from protocols import InputError
from protocols.temporaries import abandoned, disk_time, owned_name

_PROCESS = ".process"


def states_folder(root: Path) -> Path:
    """Return the folder of text states for a run store or a search; it is made when states are written.

    Raises:
        InputError: if its place belongs to another user.
    """
    return _place() / hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]


@contextmanager
def text_states(root: Path) -> Iterator[None]:
    """Context that keeps text states of a run store or a search, and removes them unless another process keeps them.

    States that a killed process kept are removed, too.
    """
    place, folder = _place(), states_folder(root)
    mine = folder / f"{owned_name('states')}{_PROCESS}"
    with locked(place):
        folder.mkdir(exist_ok=True)
        mine.touch()
        _sweep(place)
    try:
        with renewed(mine):
            yield
    finally:
        with locked(place):
            mine.unlink(missing_ok=True)
            _sweep(place)


def free_states(root: Path, *, dry_run: bool = False) -> bool | None:
    """Remove the text states of a run store or a search; returns None without any, False while a process uses them."""
    place, folder = _place(), states_folder(root)
    if not folder.is_dir():
        return None
    with locked(place):
        free = _unused(folder, disk_time(place))
        if free and not dry_run:
            shutil.rmtree(folder, ignore_errors=True)
    return free


def _unused(folder: Path, now: float) -> bool:
    return all(abandoned(user, now) for user in folder.glob(f".*{_PROCESS}"))


def _sweep(place: Path) -> None:
    now = disk_time(place)
    for folder in [path for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")]:
        if _unused(folder, now):
            shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    """Return this user's folder in the folder of temporary files."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    place = Path(tempfile.gettempdir()) / f"sentibench-{user}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        status = place.lstat()
    except OSError as error:
        raise InputError(
            f"{place}: cannot be made ({error.strerror or error}); name another folder with TMPDIR"
        ) from error
    if not place.is_dir() or place.is_symlink() or status.st_uid != user:
        raise InputError(f"{place}: belongs to another user; name another folder with TMPDIR")
    return place
