"""Importers: what comes out is what is in the file; what is wrong is said in one line."""

from __future__ import annotations

import errno
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.data.catalog import import_data
from benchmark.data.features import LARGEST, Cleaning, clean
from benchmark.data.importers import blocks, import_file, pickles, scratch
from benchmark.data.importers.mmsa import OFFICIAL
from benchmark.data.samples import PARTS, Samples
from benchmark.data.store import read_store, write_store
from protocols import MODALITIES, InputError
from tests.benchmark.data.damage import damaged, outcome
from tests.mmsa import PUBLISHED, mmsa_content, published_content

Content = dict[str, dict[str, Any]]


def of_sample(samples: Samples, modality: Any, index: int) -> tuple[Any, Any]:
    stream = samples.streams[modality]
    rows = slice(stream.offsets[index], stream.offsets[index + 1])
    held = stream.token_ids if stream.values is None else stream.values
    return held[rows], stream.observed[rows]  # type: ignore[index]


def read(tmp_path: Path, content: Any, name: str = "toy", **options: Any) -> Samples:
    path = tmp_path / "features.pkl"
    path.write_bytes(pickle.dumps(content))
    return import_file(path, name, **options)


def npz_content(n: int = 6) -> dict[str, Any]:
    rng = np.random.Generator(np.random.Philox(key=[3, 1]))
    content: dict[str, Any] = {
        "id": np.array([f"s{i}" for i in range(n)]),
        "label": np.linspace(-3, 3, n).astype(np.float32),
        "split.official": np.resize(["train", "valid", "test"], n),
    }
    for modality, width in (("text", 4), ("audio", 3), ("vision", 2)):
        observed = np.ones((n, 5), bool)
        observed[0, 1] = observed[1] = False
        values = rng.normal(size=(n, 5, width)).astype(np.float32) * observed[..., None]
        content |= {f"{modality}.values": values, f"{modality}.observed": observed}
    return content


def read_npz(tmp_path: Path, content: dict[str, Any], **options: Any) -> Samples:
    path = tmp_path / "arrays.npz"
    np.savez(path, **content)
    return import_file(path, "toy", **options)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_every_valid_frame_and_word_comes_through_and_no_padding(tmp_path: Path, seed: int) -> None:
    content = mmsa_content((4, 2, 3), seed)
    samples, i = read(tmp_path, content), 0
    for part in ("train", "valid", "test"):
        columns = content[part]
        for row in range(len(columns["id"])):
            assert samples.ids[i] == columns["id"][row]
            assert samples.label[i] == columns["regression_labels"][row]
            assert samples.splits["official"][i] == PARTS[part]
            count = int(columns["text_bert"][row, 1].sum())
            words, seen = of_sample(samples, "text", i)
            assert words.tolist() == columns["text_bert"][row, 0, 1 : count - 1].tolist()
            assert seen.all()
            for modality in ("audio", "vision"):
                length = columns[f"{modality}_lengths"][row]
                values, seen = of_sample(samples, modality, i)
                if length:
                    np.testing.assert_array_equal(values, columns[modality][row, :length])
                    assert seen.all()
                else:
                    assert values.shape[0] == 1
                    assert not values.any()
                    assert not seen.any()
            i += 1
    assert i == len(samples)


def test_a_text_without_padding_keeps_all_its_words(tmp_path: Path) -> None:
    """The argmin of a full attention mask is 0: loaders that take it for the length lose the text."""
    samples = read(tmp_path, mmsa_content())
    assert len(of_sample(samples, "text", 23)[0]) == 48


def test_a_text_without_words_is_one_unknown_token_that_is_missing(tmp_path: Path) -> None:
    content = mmsa_content()
    content["train"]["text_bert"][0] = 0
    content["train"]["text_bert"][0, 0, :2] = 101, 102
    content["train"]["text_bert"][0, 1, :2] = 1
    words, seen = of_sample(read(tmp_path, content), "text", 0)
    assert (words.tolist(), seen.tolist()) == ([100], [False])


def test_zero_frames_are_gaps_but_not_in_one_column(tmp_path: Path) -> None:
    content = mmsa_content()
    content["train"]["vision_lengths"][0] = content["train"]["audio_lengths"][0] = 4
    content["train"]["vision"][0, :4] = 1
    content["train"]["vision"][0, 2] = 0
    for part in content.values():
        part["audio"] = part["audio"][:, :, :1]
    content["train"]["audio"][0, :4, 0] = [1, 0, np.nan, 2]
    samples = read(tmp_path, content)
    assert of_sample(samples, "vision", 0)[1].tolist() == [True, True, False, True]
    assert of_sample(samples, "audio", 0)[1].tolist() == [True, True, False, True]


