"""Lists of utterances, as MISA and its descendants keep them: every word and frame comes through."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.importers import import_file
from benchmark.data.importers.words import token_stream
from benchmark.data.samples import PARTS
from benchmark.data.store import read_store, write_store
from protocols import InputError
from tests.benchmark.data.imported import import_pickle, of_sample
from tests.misa import misa_content, mult_content, write_misa_folder


@pytest.mark.parametrize("fields", [3, 4, 6])
@pytest.mark.parametrize("label", [(1, 1), (1,), (), (1, 7), (7,)])
def test_every_word_frame_and_label_comes_through(tmp_path: Path, fields: int, label: tuple[int, ...]) -> None:
    content = misa_content(fields=fields, label=label)
    samples = import_pickle(tmp_path, content)
    assert samples.provenance.layout == "misa"
    entries = [(part, *entry) for part, own in content.items() for entry in own]
    for i, (part, features, value, sample) in enumerate(entries):
        words = features[0] if fields == 3 else features[3]
        assert samples.ids[i] == sample
        assert samples.video_ids[i] == sample.split("[")[0]
        assert samples.raw_text[i] == " ".join(words)
        assert samples.label[i] == np.reshape(value, -1)[0]
        assert samples.splits["official"][i] == PARTS["valid" if part == "dev" else part]
        tokens, _ = token_stream("toy", [" ".join(words)])
        np.testing.assert_array_equal(of_sample(samples, "text", i)[0], tokens.token_ids)
        for modality, expected in (("vision", features[1]), ("audio", features[2])):
            values, seen = of_sample(samples, modality, i)
            np.testing.assert_array_equal(values, expected.astype(np.float32))
            assert seen.all()
    notes = samples.provenance.notes
    assert (
        "audio and vision have separate rates" if fields == 6 else "audio and vision have one row for each word"
    ) in notes
    assert any("labels have 7 columns" in note for note in notes) == (7 in label)
    write_store(samples, tmp_path / "toy.h5")
    assert read_store(tmp_path / "toy.h5").fingerprint() == samples.fingerprint()


@pytest.mark.parametrize("valid", ["dev.pkl", "valid.pickle", "val.p"])
def test_a_folder_of_one_pickle_a_part_is_read_as_one_file_is(tmp_path: Path, valid: str) -> None:
    content = misa_content()
    folder = write_misa_folder(tmp_path / "MOSI", content)
    (folder / "dev.pkl").rename(folder / valid)
    (folder / "embedding_and_mapping.pt").write_bytes(b"PK")
    samples = import_file(folder, "toy")
    assert samples.fingerprint() == import_pickle(tmp_path, content).fingerprint()
    assert samples.provenance.source == "MOSI"
    (folder / valid).unlink()
    with pytest.raises(InputError, match=r"has no pickle of the valid part; found test.pkl, train.pkl"):
        import_file(folder, "toy")
    with pytest.raises(InputError, match=r"is a list of 6 entries.*name the folder that holds train.pkl"):
        import_file(folder / "train.pkl", "toy")
    with pytest.raises(InputError, match=r"is a folder without .csd files and without train.pkl"):
        import_file(tmp_path, "toy")


def test_frames_that_are_no_numbers_are_cleaned_and_counted(tmp_path: Path) -> None:
    content = misa_content()
    vision, audio = content["train"][0][0][1:3]
    vision[0, 1], vision[1, :2], audio[1] = np.nan, [np.inf, -np.inf], 0
    samples = import_pickle(tmp_path, content)
    assert samples.provenance.cleaning["vision"] == {"nan": 1, "inf": 2, "overflow": 0}
    assert not of_sample(samples, "audio", 0)[1][1]
    assert "audio: 1 positions are gaps (all-zero frames, or never recorded)" in samples.provenance.notes


def test_utterances_without_words_or_frames_are_missing_by_nature(tmp_path: Path) -> None:
    content = misa_content()
    content["test"][1] = (([], np.zeros((0,)), np.zeros((0, 3)), []), np.zeros((1, 1)), "quiet[0]")
    samples = import_pickle(tmp_path, content)
    for modality in ("text", "audio", "vision"):
        assert of_sample(samples, modality, 11)[1].tolist() == [False]


def test_pauses_are_no_words(tmp_path: Path) -> None:
    content = misa_content()
    (ids, vision, audio, _), label, sample = content["train"][0]
    words = ["sp", "not", *["bad"] * (len(vision) - 2)]
    content["train"][0] = ((ids, vision, audio, [w.encode() for w in words]), label, sample)
    samples = import_pickle(tmp_path, content)
    assert samples.raw_text[0] == " ".join(words[1:])
    assert len(of_sample(samples, "vision", 0)[0]) == len(words)
    assert "train: 1 pauses ('sp') were taken out of the text" in samples.provenance.notes


@pytest.mark.parametrize("standardised", [True, False])
def test_utterances_that_were_standardised_each_are_named(tmp_path: Path, standardised: bool) -> None:
    content = misa_content()
    for entries in content.values():
        for features, _, _ in entries:
            for array in features[1:3]:
                array += 4
                if standardised:
                    array[:] = (array - array.mean(0)) / (array.std(0) + 1e-6)
    notes = import_pickle(tmp_path, content).provenance.notes
    assert any("audio: each utterance was standardised separately" in note for note in notes) == standardised


def test_ids_that_are_videos_are_numbered(tmp_path: Path) -> None:
    """MMIM's MOSEI has the id of the video in each of its utterances."""
    content = misa_content(fields=6)
    for entries in content.values():
        entries[:] = [(features, label, sample.split("[")[0]) for features, label, sample in entries]
    samples = import_pickle(tmp_path, content)
    assert samples.ids[:3].tolist() == ["train0-x_Y[0]", "train0-x_Y[1]", "train1-x_Y[0]"]
    assert samples.video_ids[:3].tolist() == ["train0-x_Y", "train0-x_Y", "train1-x_Y"]
    assert "train: 6 utterances have 3 ids, which seem to be videos; utterances were numbered" in (
        samples.provenance.notes
    )


