"""Temporary folders that are kept by renewing their time, and locks, on a disk that several machines share.

`protocols.temporaries` says who owns a temporary folder, and when it is abandoned.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from protocols.temporaries import abandoned, disk_time, owned_name

#: Seconds between two renewals of a temporary folder.
RENEWED = 60.0


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
    with suppress(OSError, ValueError):  # it is released or taken meanwhile
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
