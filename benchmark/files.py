"""Files: written whole or not at all, names valid on every file system, checksums."""

from __future__ import annotations

import contextlib
import hashlib
import re
import stat
import uuid
from collections.abc import Callable
from pathlib import Path

from protocols import InputError


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and rename it into it, so that a reader never sees half a file.

    Args:
        path: Path of the file.
        write: Function that writes the content to a given path with the same suffix.

    Raises:
        InputError: if the file cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> Path:
    """Write a text file as `replace_file` does, in UTF-8; returns its path."""
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path


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


def safe_name(name: str) -> str:
    """Make a name for a file or folder: runs of characters other than letters, digits and `._=,-` become one `_`."""
    return re.sub(r"[^A-Za-z0-9._=,-]+", "_", name).lstrip(".") or "_"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