@pytest.mark.parametrize("layout", PUBLISHED)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_files_of_the_published_layouts(tmp_path: Path, layout: str, protocol: int) -> None:
    """Every frame and word of a file with the published fields, shapes and types; nothing of its padding."""
    known = PUBLISHED[layout]
    content = published_content(known)
    path = tmp_path / f"{layout}.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    samples = import_file(path, "toy")
    assert samples.provenance.label_range == ((-1, 1) if known.chinese else (-3, 3))
    assert samples.streams["text"].vocabulary == ("bert-base-chinese" if known.chinese else "bert-base-uncased")
    assert set(samples.unimodal_labels) == (set(MODALITIES) if known.chinese else set())
    assert [int((samples.splits["official"] == k).sum()) for k in (1, 2, 3)] == [4, 2, 3]
    rows = [(part, row) for part in ("train", "valid", "test") for row in range(len(content[part]["id"]))]
    for i, (part, row) in enumerate(rows):
        columns = content[part]
        assert samples.label[i] == columns["regression_labels"][row]
        for k, modality in enumerate(MODALITIES if known.chinese else (), 1):
            assert samples.unimodal_labels[modality][i] == columns[f"regression_labels_{'TAV'[k - 1]}"][row]
        assert samples.video_ids[i] == columns["id"][row].split("$_$")[0]
        words = int(columns["text_bert"][row, 1].sum()) - 2
        assert of_sample(samples, "text", i)[0].tolist() == columns["text_bert"][row, 0, 1 : words + 1].tolist()
        for modality in ("audio", "vision"):
            first, count = (1, words) if known.aligned else (0, columns[f"{modality}_lengths"][row])
            values, seen = of_sample(samples, modality, i)
            np.testing.assert_array_equal(values, columns[modality][row, first : first + count])
            assert seen.all()
    if known.aligned:
        assert any("no lengths in the file" in n and "9 samples" in n for n in samples.provenance.notes)


def test_in_aligned_files_audio_and_vision_stay_aligned(tmp_path: Path) -> None:
    """A word without a face is a gap; the frames of both modalities keep their words."""
    content = published_content(PUBLISHED["mosi_aligned_50"])
    train = content["train"]
    words = int(train["text_bert"][0, 1].sum()) - 2
    train["text_bert"][0, :, :8] = [[101, 2023, 2003, 2307, 2003, 2023, 2003, 102], [1] * 8, [0] * 8]
    train["text_bert"][0, :2, 8:] = 0
    for modality in ("audio", "vision"):
        train[modality][0] = 0
        train[modality][0, 1:7] = 1
    train["vision"][0, [1, 2, 6]] = 0
    train["vision"][1] = 0
    samples = read(tmp_path, content)
    assert words >= 1
    assert of_sample(samples, "audio", 0)[1].tolist() == [True] * 6
    assert of_sample(samples, "vision", 0)[1].tolist() == [False, False, True, True, True, False]
    assert of_sample(samples, "vision", 1)[1].tolist() == [False]
    assert of_sample(samples, "audio", 1)[1].all()


def test_without_lengths_zeros_at_both_ends_are_padding(tmp_path: Path) -> None:
    content = mmsa_content()
    for part in content.values():
        del part["audio_lengths"], part["vision_lengths"]
    content["train"]["audio"][0] = 0
    content["train"]["audio"][0, [3, 5]] = 1
    content["train"]["audio"][1] = 0
    samples = read(tmp_path, content)
    assert of_sample(samples, "audio", 0)[1].tolist() == [True, False, True]
    assert of_sample(samples, "audio", 1)[1].tolist() == [False]


def test_frames_padded_on_the_left_are_found(tmp_path: Path) -> None:
    """MulT's files are padded in front: their first `length` frames are zeros."""
    content = mmsa_content()
    for columns in content.values():
        for i, length in enumerate(columns["audio_lengths"]):
            columns["audio"][i] = np.roll(columns["audio"][i], 12 - length, axis=0)
    samples, other = read(tmp_path, content), read(tmp_path, mmsa_content())
    assert samples.fingerprint() == other.fingerprint()
    shifted = sum(length < 12 for columns in content.values() for length in columns["audio_lengths"])
    assert f"audio: {shifted} samples are padded on the left; their last frames were taken" in samples.provenance.notes
    content = mmsa_content()
    content["train"]["audio"][0, 11] = content["train"]["audio"][0, 0] = 1
    content["train"]["audio_lengths"][0] = 5
    samples = read(tmp_path, content)
    assert len(of_sample(samples, "audio", 0)[0]) == 5
    assert "audio: 1 samples have frames outside their length, which were left out" in samples.provenance.notes


