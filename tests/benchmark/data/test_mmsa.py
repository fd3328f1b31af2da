"""The MMSA layout: every frame and word of its pickles comes through, and what is wrong with one is named."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import build_dataset
from benchmark.data.encoding import TextEncoder
from benchmark.data.importers import ImportOptions, import_file
from benchmark.data.importers.meaning import OFFICIAL, Published
from benchmark.data.samples import PARTS
from benchmark.data.store import read_store, write_store
from protocols import MODALITIES, InputError, parse
from tests.benchmark.data.imported import import_pickle, of_sample
from tests.mmsa import PUBLISHED, mmsa_content, published_content

Content = dict[str, dict[str, Any]]


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_every_valid_frame_and_word_comes_through_and_no_padding(tmp_path: Path, seed: int) -> None:
    content = mmsa_content((4, 2, 3), seed)
    samples, i = import_pickle(tmp_path, content), 0
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
    samples = import_pickle(tmp_path, mmsa_content())
    assert len(of_sample(samples, "text", 23)[0]) == 48


def test_a_text_without_words_is_one_unknown_token_that_is_missing(tmp_path: Path) -> None:
    content = mmsa_content()
    content["train"]["text_bert"][0] = 0
    content["train"]["text_bert"][0, 0, :2] = 101, 102
    content["train"]["text_bert"][0, 1, :2] = 1
    words, seen = of_sample(import_pickle(tmp_path, content), "text", 0)
    assert (words.tolist(), seen.tolist()) == ([100], [False])


def test_zero_frames_are_gaps_but_not_in_one_column(tmp_path: Path) -> None:
    content = mmsa_content()
    content["train"]["vision_lengths"][0] = content["train"]["audio_lengths"][0] = 4
    content["train"]["vision"][0, :4] = 1
    content["train"]["vision"][0, 2] = 0
    for part in content.values():
        part["audio"] = part["audio"][:, :, :1]
    content["train"]["audio"][0, :4, 0] = [1, 0, np.nan, 2]
    samples = import_pickle(tmp_path, content)
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
    samples = import_pickle(tmp_path, content)
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
    samples = import_pickle(tmp_path, content)
    assert of_sample(samples, "audio", 0)[1].tolist() == [True, False, True]
    assert of_sample(samples, "audio", 1)[1].tolist() == [False]


@pytest.mark.filterwarnings("error")
def test_a_signalling_nan_is_a_gap(tmp_path: Path) -> None:
    """Numpy warns where it asks whether one is zero."""
    content = mmsa_content()
    content["train"]["vision"].view(np.uint32)[:, 0] = 0x7F800001
    samples = import_pickle(tmp_path, content)
    lengths = content["train"]["vision_lengths"]
    for i in np.flatnonzero(lengths):
        values, seen = of_sample(samples, "vision", int(i))
        assert not seen[0]
        assert not values[0].any()
        assert seen[1:].all()


def test_frames_padded_on_the_left_are_found(tmp_path: Path) -> None:
    """MulT's files are padded in front: their first `length` frames are zeros."""
    content = mmsa_content()
    for columns in content.values():
        for i, length in enumerate(columns["audio_lengths"]):
            columns["audio"][i] = np.roll(columns["audio"][i], 12 - length, axis=0)
    samples, other = import_pickle(tmp_path, content), import_pickle(tmp_path, mmsa_content())
    assert samples.fingerprint() == other.fingerprint()
    shifted = sum(length < 12 for columns in content.values() for length in columns["audio_lengths"])
    assert f"audio: {shifted} samples are padded on the left; their last frames were taken" in samples.provenance.notes
    content = mmsa_content()
    content["train"]["audio"][0, 11] = content["train"]["audio"][0, 0] = 1
    content["train"]["audio_lengths"][0] = 5
    samples = import_pickle(tmp_path, content)
    assert len(of_sample(samples, "audio", 0)[0]) == 5
    assert "audio: 1 samples have frames outside their length, which were left out" in samples.provenance.notes


