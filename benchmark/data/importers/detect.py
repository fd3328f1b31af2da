"""Which importer a file is for, by its first bytes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from benchmark.data.importers.mmsa import read_mmsa
from benchmark.data.importers.npz import read_npz
from benchmark.data.samples import Samples
from protocols import InputError

_READERS = {"mmsa": read_mmsa, "npz": read_npz}


def import_file(path: Path, name: str, label_range: tuple[float, float] | None = None) -> Samples:
    """Read a file of a known layout.

    Args:
        path: An MMSA feature pickle, or an npz archive of the documented layout.
        name: How the data set will be called.
        label_range: Lowest and highest label, where it is not the layout's own.

    Raises:
        InputError: when the file is missing, of no known layout, damaged, or its content breaks a rule.
    """
    layout = layout_of(path)
    try:
        samples = _READERS[layout](path, name, file_sha256(path), label_range)
        samples.validate()
    except InputError as error:  # names and ids come from the file, and may hold anything
        raise InputError(re.sub(r"[\x00-\x1f\x7f]+", " ", str(error))) from error
    return samples


def layout_of(path: Path) -> str:
    """`mmsa` or `npz`; raises InputError that says what the file seems to be instead."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not head:
        raise InputError(f"{path}: is empty; download it again")
    if head.startswith(b"PK"):
        return "npz"
    if head[:1] == b"\x80":
        return "mmsa"
    if head.lstrip()[:1] == b"<":
        raise InputError(f"{path}: is a web page, not a feature file; the download did not succeed, fetch it again")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'")
    kind = "of no known layout"
    if head.startswith(b"\x89HDF"):
        kind = "an HDF5 file"
    elif head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")):
        kind = "compressed (unpack it first)"
    elif not head.strip(b"\0"):
        kind = "empty but for zeros (fetch it again)"
    elif all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        kind = "text"
    raise InputError(f"{path}: is {kind}; expected an MMSA feature pickle or an npz archive")


def file_sha256(path: Path) -> str:
    """sha256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
