"""Videos are recognised in the ids of the field and nowhere else; what is not known is said at import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.catalog import import_data
from benchmark.data.importers import import_file
from benchmark.data.importers.videos import NO_VIDEOS, recognise_videos
from benchmark.data.sources import dataset_header
from protocols import InputError
from tests.benchmark.data.imported import import_csd, import_pickle
from tests.csd import csd_content
from tests.mmsa import mmsa_content
from tests.npz import npz_content

#: Id and video of utterance i of video v.
FORMS = [
    ("{v}x$_${i}", "{v}x"),
    ("a$_$b{v}$_${i}", "a$_$b{v}"),
    ("video_{v:04d}/{i:04d}", "video_{v:04d}"),
    ("-Q_{v}w[{i}]", "-Q_{v}w"),
    ("dia{v}_utt{i}", "dia{v}"),
    ("dia_{v}_utt_{i}", "dia_{v}"),
    ("Dialogue{v}-Utterance{i}", "Dialogue{v}"),
    ("video_{v:04d}_{i:04d}", "video_{v:04d}"),
    ("v{v}_{i}", "v{v}"),
    ("-Q_{v}w_{i}", "-Q_{v}w"),
]


def ids_of(form: str, videos: int = 12, utterances: int = 4) -> list[str]:
    return [form.format(v=v, i=i) for v in range(videos) for i in range(utterances)]


@pytest.mark.parametrize(("form", "video"), FORMS)
def test_ids_of_the_field_tell_their_videos(form: str, video: str) -> None:
    found = recognise_videos(ids_of(form))
    assert found is not None
    assert found.tolist() == [video.format(v=v) for v in range(12) for _ in range(4)]


@pytest.mark.parametrize(
    "ids",
    [
        [f"s{i}" for i in range(40)],
        [f"sample_{i}" for i in range(40)],
        [f"{part}_{i}" for part in ("train", "valid", "test") for i in range(40)],
        [f"mmmo_{part}_{i:03d}" for part in ("train", "valid", "test") for i in range(40)],
        [f"{part}/{i}" for part in ("train", "dev", "test") for i in range(40)],
        [f"{mood}_{i}" for mood in ("angry", "happy", "sad", "calm") for i in range(40)],
        [f"v{i}_0" for i in range(40)],  # one utterance each
        ["one_large_" + str(i) for i in range(40)] + ids_of("{v}b_{i}"),
        [*ids_of("v{v}$_${i}"), *(f"odd {i}" for i in range(10))],  # fits 83 %
    ],
)
def test_other_ids_tell_nothing(ids: list[str]) -> None:
    assert recognise_videos(ids) is None


def test_a_few_ids_may_be_of_another_form() -> None:
    found = recognise_videos([*ids_of("v{v}$_${i}"), "odd"])
    assert found is not None
    assert found[-1] == "odd"
    assert len(set(found)) == 13


def _csv(path: Path, ids: list[str]) -> Path:
    path.write_text("id,text,label\n" + "".join(f"{i},words,{k % 7 - 3}\n" for k, i in enumerate(ids)))
    return path


def _npz(path: Path, ids: list[str], **more: Any) -> Path:
    content = npz_content(len(ids)) | {"id": np.array(ids)} | more
    np.savez(path, **content)
    return path


@pytest.mark.parametrize(("form", "video"), [FORMS[0], FORMS[4], FORMS[7]])
def test_all_importers_recognise_alike(tmp_path: Path, form: str, video: str) -> None:
    ids = ids_of(form)
    content = mmsa_content((16, 16, 16))
    for k, part in enumerate(content.values()):
        part["id"] = np.array(ids[16 * k : 16 * (k + 1)])
    read = [
        import_file(_csv(tmp_path / "a.csv", ids), "a"),
        import_file(_npz(tmp_path / "a.npz", ids), "a"),
        import_pickle(tmp_path, content),
    ]
    for samples in read:
        assert samples.video_ids.tolist() == [video.format(v=v) for v in range(12) for _ in range(4)]
        assert samples.provenance.videos == "recognised"
        assert (
            f"12 videos, recognised in the ids: {ids[0]!r} is of {samples.video_ids[0]!r}" in samples.provenance.notes
        )


def test_the_origin_of_videos_is_reported_at_import_and_stored(tmp_path: Path) -> None:
    ids = [f"s{i}" for i in range(12)]
    unknown = import_data("unknown", _npz(tmp_path / "a.npz", ids)).info.provenance
    assert unknown.videos == dataset_header("unknown").videos == "unknown"
    assert NO_VIDEOS in unknown.notes
    single = import_data("single", _npz(tmp_path / "b.npz", ids, video_id=np.array(ids))).info.provenance
    assert single.videos == dataset_header("single").videos == "given"
    assert not any("video" in note for note in single.notes)
    assert import_csd(tmp_path / "mosi", csd_content()).provenance.videos == "given"
    assert dataset_header("synthetic:size=tiny").videos == "given"


def test_a_split_by_hash_keeps_recognised_videos_whole(tmp_path: Path) -> None:
    samples = import_file(_csv(tmp_path / "a.csv", ids_of("dia{v}_utt{i}")), "a")
    codes = samples.splits["hashed"].reshape(12, 4)
    assert (codes == codes[:, :1]).all()
    with pytest.raises(InputError, match="has 2 videos and no split"):
        import_file(_csv(tmp_path / "b.csv", ids_of("dia{v}_utt{i}", videos=2)), "b")