@pytest.mark.parametrize("name", ["sims", "ch-sims", "mosi"])
@pytest.mark.parametrize(
    ("chinese_text", "declared", "expected"),
    [
        (True, None, "bert-base-chinese"),
        (False, None, "bert-base-uncased"),  # a translation
        (None, None, "bert-base-uncased"),
        (None, "bert-base-chinese", "bert-base-chinese"),
        (True, "bert-base-uncased", "bert-base-uncased"),
    ],
)
def test_the_vocabulary_is_chosen_by_option_and_text_and_not_by_name(
    tmp_path: Path, name: str, chinese_text: bool | None, declared: str | None, expected: str
) -> None:
    content = published_content(PUBLISHED["sims_unaligned_39"])
    for part in content.values():
        if chinese_text is None:
            del part["raw_text"]
        elif not chinese_text:
            part["raw_text"] = np.array(["not bad"] * len(part["id"]))
    options = ImportOptions(vocabulary=declared)
    samples = import_pickle(tmp_path, content, name, options=options)
    assert samples.streams["text"].vocabulary == expected
    assert samples.provenance.label_range == (-1, 1)
    said = [note for note in samples.provenance.notes if "--vocabulary" in note]
    assert len(said) == 1
    assert expected in said[0]
    assert said[0].startswith("warning: no raw text") == (chinese_text is None and declared is None)
    if expected == "bert-base-chinese":
        content["valid"]["text_bert"][0, 0, 1] = 21_128
        with pytest.raises(InputError, match="bert-base-chinese: expected whole numbers from 0 to 21127, found 21128"):
            import_pickle(tmp_path, content, name, options=options)


def test_the_unsupervised_file_of_simsv2_is_recognised(tmp_path: Path) -> None:
    content: dict[str, Any] = published_content(PUBLISHED["simsv2_unaligned"])
    mixture = {"train_mix": {**content["train"], "mask": np.ones(4)}}
    assert "left out, as it is neither train, valid nor test: train_mix" in (
        import_pickle(tmp_path, {**content, **mixture}).provenance.notes
    )
    with pytest.raises(InputError, match=r"the unsupervised file of CH-SIMS v2.*import the supervised file"):
        import_pickle(tmp_path, mixture)


def test_sims_has_unimodal_labels_and_its_own_range(tmp_path: Path) -> None:
    content = mmsa_content()
    for part in content.values():
        part["regression_labels"] = part["regression_labels"] / 3
        for k, letter in enumerate("TAV"):
            part[f"regression_labels_{letter}"] = part["regression_labels"] / (k + 1)
        part["id"] = np.array([i.replace("$_$", "/") for i in part["id"]])
    samples = import_pickle(tmp_path, content)
    assert samples.provenance.label_range == (-1, 1)
    np.testing.assert_allclose(samples.unimodal_labels["vision"], samples.label / 3, rtol=1e-6)
    assert samples.video_ids[:4].tolist() == ["train0"] * 3 + ["train1"]
    content["test"]["regression_labels_A"][1] = 1.5
    with pytest.raises(InputError, match=r"audio label of sample 'test0/1' is 1\.5, outside the label range"):
        import_pickle(tmp_path, content, label_range=(-1.0, 1.0))
    assert import_pickle(tmp_path, content, label_range=(-3.0, 3.0)).provenance.label_range == (-3, 3)


def test_ids_that_repeat_across_parts_get_the_part_as_prefix(tmp_path: Path) -> None:
    content = mmsa_content()
    for name, part in content.items():
        part["id"] = np.array([str(i) for i in range(len(part["id"]))])
        part["raw_text"] = [f"{name} {i}" for i in range(len(part["id"]))]
    samples = import_pickle(tmp_path, content)
    assert samples.ids[0] == "train/0"
    assert samples.ids[-1] == "test/9"
    assert samples.video_ids.tolist() == samples.ids.tolist()  # no video is known: each sample stands for itself
    for column in ("raw_text", "regression_labels"):
        content["test"][column][0] = content["train"][column][0]
    with pytest.raises(InputError, match="sample '0' is in train and in test"):
        import_pickle(tmp_path, content)


