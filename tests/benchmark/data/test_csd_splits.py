"""Splits of CMU-SDK sequences, which bring none: drawn by a hash of the video, or from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.importers.splits import hashed_split
from benchmark.data.samples import PARTS
from protocols import InputError
from tests.benchmark.data.imported import import_csd


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(min_size=1, max_size=4), min_size=3, max_size=60, unique=True), st.randoms())
def test_hashed_splits_keep_videos_whole_and_depend_on_no_order(videos: list[str], random: Any) -> None:
    column = [video for video in videos for _ in range(random.randint(1, 3))]
    random.shuffle(column)
    codes = hashed_split(np.array(column, dtype=object))
    by_video: dict[str, set[int]] = {}
    for video, code in zip(column, codes.tolist(), strict=True):
        by_video.setdefault(video, set()).add(code)
    assert all(len(found) == 1 for found in by_video.values())
    counts = [sum(found == {PARTS[part]} for found in by_video.values()) for part in ("train", "valid", "test")]
    assert min(counts) >= 1
    assert abs(counts[0] - 0.7 * len(videos)) <= 1.5
    again = hashed_split(np.array(sorted(column), dtype=object))
    assert dict(zip(sorted(column), again.tolist(), strict=True)) == {v: c.pop() for v, c in by_video.items()}


def test_a_split_file_names_videos_or_samples(tmp_path: Path) -> None:
    folds = {"standard_train_fold": ["vid-0_x", "vid-1_x"], "standard_valid_fold": ["vid-2_x"]}
    (tmp_path / "folds.json").write_text(json.dumps({**folds, "standard_test_fold": ["vid-3_x", "elsewhere"]}))
    samples = import_csd(tmp_path / "mosi", split=tmp_path / "folds.json")
    parts = dict(zip(samples.video_ids.tolist(), samples.splits["folds"].tolist(), strict=True))
    assert parts == {"vid-0_x": 1, "vid-1_x": 1, "vid-2_x": 2, "vid-3_x": 3, "vid-4_x": 0, "vid-5_x": 0}
    assert any("are in no part" in note for note in samples.provenance.notes)
    assert any(note.startswith("1 ids of folds.json are not in the data") for note in samples.provenance.notes)
    (tmp_path / "s.csv").write_text("video_id,part\nvid-0_x,Train\nvid-1_x,dev\nvid-2_x,test\nvid-0_x[1],test\n")
    codes = import_csd(tmp_path / "again", split=tmp_path / "s.csv").splits["s"]
    assert codes[:2].tolist() == [PARTS["train"], PARTS["test"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vid-0_x,train\nvid-1_x,valid\n", "has no test sample"),
        ("vid-0_x,teach\n", "unknown part 'teach'"),
        ("vid-0_x,train\nvid-0_x,test\n", "is in two parts"),
        ("vid-0_x\n", "line 1: has 1 cells, expected 2, an id and its part"),
        ("", "assigns no id"),
        ("{", "not readable JSON"),
        ("[1]", "found a list"),
        ('{"train": 3}', "expected a list of ids"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_split_file_is_one_line(tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / "split.csv").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        import_csd(tmp_path / "mosi", split=tmp_path / "split.csv")
    assert "split.csv" in str(caught.value)
