"""Temporary files and folders that are removed even if their process is killed.

A file is written beside its final place, under a hidden name that contains its owner: the process that writes it. The
next process that writes in the same folder removes what dead owners have left.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
import uuid
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

#: Age in seconds from which a temporary of another machine or container is taken for abandoned.
ABANDONED = 15 * 60.0
_OWNER = re.compile(r"\.[^.]*-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{8}(?=\.|$)")


def temporary(path: Path) -> Path:
    """Return a new hidden path beside a file or folder, with its suffix and this process as its owner.

    What dead processes have left in the folder is removed.
    """
    sweep(path.parent)
    return path.with_name(f"{owned_name(path.stem)}{path.suffix}")


def sweep(folder: Path) -> None:
    """Remove what dead processes have left in a folder, and put back what they were about to replace."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - quick, in folders of many thousand entries
    except OSError:
        return
    for name, owner in [(name, _OWNER.search(name)) for name in names if name.startswith(".")]:
        path = folder / name
        with suppress(OSError):  # another process sweeps, too
            if owner and abandoned(path, disk_time(folder)):
                suffix = name[owner.end() :]
                kept = folder / f"{name[1 : owner.start()]}{suffix.removesuffix('.old')}"
                if suffix.endswith(".old") and not kept.exists():
                    path.rename(kept)
                else:
                    _remove(path)


def owned_name(name: str) -> str:
    """Return a new hidden name of this process for a temporary file or folder."""
    host = re.sub(r"[^A-Za-z0-9-]", "_", platform.node())[:24]
    return f".{name}.{host}-{_machine()}-{os.getpid()}-{_start(os.getpid())}-{uuid.uuid4().hex[:8]}"


def abandoned(path: Path, now: float) -> bool:
    """Return True if the owner of a temporary file or folder is gone.

    Args:
        path: Path with a name by `owned_name`, with or without a suffix; for other names, the age alone counts.
        now: Time by the clock of the file system, see `disk_time`.
    """
    owner = _OWNER.search(path.name)
    if owner is not None and owner["machine"] == _machine():
        return _start(int(owner["pid"])) != int(owner["start"])
    try:
        return now - path.stat().st_mtime > ABANDONED
    except FileNotFoundError:
        return False


def disk_time(folder: Path) -> float:
    """Return the time by the clock of a folder's file system, which may differ from that of this machine."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return a hash of host, boot and process namespace, within which a process number means one process."""
    known = [platform.node()]
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        known.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return hashlib.sha256(" ".join(known).encode()).hexdigest()[:8]


def _start(pid: int) -> int:
    """Return when a process of this machine started, in its own units; -1 if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return -1 if fields[0] in "ZX" else int(fields[19])  # Z, X: it has ended, and its parent has not seen it yet
    except (OSError, ValueError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return -1
    except (OSError, OverflowError):
        pass
    return 0