@pytest.mark.parametrize("separator", ["$_$", "/"])
def test_videos_of_parts_that_count_from_the_start_again_stay_whole_and_apart(tmp_path: Path, separator: str) -> None:
    content = mmsa_content()
    for name, part in content.items():
        part["id"] = np.array([f"v{i // 3}{separator}{i % 3}" for i in range(len(part["id"]))])
        part["raw_text"] = [f"{name} {i}" for i in range(len(part["id"]))]
    samples = import_pickle(tmp_path, content)
    assert samples.video_ids[:4].tolist() == ["train/v0"] * 3 + ["train/v1"]
    assert samples.video_ids[-1] == "test/v3"


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
        (_put("valid", "regression_labels", np.zeros((8, 1, 1))), "found shape (8, 1, 1), as of MulT's labels"),
        (_put("valid", "id", np.zeros((8, 3))), "valid: id: three columns, as MulT's video, start and end"),
        (_drop("train", "id"), "train: has no 'id'"),
        (_put("valid", "id", [["a"], ["b", "c"]]), "valid: id: is not a list of strings"),
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
        import_pickle(tmp_path, content)
    assert says in str(caught.value)
    assert "features.pkl" in str(caught.value) or "toy" in str(caught.value) or "differ" in says


def test_published_files_are_known_by_their_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = import_pickle(tmp_path, mmsa_content())
    assert any("not one of the published" in note for note in samples.provenance.notes)
    known = Published("MOSI unaligned_50", (-3.0, 3.0), "bert-base-uncased")
    monkeypatch.setitem(OFFICIAL, samples.provenance.source_sha256, known)
    assert "official file: MOSI unaligned_50" in import_pickle(tmp_path, mmsa_content()).provenance.notes


def test_unimodal_labels_must_be_as_many_as_samples(tmp_path: Path) -> None:
    content = published_content(PUBLISHED["sims_unaligned_39"])
    content["train"]["regression_labels_A"] = content["train"]["regression_labels_A"][:-1]
    with pytest.raises(InputError, match="train: regression_labels_A: expected 4 numbers, found 3"):
        import_pickle(tmp_path, content)


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


@pytest.mark.parametrize("layout", ["mosi_unaligned_50", "mosi_aligned_50"])
def test_compat_masks_of_an_imported_file_are_the_loaders_or_refused(
    tmp_path: Path, tiny_encoder: Path, layout: str
) -> None:
    """Draws of a loader for the padded arrays of the test part, column by column, without `[CLS]` and `[SEP]`."""
    content = published_content(PUBLISHED[layout], (4, 2, 30))
    samples = import_pickle(tmp_path, content, "mosi")
    data = build_dataset(samples, "official", TextEncoder(EncoderConfig(name=str(tiny_encoder))))
    scenario, test = parse("mmsa_positions(rate=0.4)"), content["test"]
    if PUBLISHED[layout].aligned:
        with pytest.raises(InputError, match="aligned file is trimmed"):
            scenario.masks(data)
        return
    observed = scenario.masks(data).observed
    words = test["text_bert"][:, 1].sum(axis=1).astype(int) - 2
    for m, lengths, first in (
        ("text", words, 1),
        ("audio", test["audio_lengths"], 0),
        ("vision", test["vision_lengths"], 0),
    ):
        steps = test["text_bert" if m == "text" else m].shape[2 if m == "text" else 1]
        drawn = np.random.RandomState(1111).uniform(size=(30, steps)) > 0.4
        expected = np.concatenate([row[first : first + n] for row, n in zip(drawn, lengths, strict=True)])
        np.testing.assert_array_equal(observed[m], expected)
