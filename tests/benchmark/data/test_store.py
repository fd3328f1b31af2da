"""The sample store: what is written is read, whole or not at all, and damage is found."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings

from benchmark.data import catalog
from benchmark.data.catalog import find_store, import_data, list_stores, open_samples, store_files, store_path
from benchmark.data.samples import Samples
from benchmark.data.store import SCHEMA_VERSION, read_store, store_info, verify_store, write_store
from protocols import MODALITIES, InputError
from tests.benchmark.data.damage import damaged, outcome
from tests.mmsa import write_mmsa_pickle
from tests.samples import make_samples


def rich_samples(words: bool) -> Samples:
    """Samples that use every field."""
    samples = make_samples(24, words=words)
    rng = np.random.Generator(np.random.Philox(key=[5, 5]))
    texts = np.array(["", "grüß\n", "a\0b", "好 \U0001f600"] * 6, dtype=object)
    audio = dataclasses.replace(samples.streams["audio"], feature_names=("f0", "größe", "", "x", "y"))
    return dataclasses.replace(
        samples,
        raw_text=texts,
        streams={**samples.streams, "audio": audio},
        unimodal_labels={m: rng.uniform(-1, 1, 24).astype(np.float32) for m in MODALITIES},
        provenance=dataclasses.replace(
            samples.provenance,
            label_range=(-3.0, 3.0),
            licence="CC BY",
            cleaning={"audio": {"nan": 3, "inf": 0, "overflow": 1}},
            notes=("one", "zwei ü" * 20_000),
        ),
    )


def assert_equal(a: Samples, b: Samples) -> None:
    assert a.name == b.name
    assert a.provenance == b.provenance
    assert list(a.splits) == list(b.splits)
    for column in ("ids", "video_ids", "raw_text"):
        assert getattr(a, column).dtype == getattr(b, column).dtype == object
        assert getattr(a, column).tolist() == getattr(b, column).tolist()
    pairs: list[tuple[Any, Any]] = [(a.label, b.label)]
    pairs += [(a.splits[s], b.splits[s]) for s in a.splits]
    pairs += [(a.unimodal_labels[m], b.unimodal_labels[m]) for m in a.unimodal_labels]
    for modality in MODALITIES:
        x, y = a.streams[modality], b.streams[modality]
        assert x.feature_names == y.feature_names
        pairs += [(x.offsets, y.offsets), (x.observed, y.observed), (x.values, y.values), (x.token_ids, y.token_ids)]
    for left, right in pairs:
        assert (left is None) == (right is None)
        if left is not None:
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("words", [True, False])
def test_what_is_written_is_read(tmp_path: Path, words: bool) -> None:
    samples, path = rich_samples(words), tmp_path / "new" / "toy.h5"
    write_store(samples, path)
    found = read_store(path)
    assert_equal(samples, found)
    assert found.fingerprint() == samples.fingerprint()
    assert verify_store(path).ok
    info = store_info(path)
    assert (info.name, info.samples, info.fingerprint) == ("toy", 24, samples.fingerprint())
    assert info.splits == ("official", "fold0", "fold1")
    assert info.text_is_tokens is words
    assert info.provenance == samples.provenance


def test_no_padding_is_stored(tmp_path: Path) -> None:
    samples = make_samples(200, words=False)
    write_store(samples, tmp_path / "toy.h5")
    content = sum(s.values.nbytes for s in samples.streams.values() if s.values is not None)
    assert content < (tmp_path / "toy.h5").stat().st_size < content + 60_000


def test_invalid_samples_leave_no_file_and_spare_the_old_one(tmp_path: Path) -> None:
    samples, path = make_samples(), tmp_path / "toy.h5"
    write_store(samples, path)
    before = path.read_bytes()
    broken = dataclasses.replace(samples, label=samples.label + np.float32(100))
    with pytest.raises(InputError, match="outside the label range"):
        write_store(broken, path)
    for field, value, says in (
        ("raw_text", "half \ud83d", "not Unicode"),
        ("splits", None, "split 'a/b'"),
    ):
        column = samples.raw_text.copy()
        column[3] = value
        changed: Any = {"a/b": samples.splits["official"]} if field == "splits" else column
        with pytest.raises(InputError, match=says):
            write_store(dataclasses.replace(samples, **{field: changed}), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["toy.h5"]


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, path = make_samples(), tmp_path / "toy.h5"
    write_store(samples, path)
    before = path.read_bytes()
    for error in (OSError("no space left"), KeyboardInterrupt()):

        def fail(*_: Any, error: BaseException = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(h5py.Group, "create_dataset", fail)
        with pytest.raises((InputError, KeyboardInterrupt)):
            write_store(samples, path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["toy.h5"]


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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_set("schema_version", 99), f"schema version 99, expected schema version {SCHEMA_VERSION}"),
        (_set("samples", 59), "expected"),
        (_set("name", 5), "attribute name is no text"),
        (lambda file: file.attrs.pop("content_sha256"), "not a readable data store"),
        (lambda file: file.pop("audio"), "not a readable data store"),
        (_replace("audio/offsets", np.arange(61)), "offsets must have 61 entries"),
        (_replace("audio/values", np.zeros((3, 5), "f4")), "audio/observed has shape"),
        (_replace("audio/values", np.zeros((3, 5), "f8")), "audio/values is no array of float32"),
        (_replace("splits/official", np.full(60, 9, "u1")), "split 'official' must hold"),
        (_replace("samples/label", np.full(60, np.nan, "f4")), "label of sample"),
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


def test_data_sets_are_found_by_name(tmp_path: Path, own_home: Path) -> None:
    assert list_stores() == []
    source = write_mmsa_pickle(tmp_path / "unaligned_50.pkl")
    report = import_data("mosi", source)
    assert report.info.path == store_path("mosi") == own_home / "data" / "mosi.h5"
    assert [s.name for s in list_stores()] == ["mosi"]
    assert open_samples("mosi").fingerprint() == report.info.fingerprint
    assert verify_store(find_store("mosi")).ok
    with pytest.raises(InputError, match=r"did you mean mosi.*sentibench data import"):
        open_samples("mosy")
    with pytest.raises(InputError, match="is there already"):
        import_data("mosi", source)
    before = store_path("mosi").read_bytes()
    source.write_bytes(source.read_bytes()[:500])
    with pytest.raises(InputError, match="truncated"):
        import_data("mosi", source, force=True)
    assert store_path("mosi").read_bytes() == before
    write_mmsa_pickle(source, seed=1)
    assert import_data("mosi", source, force=True).info.fingerprint != report.info.fingerprint


def test_a_store_that_cannot_be_read_hides_no_other(own_home: Path) -> None:
    write_store(make_samples(), store_path("toy"))
    store_path("damaged").write_bytes(b"nothing")
    assert [s.name for s in list_stores()] == ["toy"]
    assert [p.stem for p in store_files()] == ["damaged", "toy"]


@pytest.mark.parametrize("name", ["", "Mosi", "a/b", "../x", ".hidden", "-x", "a b", "x" * 65, "synthetic", "mosi.h5"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="data set name"):
        store_path(name)


def test_the_folder_is_the_platforms_unless_one_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENTIBENCH_HOME", str(tmp_path))
    assert catalog.data_home() == tmp_path / "data"
    monkeypatch.delenv("SENTIBENCH_HOME")
    assert catalog.data_home().parent.name == "sentibench"