@pytest.mark.parametrize(
    ("name", "chinese_text", "unimodal", "expected"),
    [
        ("sims", True, False, "bert-base-chinese"),
        ("sims", False, True, "bert-base-uncased"),  # a translation
        ("simsv2", None, False, "bert-base-chinese"),
        ("toy", True, True, "bert-base-chinese"),
        ("toy", True, False, "bert-base-uncased"),
        ("toy", None, True, "bert-base-uncased"),
    ],
)
def test_the_vocabulary_is_told_by_name_labels_and_text(
    tmp_path: Path, name: str, chinese_text: bool | None, unimodal: bool, expected: str
) -> None:
    content = published_content(PUBLISHED["sims_unaligned_39"])
    for part in content.values():
        if chinese_text is None:
            del part["raw_text"]
        elif not chinese_text:
            part["raw_text"] = np.array(["not bad"] * len(part["id"]))
        for key in [key for key in part if key.startswith("regression_labels_") and not unimodal]:
            del part[key]
    samples = read(tmp_path, content, name)
    assert samples.streams["text"].vocabulary == expected
    if expected == "bert-base-chinese":
        content["valid"]["text_bert"][0, 0, 1] = 21_128
        with pytest.raises(InputError, match="bert-base-chinese: expected whole numbers from 0 to 21127, found 21128"):
            read(tmp_path, content, name)


def test_the_unsupervised_file_of_simsv2_is_told_from_the_supervised_one(tmp_path: Path) -> None:
    content: dict[str, Any] = published_content(PUBLISHED["simsv2_unaligned"])
    mixture = {"train_mix": {**content["train"], "mask": np.ones(4)}}
    assert "left out, as it is neither train, valid nor test: train_mix" in (
        read(tmp_path, {**content, **mixture}).provenance.notes
    )
    with pytest.raises(InputError, match=r"the unsupervised file of CH-SIMS v2.*import the supervised file"):
        read(tmp_path, mixture)


def test_sims_has_unimodal_labels_and_its_own_range(tmp_path: Path) -> None:
    content = mmsa_content()
    for part in content.values():
        part["regression_labels"] = part["regression_labels"] / 3
        for k, letter in enumerate("TAV"):
            part[f"regression_labels_{letter}"] = part["regression_labels"] / (k + 1)
        part["id"] = np.array([i.replace("$_$", "/") for i in part["id"]])
    samples = read(tmp_path, content)
    assert samples.provenance.label_range == (-1, 1)
    np.testing.assert_allclose(samples.unimodal_labels["vision"], samples.label / 3, rtol=1e-6)
    assert samples.video_ids[:4].tolist() == ["train0"] * 3 + ["train1"]
    content["test"]["regression_labels_A"][1] = 1.5
    with pytest.raises(InputError, match=r"audio label 33 is 1\.5, outside the label range"):
        read(tmp_path, content)
    assert read(tmp_path, content, label_range=(-3.0, 3.0)).provenance.label_range == (-3, 3)


def test_ids_of_parts_that_count_from_the_start_again_are_told_apart(tmp_path: Path) -> None:
    content = mmsa_content()
    for name, part in content.items():
        part["id"] = np.array([str(i) for i in range(len(part["id"]))])
        part["raw_text"] = [f"{name} {i}" for i in range(len(part["id"]))]
    samples = read(tmp_path, content)
    assert samples.ids[0] == "train/0"
    assert samples.ids[-1] == "test/9"
    for column in ("raw_text", "regression_labels"):
        content["test"][column][0] = content["train"][column][0]
    with pytest.raises(InputError, match="sample '0' is in train and in test"):
        read(tmp_path, content)


def _zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"content")
    return buffer.getvalue()


def _drop(part: str, key: str) -> Any:
    return lambda content: content[part].pop(key)


