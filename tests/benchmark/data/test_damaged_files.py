"""Files to import that are something else, or damaged: samples, or one line."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from benchmark.data.importers import import_file, pickles
from protocols import InputError
from tests.benchmark.data.damage import damaged, outcome
from tests.mmsa import mmsa_content
from tests.npz import npz_content


def _zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"content")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\0" * 1000, "zeros"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"id,label\na,1\n", "is text"),
        (b"\x1f\x8b\x08rest", "unpack it first"),
        (b"\x89HDF\r\n\x1a\nrest", "not a readable computational sequence"),
        (b"\x80\x04", "truncated"),
        (b"PK\x03\x04rest", "not a readable npz"),
        (_zipped("unaligned_50.pkl"), "zip archive of other files .unaligned_50.pkl.*unpack it"),
    ],
)
def test_a_file_that_is_something_else_says_what(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "download.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        import_file(path, "toy")
    assert "\n" not in str(caught.value)


def _small_pickle(protocol: int) -> bytes:
    content = mmsa_content((3, 2, 2))
    for part in content.values():
        for modality in ("audio", "vision"):
            part[modality] = part[modality][:, :, :2]
    return pickle.dumps(content, protocol=protocol)


def _small_npz(folder: Path) -> bytes:
    np.savez(folder / "small.npz", **npz_content())
    return (folder / "small.npz").read_bytes()


@pytest.mark.parametrize("kind", ["protocol 2", "protocol 4", "protocol 5", "npz"])
def test_a_damaged_file_gives_samples_or_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(pickles, "_LARGE", 64)  # so that arrays are left in the file, as those of large files are
    good = _small_npz(tmp_path) if kind == "npz" else _small_pickle(int(kind[-1]))
    path = tmp_path / "damaged"

    @settings(deadline=None, max_examples=120, database=None)
    @given(damaged(good))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        assert outcome(lambda: import_file(path, "toy").validate()).count("\n") == 0

    check()
