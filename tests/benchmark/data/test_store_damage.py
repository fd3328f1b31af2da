"""Damage to a sample store, and files that are none: found, and said in one line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings

from benchmark.data.store import SCHEMA_VERSION, read_store, store_info, verify_store, write_store
from protocols import InputError
from tests.benchmark.data.damage import damaged, outcome
from tests.samples import make_samples


def test_a_changed_value_is_found_by_verify(tmp_path: Path) -> None:
    path = tmp_path / "toy.h5"
    write_store(make_samples(), path)
    with h5py.File(path, "r+") as file:
        file["audio/values"][0, 0] += 1
    report = verify_store(path)
    assert not report.ok
    assert report.stored != report.found


def _set(title: str, value: Any) -> Any:
    return lambda file: file.attrs.__setitem__(title, value)


def _replace(title: str, value: Any) -> Any:
    def change(file: h5py.File) -> None:
        del file[title]
        file[title] = value

    return change


def _huge(title: str) -> Any:
    """An array of many rows, none of which is in the file, in place of a group."""

    def change(file: h5py.File) -> None:
        del file[title]
        file.create_dataset(title, (10**11,), "f4", chunks=True, compression="gzip")

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_set("schema_version", 99), f"schema version 99, expected schema version {SCHEMA_VERSION}"),
        (_set("samples", 59), "expected"),
        (_set("name", 5), "attribute name is not text"),
        (lambda file: file.attrs.pop("content_sha256"), "not a readable data store"),
        (lambda file: file.pop("audio"), "not a readable data store"),
        *((_huge(title), f"{title} is an array, expected a group") for title in ("samples", "splits", "text")),
        (_replace("audio/offsets", np.arange(61)), "offsets must have 61 entries"),
        (_replace("audio/values", np.zeros((3, 5), "f4")), "audio/observed has shape"),
        (_replace("audio/values", np.zeros((3, 5), "f8")), "audio/values is not an array of float32"),
        (_replace("splits/official", np.full(60, 9, "u1")), "split 'official' must hold"),
        (_replace("samples/label", np.r_[np.zeros(59, "f4"), np.nan]), "label of sample"),
        (_replace("samples/id/utf8", np.full(5, 255, "u1")), "does not cut 5 bytes"),
        (lambda file: file.pop("splits/fold0"), "the splits in its header"),
    ],
)
def test_a_damaged_store_says_what_is_wrong(tmp_path: Path, change: Any, says: str) -> None:
    path = tmp_path / "toy.h5"
    write_store(make_samples(), path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=says):
        read_store(path)


def test_other_files_are_no_stores(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.arange(3)
    (tmp_path / "text.h5").write_text("nothing of the kind")
    (tmp_path / "empty.h5").touch()
    for name, says in (
        ("other.h5", "another kind of HDF5 file"),
        ("text.h5", "not a readable"),
        ("empty.h5", "not a readable"),
        ("nowhere.h5", "no such data store"),
    ):
        for function in (read_store, store_info, verify_store):
            with pytest.raises(InputError, match=f"{name}: .*{says}"):
                function(tmp_path / name)


def test_a_damaged_byte_gives_samples_or_one_line(tmp_path: Path) -> None:
    path = tmp_path / "toy.h5"
    write_store(make_samples(6), path)

    @settings(deadline=None, max_examples=150, database=None)
    @given(damaged(path.read_bytes()))
    def check(content: bytes) -> None:
        (tmp_path / "damaged.h5").write_bytes(content)
        for function in (store_info, read_store):
            assert outcome(partial(function, tmp_path / "damaged.h5")).count("\n") == 0

    check()