def _put(part: str, key: str, value: Any, at: Any = ()) -> Any:
    def change(content: Content) -> None:
        if at == ():
            content[part][key] = value
        else:
            content[part][key][at] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.pop("valid"), "has no part 'valid'"),
        (_drop("test", "text_bert"), "test: has no 'text_bert'"),
        (_put("train", "audio_lengths", -1, 0), "expected whole numbers from 0 to 12, found -1"),
        (_put("valid", "regression_labels", np.inf, 1), "label of sample 'valid0$_$1' is inf, outside the label range"),
        (_put("valid", "regression_labels", [[1.0]]), "valid: regression_labels: expected 1 dimensions"),
        (_drop("train", "id"), "train: has no 'id'"),
        (_put("train", "audio_lengths", 13, 0), "audio_lengths: expected whole numbers from 0 to 12, found 13"),
        (_put("train", "audio_lengths", 2.5, 0), "expected whole numbers from 0 to 12, found 2.5"),
        (_put("train", "audio_lengths", [1, 2]), "audio_lengths: expected 24 numbers, found 2"),
        (_put("train", "audio", np.zeros((24, 5))), "train: audio: expected 3 dimensions"),
        (_put("train", "audio", np.zeros((3, 12, 5))), "train: audio: has 3 samples, expected 24"),
        (_put("train", "audio", np.zeros((24, 12, 6))), "feature widths differ"),
        (_put("train", "vision", np.array([["a"]])), "train: vision: expected numbers"),
        (_put("train", "regression_labels", np.nan, 0), "outside the label range"),
        (_put("test", "regression_labels", 3.4, 0), "outside the label range"),
        (_put("train", "id", "train1$_$0", 0), "train: id 'train1$_$0' occurs twice"),
        (_put("train", "text_bert", 1.5, (0, 0, 1)), "expected whole numbers from 0 to 30521, found 1.5"),
        (_put("train", "text_bert", np.nan, (0, 0, 1)), "expected whole numbers from 0 to 30521, found nan"),
        (_put("train", "text_bert", 2, (0, 1, 1)), "attention mask: expected whole numbers from 0 to 1"),
        (_put("train", "text_bert", np.zeros((24, 2, 50))), "text_bert: expected shape (24, 3, L)"),
        (lambda c: c.update(train={k: v[:0] for k, v in c["train"].items()}), "train: has no samples"),
    ],
)
def test_a_wrong_column_is_named(tmp_path: Path, change: Any, says: str) -> None:
    content = mmsa_content()
    change(content)
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert says in str(caught.value)
    assert "features.pkl" in str(caught.value) or "toy" in str(caught.value) or "differ" in says


def test_npz_keeps_all_positions_and_marks_gaps(tmp_path: Path) -> None:
    content = npz_content()
    content["vision.values"][2, 3] = 0  # observed, it says, but nothing is there
    content["audio.values"][0, 1] = 9  # a gap, it says, but something is there
    samples = read_npz(tmp_path, content)
    assert all((np.diff(samples.streams[m].offsets) == 5).all() for m in MODALITIES)
    assert of_sample(samples, "vision", 2)[1].tolist() == [True, True, True, False, True]
    values, seen = of_sample(samples, "audio", 0)
    assert seen.tolist() == [True, False, True, True, True]
    assert not values[1].any()
    assert not of_sample(samples, "text", 1)[1].any()
    assert samples.video_ids.tolist() == samples.ids.tolist()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label": None}, "has no array 'label'"),
        ({"vision.observed": None}, "has no array 'vision.observed'"),
        ({"split.official": None}, "has no array 'split.<name>'"),
        ({"split.official": np.array(["train", "valid", "dev", "train", "valid", "test"])}, "'dev'"),
        ({"split.official": np.array(["train", "valid"] * 3)}, "split.official: has no test sample"),
        ({"audio.values": np.zeros((6, 4, 3))}, "audio.values: expected (6, T, D)"),
        ({"label": np.array([0, 1, np.nan, 0, 0, 0])}, "outside the label range"),
        ({"label": np.array([0, 1, 4, 0, 0, 0])}, "label of sample 's2' is 4"),
        ({"id": np.array(["a"] * 6)}, "sample id 'a' occurs twice"),
        ({"id": np.array(["a"] * 5)}, "id: expected 6 entries"),
        ({"id": np.array([{}] * 6, dtype=object)}, "not a readable npz archive of plain arrays"),
    ],
)
def test_a_wrong_array_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    content = {k: v for k, v in {**npz_content(), **changes}.items() if v is not None}
    with pytest.raises(InputError) as caught:
        read_npz(tmp_path, content)
    assert says in str(caught.value)


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


