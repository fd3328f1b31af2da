"""Files: written whole or not at all, beside their place until then; names for every file system; checksums."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocols import InputError
from protocols.temporaries import temporary

if TYPE_CHECKING:
    import pandas as pd

# A spreadsheet runs a text that begins so. Ids such as -3g5yACwYnA cannot call anything and stay as they are.
_FORMULA = re.compile(r"'*([=@\t\r]|[+-](?![\w.-]*\Z))", re.ASCII)


def replace_file(path: Path, write: Callable[[Path], object], *, new: bool = False) -> None:
    """Write a file beside its place, then move it there, so that a reader never sees half a file.

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


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; returns False where the system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux
    return bool(call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
