"""Files: written whole or not at all, nothing left by killed processes, names valid on every file system, checksums.

What is written stands beside its place until it is whole, under a hidden name that holds its owner: the process that
writes it. The next command that writes in the same folder removes what dead owners have left.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from protocols import InputError

#: Seconds after which the remains of a process of another machine or container count as left behind.
_LEASE = 24 * 3600.0
#: Stem, machine, process, its start, a random part, suffix; `.old` for what is replaced.
_TEMPORARY = re.compile(r"\.(.+)\.~([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{8}(\.[^.]*)??(\.old)?")


def replace_file(path: Path, write: Callable[[Path], object], *, new: bool = False) -> None:
    """Write a file beside its place and rename it into it, so that a reader never sees half a file.

    Args:
        path: Path of the file.
        write: Function that writes the content to a given path with the same suffix.
        new: True to refuse a file that exists, or that another process makes meanwhile.

    Raises:
        InputError: if the file cannot be written.
    """
    beside = temporary(path)
    try:
        write(beside)
        if new:
            path.hardlink_to(beside)
        else:
            beside.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> Path:
    """Write a text file as `replace_file` does, in UTF-8; returns its path."""
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Make a new folder beside its place, which replaces what is there if the block ends well.

    Raises:
        OSError: if it cannot be made or moved.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = temporary(path)
    beside.mkdir()
    try:
        yield beside
        if not path.exists():
            beside.rename(path)
        elif not _exchange(beside, path):  # for a moment there is none: if killed then, `sweep` puts the old one back
            old = beside.with_name(f"{beside.name}.old")
            path.rename(old)
            beside.rename(path)
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def temporary(path: Path) -> Path:
    """Return a new hidden path beside a file or folder, with its suffix and this process as its owner.

    What dead processes have left in the folder is removed.
    """
    sweep(path.parent)
    owner = f"{_machine()}-{os.getpid()}-{_started(os.getpid()) or 0}"
    return path.with_name(f".{path.stem}.~{owner}-{uuid.uuid4().hex[:8]}{path.suffix}")


def sweep(folder: Path) -> None:
    """Remove what dead processes have left in a folder, and put back what they were about to replace."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - quick, in folders of many thousand entries
    except OSError:
        return
    for name in filter(lambda name: ".~" in name, names):
        found = _TEMPORARY.fullmatch(name)
        with contextlib.suppress(OSError):  # another process sweeps, too
            if found and not _may_live(folder / name, *found.groups()[1:4]):
                kept = folder / f"{found[1]}{found[5] or ''}"
                if found[6] and not kept.exists():
                    (folder / name).rename(kept)
                else:
                    _remove(folder / name)


def safe_name(name: str) -> str:
    """Make a name for a file or folder: runs of characters other than letters, digits and `._=,-` become one `_`."""
    return re.sub(r"[^A-Za-z0-9._=,-]+", "_", name).lstrip(".") or "_"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _may_live(path: Path, machine: str, pid: str, started: str) -> bool:
    """Return True if the owner of a temporary may still write it."""
    if machine == _machine():
        return _started(int(pid)) == int(started)
    return time.time() - path.lstat().st_mtime < _LEASE


@functools.cache
def _machine() -> str:
    """Eight digits of this machine, since it was started, and of the space of process numbers of its container."""
    marks = [platform.node()]
    with contextlib.suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        marks.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:8]


def _started(pid: int) -> int | None:
    """Return when a process was started (0 where the system does not say); None if it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    else:
        return None if fields[0] in "ZX" else int(fields[19])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return 0
    return 0


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; returns False where the system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux
    return bool(call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
