"""Files: written whole or not at all, nothing left by killed processes, names valid on every file system, checksums.

What is written stands beside its place until it is whole, under a hidden name that holds its owner: the process that
writes it. The next command that writes in the same folder removes what dead owners have left.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocols import InputError

if TYPE_CHECKING:
    import pandas as pd

#: Age in seconds from which a temporary of another machine or container is taken for abandoned.
ABANDONED = 15 * 60.0
_OWNER = re.compile(r"\.[^.]*-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{8}(?=\.|$)")
# A spreadsheet runs a text that begins so. Ids such as -3g5yACwYnA cannot call anything and stay as they are.
_FORMULA = re.compile(r"'*([=@\t\r]|[+-](?![\w.-]*\Z))", re.ASCII)


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
        with suppress(OSError):
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


def regular_file(path: Path) -> Path:
    """Return the path of a regular file, before it is opened: reading a pipe or a device may never end.

    Raises:
        InputError: for a folder, a pipe or a device.
        OSError: for a file that does not exist or cannot be seen.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a folder" if path.is_dir() else "a pipe or a device"
        raise InputError(f"{path}: is {kind}, expected a file")
    return path


@lru_cache(maxsize=1024)
def safe_name(name: str) -> str:
    """Make a name for a file or folder: runs of characters other than letters, digits and `._=,-` become one `_`."""
    return re.sub(r"[^A-Za-z0-9._=,-]+", "_", name).lstrip(".") or "_"


def csv_cell(value: Any) -> Any:
    """Return a cell of a CSV file: a text that a spreadsheet would run as a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def csv_value(text: str) -> str:
    """Return the text that `csv_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_frame(frame: pd.DataFrame) -> str:
    """Write a table as CSV, without its index, its texts by `csv_cell`."""
    texts = {name: frame[name].map(csv_cell) for name in frame if frame[name].dtype.kind not in "biufc"}
    return str(frame.assign(**{str(k): v for k, v in texts.items()}).to_csv(index=False, lineterminator="\n"))


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; returns False where the system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux
    return bool(call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
