"""The sample store: what is written is read, and samples that break a rule are not written."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from benchmark.data import samples as samples_module
from benchmark.data.samples import ModalityStream, Provenance, Samples
from benchmark.data.store import read_store, store_info, verify_store, write_store
from protocols import MODALITIES, InputError
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
def test_written_samples_are_read_back(tmp_path: Path, words: bool) -> None:
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
        (_change("unimodal_labels", lambda x: {"smell": x["audio"]}), "labels of 'smell', which is not a modality"),
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