def test_what_is_no_number_becomes_zero_and_is_counted(tmp_path: Path) -> None:
    content = mmsa_content()
    wide = content["train"]["audio"].astype(np.float64)
    content["train"]["audio_lengths"][0] = 2
    wide[0, 0] = [np.nan, np.inf, -np.inf, 1e200, 1.25]
    wide[0, 1] = np.nan  # nothing is left of this frame
    wide[0, 2:] = np.nan  # padding is not looked at
    content["train"]["audio"] = wide
    samples = read(tmp_path, content)
    assert samples.provenance.cleaning["audio"] == {"nan": 6, "inf": 2, "overflow": 1}
    values, seen = of_sample(samples, "audio", 0)
    assert values.tolist() == [[0, 0, 0, 0, 1.25], [0] * 5]
    assert seen.tolist() == [True, False]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(st.floats(width=64), st.sampled_from([LARGEST, -LARGEST, 1e39, np.inf, np.nan])),
        min_size=1,
        max_size=40,
    )
)
def test_cleaning_counts_each_value_once_and_leaves_the_others(numbers: list[float]) -> None:
    values, cleaning = np.array(numbers)[:, None], Cleaning()
    found = clean(values, cleaning)
    usable = np.isfinite(values) & (np.abs(np.nan_to_num(values)) <= LARGEST)
    assert np.isfinite(found).all()
    assert sum(cleaning.counts().values()) == int((~usable).sum())
    np.testing.assert_array_equal(found[usable], values[usable].astype(np.float32))
    assert not found[~usable].any()


def test_text_that_cannot_be_stored_is_repaired(tmp_path: Path) -> None:
    content = mmsa_content()
    content["train"]["raw_text"] = ["a\0b", "half \ud83d", "whole \U0001f600", "grüß"] + ["x"] * 20
    path = tmp_path / "features.pkl"
    path.write_bytes(pickle.dumps(content))
    import_data("toy", path)
    texts = read(tmp_path, content).raw_text[:4].tolist()
    assert texts == ["a\ufffdb", "half \ufffd", "whole \U0001f600", "grüß"]


def test_published_files_are_known_by_their_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = read(tmp_path, mmsa_content())
    assert any("not one of the published" in note for note in samples.provenance.notes)
    monkeypatch.setitem(OFFICIAL, samples.provenance.source_sha256, "MOSI unaligned_50")
    assert "official file: MOSI unaligned_50" in read(tmp_path, mmsa_content()).provenance.notes


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


def test_unimodal_labels_must_be_as_many_as_samples(tmp_path: Path) -> None:
    content = published_content(PUBLISHED["sims_unaligned_39"])
    content["train"]["regression_labels_A"] = content["train"]["regression_labels_A"][:-1]
    with pytest.raises(InputError, match="train: regression_labels_A: expected 4 numbers, found 3"):
        read(tmp_path, content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_in_any_order_of_bytes_gives_the_same_samples(tmp_path: Path, save: Any) -> None:
    content, path = npz_content(), tmp_path / "arrays.npz"
    expected = read_npz(tmp_path, content).fingerprint()
    orders: list[tuple[Any, str]] = [("C", "<f4"), ("F", "<f4"), ("C", ">f8")]
    for order, kind in orders:
        save(path, **{k: np.array(v, kind, order=order) if k.endswith("values") else v for k, v in content.items()})
        assert import_file(path, "toy").fingerprint() == expected


def test_an_archive_whose_values_end_too_early_says_so(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    np.savez(path, **npz_content())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["audio.values.npy"] = members["audio.values.npy"][:-4]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match=r"arrays\.npz: .*audio\.values\.npy has 356 bytes, its shape .* needs 360"):
        import_file(path, "toy")


def test_values_beyond_the_memory_share_go_to_disk_and_come_back(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = mmsa_content()
    expected = read(tmp_path, content)
    monkeypatch.setattr(scratch, "MEMORY_BYTES", 100)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 700)
    found = read(tmp_path, content)
    assert isinstance(found.streams["vision"].values, np.memmap)
    assert not found.streams["vision"].values.flags.writeable
    assert found.fingerprint() == expected.fingerprint()
    assert list((own_home / "data").iterdir()) == []  # the file has no name


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(scratch, "MEMORY_BYTES", 100)
    monkeypatch.setattr("benchmark.data.importers.scratch.tempfile.TemporaryFile", lambda **_: Full())
    path = tmp_path / "features.pkl"
    path.write_bytes(pickle.dumps(mmsa_content()))
    with pytest.raises(InputError, match=r"cannot be written there .No space left on device.; make room"):
        import_data("toy", path)
    assert list((own_home / "data").iterdir()) == []


def test_the_padded_steps_of_the_source_are_kept_for_masks_that_depend_on_them(tmp_path: Path) -> None:
    for layout, steps in (
        ("mosi_unaligned_50", {"text": 50, "audio": 375, "vision": 500}),
        ("mosi_aligned_50", {"text": 50}),  # frames are moved to the front there
    ):
        path = tmp_path / f"{layout}.pkl"
        path.write_bytes(pickle.dumps(published_content(PUBLISHED[layout]), protocol=4))
        samples = import_file(path, "mosi")
        assert samples.provenance.steps == steps
        write_store(samples, tmp_path / "mosi.h5")
        assert read_store(tmp_path / "mosi.h5").provenance.steps == steps
