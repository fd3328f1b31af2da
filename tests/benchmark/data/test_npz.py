"""The npz layout: every position is kept, gaps are marked, and what is wrong with an archive is named."""

from __future__ import annotations

import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.importers import ImportOptions, import_file
from benchmark.data.importers.splits import hashed_split
from benchmark.data.samples import Samples
from benchmark.data.store import read_store, write_store
from protocols import MODALITIES, InputError
from tests.benchmark.data.imported import of_sample
from tests.npz import npz_content


def read_npz(tmp_path: Path, content: dict[str, Any], **options: Any) -> Samples:
    path = tmp_path / "arrays.npz"
    np.savez(path, **content)
    return import_file(path, "toy", **options)


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


def test_times_follow_the_positions_into_the_store_and_back(tmp_path: Path) -> None:
    times = np.arange(30, dtype=np.float32).reshape(6, 5)
    lengths = np.array([5, 5, 3, 0, 5, 1])
    record = json.dumps({"audio": {"name": "prosody"}})
    given = npz_content() | {"audio.times": times, "audio.length": lengths, "extraction": np.array(record)}
    samples = read_npz(tmp_path, given)
    write_store(samples, tmp_path / "toy.h5")
    for found in (samples, read_store(tmp_path / "toy.h5")):
        expected = [*range(10), 10, 11, 12, 15, *range(20, 25), 25]
        assert found.streams["audio"].times is not None
        assert found.streams["audio"].times.tolist() == expected
        assert found.streams["vision"].times is None
        assert found.provenance.extraction == {"audio": {"name": "prosody"}}


def test_blanks_around_ids_are_no_part_of_them(tmp_path: Path) -> None:
    content = npz_content() | {
        "id": np.array([" a", "b ", "c\t", "d", "e f", "g"]),
        "video_id": np.array(["v ", "v"] * 3),
    }
    samples = read_npz(tmp_path, content)
    assert samples.ids.tolist() == ["a", "b", "c", "d", "e f", "g"]
    assert set(samples.video_ids) == {"v"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label": None}, "has no array 'label'"),
        (
            {"label": None, "id": None, "audio_lengths": np.ones(6)},
            "has no array 'id'; has no array 'label'; unknown: 'a",
        ),
        ({"audio.times": np.ones((6, 4))}, "audio.times: expected (6, 5) finite seconds, found shape (6, 4)"),
        ({"audio.times": np.full((6, 5), np.nan)}, "audio.times: expected (6, 5) finite seconds"),
        ({"extraction": np.array("prosody")}, "extraction: expected the record of 'sentibench data extract'"),
        ({"audio_lengths": np.ones(6)}, "unknown: 'audio_lengths' (did you mean audio.length?); rename or remove"),
        (
            {"Vision.values": np.ones(6), "zzz": np.ones(1)},
            "'Vision.values' (did you mean vision.values?), 'zzz'; rename",
        ),
        ({"vision.values": None}, "has 'vision.observed' without 'vision.values', which it belongs to"),
        ({"text.token_ids": np.ones((6, 2))}, "has 'text.values' and 'text.token_ids'; keep one"),
        ({"text.vocabulary": np.array("bert-base-chinese")}, "has 'text.vocabulary' without 'text.token_ids'"),
        ({k: None for k in npz_content() if "." in k and "split" not in k}, "has no modality (text.values"),
        ({"split.official": np.array(["train", "valid", "dev", "train", "valid", "test"])}, "'dev'"),
        ({"split.official": np.array(["train", "valid"] * 3)}, "split.official: has no test sample"),
        ({"audio.values": np.zeros((6, 4, 3))}, "audio.values: expected (6, T, D)"),
        ({"label": np.array([0, 1, np.nan, 0, 0, 0])}, "outside the label range"),
        ({"label": np.array([0, 1, 4, 0, 0, 0])}, "label of sample 's2' is 4"),
        ({"id": np.array(["a"] * 6)}, "sample id 'a' occurs twice"),
        ({"id": np.array(["a", " a", "b", "c", "d", "e"])}, "sample id 'a' occurs twice"),
        ({"id": np.array(["a", " ", "b", "c", "d", "e"])}, "id: entry 1: is empty; expected an id"),
        ({"id": np.array(["a"] * 5)}, "id: expected 6 entries"),
        ({"id": np.array([{}] * 6, dtype=object)}, "not a readable npz archive of plain arrays"),
    ],
)
def test_a_wrong_array_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    content = {k: v for k, v in {**npz_content(), **changes}.items() if v is not None}
    with pytest.raises(InputError) as caught:
        read_npz(tmp_path, content)
    assert says in str(caught.value)


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


