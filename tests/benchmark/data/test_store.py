"""The sample store: what is written is read, whole or not at all, and damage is found."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings

from benchmark.data import catalog
from benchmark.data import samples as samples_module
from benchmark.data.catalog import find_store, import_data, list_stores, open_samples, store_files, store_path
from benchmark.data.samples import ModalityStream, Provenance, Samples
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


def handmade(words: bool) -> Samples:
    """Three samples written out, so that no generator can change them."""
    offsets, seen = np.array([0, 2, 3, 6]), np.array([True, False, True, True, True, True])
    ids = np.array([7592, 100, 2088, 2003, 2307, 999])

    def values(width: int) -> ModalityStream:
        frames = np.arange(6 * width).reshape(6, width) / 8 - 2
        return ModalityStream(offsets, seen, (frames * seen[:, None]).astype(np.float32))

    return Samples(
        "hand",
        np.array(["a", "b", "c"], object),
        np.array(["v", "v", "w"], object),
        np.array(["hi", "", "grüß"], object),
        np.array([-1, 0, 0.5], np.float32),
        {
            "text": ModalityStream(offsets, seen, token_ids=ids) if words else values(4),
            "audio": values(3),
            "vision": values(2),
        },
        {"official": np.array([1, 2, 3], np.uint8)},
        Provenance("x", "", "toy"),
        {"audio": np.array([-1, 0, 1], np.float32)},
    )


def test_fingerprints_are_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """They key masks and run identities: another value for the same samples would orphan every run."""
    for block in (1, 4 << 20):
        monkeypatch.setattr(samples_module, "_BLOCK_BYTES", block)
        assert handmade(True).fingerprint() == "de39a249c2f21cb25e463dd249a028b632418282e2f3667b5e3dc9c3f79eb24e"
        assert handmade(False).fingerprint() == "ec94d661cdac2fc08014ebf024207b0ae5a2223c542101e26863a0ef6b4f9665"
        handmade(False).validate()


def test_the_vocabulary_is_kept_and_tells_samples_apart(tmp_path: Path) -> None:
    samples = handmade(True)
    text = dataclasses.replace(samples.streams["text"], vocabulary="bert-base-chinese")
    chinese = dataclasses.replace(samples, streams={**samples.streams, "text": text})
    assert chinese.fingerprint() != samples.fingerprint()
    path = tmp_path / "toy.h5"
    write_store(chinese, path)
    assert read_store(path).streams["text"].vocabulary == "bert-base-chinese"
    assert verify_store(path).ok
    write_store(samples, path)
    with h5py.File(path, "r+") as file:  # a store from before there were two
        del file["text"].attrs["vocabulary"]
    assert read_store(path).streams["text"].vocabulary == "bert-base-uncased"
    assert verify_store(path).ok
    with h5py.File(path, "r+") as file:
        file["text"].attrs["vocabulary"] = np.bytes_(b"bert-base-chinose")
    with pytest.raises(InputError, match="did you mean bert-base-chinese"):
        read_store(path)


def test_values_are_mapped_not_read(tmp_path: Path) -> None:
    path = tmp_path / "toy.h5"
    write_store(make_samples(200, words=False), path)
    for stream in read_store(path).streams.values():
        assert isinstance(stream.values, np.memmap)
        assert stream.values.flags.aligned
        assert not stream.values.flags.writeable
    with h5py.File(path, "r+") as file:  # not in one piece: read
        held = file["audio/values"][()]
        del file["audio/values"]
        file.create_dataset("audio/values", data=held, chunks=(16, 5), compression="gzip")
    found = read_store(path)
    assert not isinstance(found.streams["audio"].values, np.memmap)
    assert verify_store(path).ok


def _change(field: str, change: Any) -> Any:
    def apply(samples: Samples) -> Samples:
        return dataclasses.replace(samples, **{field: change(getattr(samples, field))})

    return apply


def _change_stream(modality: Any, **changes: Any) -> Any:
    def apply(samples: Samples) -> Samples:
        stream = dataclasses.replace(samples.streams[modality], **changes)
        return dataclasses.replace(samples, streams={**samples.streams, modality: stream})

    return apply


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_change("label", lambda x: x.astype(np.float64)), "hand: label is an array of float64, expected float32"),
        (_change("label", lambda x: x[:2]), "label has 2 entries, expected 3"),
        (_change("ids", lambda x: x.astype(str)), "ids is an array of <U1, expected object"),
        (_change("unimodal_labels", lambda x: {"audio": x["audio"][:2]}), "audio label has 2 entries, expected 3"),
        (_change("unimodal_labels", lambda x: {"audio": x["audio"] * 4}), "audio label of sample 'a' is -4, outside"),
        (_change("unimodal_labels", lambda x: {"smell": x["audio"]}), "labels of 'smell', which is no modality"),
        (_change("splits", lambda x: {"official": x["official"].astype(int)}), "split 'official' must hold"),
        (_change("splits", lambda x: {"new": np.array([1, 3, 3], np.uint8)}), "split 'new' has no valid sample"),
        (_change_stream("audio", values=np.zeros((6, 3))), "audio values must be .6, D. float32, found float64"),
        (_change_stream("audio", feature_names=("a", "b")), "has 2 feature names, expected 3"),
        (_change_stream("audio", observed=np.ones(6, np.uint8)), "observed must be one column of bool, found uint8"),
        (_change_stream("text", token_ids=np.full(6, 30_522)), "token id 30522 at position 0 is not in the vocabulary"),
        (_change_stream("text", token_ids=np.zeros(6, np.int32)), "token ids must be .6,. int64"),
        (
            _change_stream("text", token_ids=np.full(6, 21_128), vocabulary="bert-base-chinese"),
            "not in the vocabulary bert-base-chinese, which has ids from 0 to 21127",
        ),
    ],
)
def test_samples_that_break_a_rule_are_refused(tmp_path: Path, change: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        write_store(change(handmade(True)), tmp_path / "toy.h5")
    assert not list(tmp_path.iterdir())


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


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from benchmark.data.store import write_store
from protocols import InputError
from tests.samples import make_samples
samples = make_samples(400, words=False)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    write_store(samples, Path(sys.argv[1]))
except InputError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
@pytest.mark.parametrize("limit", [2_000, 60_000])
def test_a_write_that_the_system_refuses_is_one_line_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "toy.h5"), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r".*toy\.h5: cannot be written \(File too large\); make room, or use another folder", done.stdout
    )
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
import h5py
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from tests.samples import make_samples
plain = h5py.Group.create_dataset
def create(self, name, *args, **kwargs):
    if name == "values":
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, name, *args, **kwargs)
h5py.Group.create_dataset = create
write_store(make_samples(), store_path("toy"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_what_a_killed_import_left_is_no_store_and_is_removed_later(own_home: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = (own_home / "data").iterdir()
    assert store_files() == []
    assert list_stores() == []
    write_store(make_samples(), store_path("toy"))
    assert left.exists()  # it may be another import that is still writing
    os.utime(left, (0, 0))
    write_store(make_samples(), store_path("toy"))
    assert list((own_home / "data").iterdir()) == [store_path("toy")]


def test_a_data_folder_that_cannot_be_written_is_said_before_the_file_is_read(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_mmsa_pickle(tmp_path / "unaligned_50.pkl")
    monkeypatch.setattr(catalog, "import_file", lambda *_: pytest.fail("the file was read"))
    own_home.touch()  # a file where the folder should be
    with pytest.raises(InputError, match=r"data: the data folder cannot be written .*SENTIBENCH_HOME"):
        import_data("mosi", source)


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
