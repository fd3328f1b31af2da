"""Owners of temporary folders, and locks, on a disk that several machines share.

A temporary folder is named after its owner: host, machine (a hash of host, boot and process namespace), process id,
start of the process, and a random part. On the owner's machine, it is abandoned when the process is gone. Elsewhere, a
process number says nothing: the owner renews the time of the folder every minute, and the folder is abandoned when that
is old.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

#: Seconds between two renewals of a temporary folder, and its age from which others take it for abandoned.
RENEWED, ABANDONED = 60.0, 15 * 60.0
_OWNER = re.compile(r"\.[^.]*-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{8}(?:\.|$)")


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


@contextmanager
def renewed(path: Path) -> Iterator[None]:
    """Context in which the time of a temporary file or folder is renewed, if it is there."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(RENEWED):
            with suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Context that one process at a time is in, for each folder, on any machine that sees it."""
    if _has_locks(folder):
        with FileLock(folder / ".lock"):
            yield
        return
    # a rename onto a folder that is not empty fails everywhere: the lock is a folder that names its owner
    lock, mine = folder / ".lock-folder", folder / owned_name("lock")
    (mine / mine.name).mkdir(parents=True)
    try:
        while not _taken(mine, lock):
            _break_abandoned(lock)
            time.sleep(0.05)
        with renewed(lock / mine.name):
            yield
    finally:
        if (lock / mine.name).exists():
            lock.rename(mine)  # at once: an emptied lock could be taken while it is removed
        shutil.rmtree(mine, ignore_errors=True)


def _taken(mine: Path, lock: Path) -> bool:
    try:
        mine.rename(lock)
    except OSError:
        return False
    return True


def _break_abandoned(lock: Path) -> None:
    """Remove a lock whose owner is gone. It is renamed first, so that one process does it."""
    with suppress(OSError):
        (owner,) = lock.iterdir()
        if abandoned(owner, disk_time(lock.parent)):
            aside = lock.with_name(owned_name("lock"))
            lock.rename(aside)
            shutil.rmtree(aside)


@lru_cache(maxsize=8)
def _has_locks(folder: Path) -> bool:
    """Return False for a file system without locks between processes, as some network folders are."""
    try:
        import fcntl
    except ImportError:  # filelock has its own way there
        return True
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


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