VALUES = ("text.values", "audio.values", "vision.values")
SUBSETS = [kept for count in (1, 2, 3) for kept in itertools.combinations(VALUES, count)]


@pytest.mark.parametrize("kept", SUBSETS, ids="+".join)
@pytest.mark.parametrize("observed", [True, False])
def test_any_subset_of_the_modalities_will_do_with_or_without_observed(
    tmp_path: Path, kept: tuple[str, ...], observed: bool
) -> None:
    content = npz_content()
    there = {k.partition(".")[0] for k in kept}
    chosen = {k: v for k, v in content.items() if k.partition(".")[0] in {"id", "label", "split", *there}}
    if not observed:
        chosen = {k: v for k, v in chosen.items() if not k.endswith(".observed")}
    samples = read_npz(tmp_path, chosen)
    for modality in MODALITIES:
        stream = samples.streams[modality]
        if modality not in there:
            assert not stream.observed.any()
            assert f"{modality}: no array, missing in every sample" in samples.provenance.notes
        else:  # frames of zeros are gaps, whether or not they are said to be
            assert stream.observed.tolist() == content[f"{modality}.observed"].ravel().tolist()


def test_frames_behind_the_length_are_left_out_with_a_note(tmp_path: Path) -> None:
    samples = read_npz(tmp_path, npz_content() | {"vision.length": np.array([5, 5, 5, 5, 3, 0])})
    assert "vision: 2 samples have frames outside their length, which were left out" in samples.provenance.notes
    assert not any(note.startswith("audio") for note in samples.provenance.notes)


def test_padding_on_the_left_is_refused_as_lengths_would_cut_the_steps(tmp_path: Path) -> None:
    content = {k: v for k, v in npz_content().items() if not k.endswith(".observed")}
    content["audio.values"][4:, :3] = 0
    lengths = np.array([5, 5, 5, 5, 2, 2])
    with pytest.raises(InputError, match=r"audio\.values: 2 of 6 samples are padded on the left: move their steps"):
        read_npz(tmp_path, content | {"audio.length": lengths})


@pytest.mark.parametrize(("width", "read"), [(1, "measured zeros"), (3, "gaps")])
def test_padding_without_lengths_is_noted(tmp_path: Path, width: int, read: str) -> None:
    content = {k: v for k, v in npz_content().items() if k != "audio.observed"}
    values = np.ones((6, 5, width))
    values[0], values[1, 2], values[4, 3:], values[5, 1:] = 0, 0, 0, np.nan
    samples = read_npz(tmp_path, content | {"audio.values": values})
    noted = f"audio: 2 of 6 samples end in frames without values, read as {read}; if these are padding, give the"
    assert [note for note in samples.provenance.notes if note.startswith(noted)]
    samples = read_npz(tmp_path, content | {"audio.values": values, "audio.observed": values.any(axis=2)})
    assert not any(note.startswith("audio") for note in samples.provenance.notes)  # the file tells them


def test_raw_text_alone_is_tokenised(tmp_path: Path) -> None:
    content = {k: v for k, v in npz_content().items() if "." not in k or k.startswith("split")}
    samples = read_npz(tmp_path, content | {"raw_text": np.array(["good film", "", "bad", "ok", "x", "y"])})
    text = samples.streams["text"]
    assert text.token_ids is not None
    assert text.token_ids[:4].tolist() == [2204, 2143, 100, 2919]
    assert text.observed[:4].tolist() == [True, True, False, True]


def test_without_a_split_videos_are_hashed_as_for_a_csv(tmp_path: Path) -> None:
    content = npz_content(60) | {"video_id": np.array([f"v{i // 3}" for i in range(60)])}
    del content["split.official"]
    samples = read_npz(tmp_path, content)
    np.testing.assert_array_equal(samples.splits["hashed"], hashed_split(samples.video_ids))
    file = tmp_path / "mine.csv"
    file.write_text("v0,train\nv1,valid\nv2,test\n")
    assert list(read_npz(tmp_path, content, options=ImportOptions(split=file)).splits) == ["mine"]


def test_new_samples_have_no_unknown_arrays_either(tmp_path: Path) -> None:
    content = {"id": np.array(["a"]), "audio.values": np.ones((1, 2, 3)), "audio_length": np.array([1])}
    with pytest.raises(InputError, match=r"'audio_length' \(did you mean audio.length\?\)"):
        read_npz(tmp_path, content, labelled=False)