def _entry(*changes: tuple[int, Any]) -> Any:
    """Changes of fields of the features of one entry."""

    def change(content: Any) -> None:
        features, label, sample = content["dev"][1]
        own = list(features)
        for at, value in changes:
            own[at] = value
        content["dev"][1] = (tuple(own), label, sample)

    return change


def _label(value: Any) -> Any:
    def change(content: Any) -> None:
        content["dev"][1] = (content["dev"][1][0], value, content["dev"][1][2])

    return change


@pytest.mark.parametrize(
    ("fields", "change", "says"),
    [
        (4, lambda c: c.pop("dev"), "has no part 'valid'; found train, test"),
        (4, lambda c: c.update(valid=c["dev"]), "'dev' and 'valid' are both the valid part"),
        (4, lambda c: c.update(dev=[]), "valid: has no samples"),
        (
            4,
            lambda c: c.update(dev={"a": 1}),
            "valid: expected a list of ((words, vision, audio), label, id), found",
        ),
        (
            4,
            lambda c: c["dev"].append((1, 2)),
            "valid: entry 4: expected ((words, vision, audio), label, id), found",
        ),
        (4, _entry((3, np.array([5, 6]))), "valid: entry 1: has word ids and no words"),
        (3, _entry((0, np.array([5, 6]))), "word2id in embedding_and_mapping.pt"),
        (4, _entry((1, np.zeros((2, 4)))), "vision: sample 'dev0-x_Y[1]' has 4 columns, others have 5"),
        (4, _entry((2, np.zeros(4))), "valid: entry 1: audio: expected 2 dimensions, found shape (4,)"),
        (4, _entry((2, np.array([["a"]]))), "valid: entry 1: audio: expected numbers"),
        (6, _entry((4, 21)), "valid: entry 1: vision: expected a length from 0 to"),
        (4, _label(np.zeros((1, 6))), "label: expected one number, or MOSEI's 7"),
        (4, _label(np.full((1, 1), np.nan)), "outside the label range"),
        (4, _label("good"), "valid: entry 1: label: expected numbers"),
        (4, lambda c: c["dev"].append(c["train"][0]), "is in train and in valid, with the same text and label"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, fields: int, change: Any, says: str) -> None:
    content = misa_content(fields=fields)
    change(content)
    with pytest.raises(InputError) as caught:
        import_pickle(tmp_path, content)
    assert says in str(caught.value)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("columns", [1, 7])
def test_files_of_mult_are_read_without_their_padding(tmp_path: Path, aligned: bool, columns: int) -> None:
    content = mult_content(aligned=aligned, columns=columns)
    content["train"]["audio"][0, -1] = -np.inf
    samples, i = import_pickle(tmp_path, content), 0
    assert samples.provenance.layout == "mult"
    assert samples.provenance.cleaning["audio"]["inf"] == 3
    for arrays in content.values():
        for row in range(len(arrays["labels"])):
            assert samples.label[i] == arrays["labels"][row].reshape(-1)[0]
            assert samples.video_ids[i] == arrays["id"][row, 0].decode()
            for modality in ("text", "audio", "vision"):
                padded = arrays[modality][row].astype(np.float32)
                expected = np.where(np.isfinite(padded), padded, 0)[np.argmax(padded.any(axis=1)) :]
                np.testing.assert_array_equal(of_sample(samples, modality, i)[0], expected)
            i += 1
    assert len(set(samples.ids.tolist())) == len(samples) == i
    assert any(note.endswith("padded on the left") for note in samples.provenance.notes)


def test_in_aligned_files_of_mult_words_and_frames_stay_together(tmp_path: Path) -> None:
    content = mult_content()
    for modality in ("text", "audio", "vision"):
        content["train"][modality][0] = 0
        content["train"][modality][0, 6:] = 1
    content["train"]["vision"][0, [6, 9]] = content["train"]["text"][0, 7] = 0
    content["test"]["vision"][0] = 0
    samples = import_pickle(tmp_path, content)
    assert of_sample(samples, "audio", 0)[1].tolist() == [True] * 4
    assert of_sample(samples, "vision", 0)[1].tolist() == [False, True, True, False]
    assert of_sample(samples, "text", 0)[1].tolist() == [True, False, True, True]
    assert of_sample(samples, "vision", 10)[1].tolist() == [False]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("labels", np.zeros((4, 2)), "valid: labels: expected (n, 1, 1), or MOSEI's 7 columns"),
        ("labels", [1.0] * 4, "valid: labels: expected (n, 1, 1)"),
        ("id", np.zeros((4, 2)), "valid: id: expected (4, 3): video, start, end; found shape (4, 2)"),
        ("id", [["a"], ["b", "c"]], "valid: id: is not an array"),
        ("audio", np.zeros((3, 10, 3)), "valid: audio: has 3 samples, expected 4 as in labels"),
        ("audio", None, "valid: has no 'audio'"),
    ],
)
def test_a_wrong_array_of_mult_is_named(tmp_path: Path, key: str, value: Any, says: str) -> None:
    content = mult_content()
    content["valid"][key] = value
    with pytest.raises(InputError) as caught:
        import_pickle(tmp_path, content)
    assert says in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "old", "inside"])
def test_files_of_torch_are_named(tmp_path: Path, kind: str) -> None:
    import torch

    path = tmp_path / "features.pt"
    content = {"train": {"audio": torch.zeros(2, 3)}}
    if kind == "inside":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    says = "holds PyTorch tensors" if kind == "inside" else "is a file of torch.save, which is not read"
    with pytest.raises(InputError, match=rf"{says}.*turn each into an array with .numpy\(\)"):
        import_file(path, "toy")
