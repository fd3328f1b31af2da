"""A clip is predicted with the features of its run, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.prediction import is_clip, open_run, read_clip
from benchmark.prediction.new_samples import check_extraction
from benchmark.prediction.predict import read_samples
from protocols import InputError
from tests.benchmark.trained_studies import Studies
from tests.clips import tone, write_clip


def test_features_that_were_made_elsewhere_cannot_be_made_from_a_clip(studies: Studies, tmp_path: Path) -> None:
    run = open_run(studies.folder("toy", "late-fusion-dropout"))
    with pytest.raises(InputError, match=r"features of data set 'toy' .* are not from 'sentibench data extract'"):
        read_clip(tmp_path / "new.mp4", run)
    with pytest.raises(InputError, match="is not a clip, and its text is in the file; leave --text out"):
        read_samples(tmp_path / "new.npz", run, "good")


def test_what_a_clip_is_called() -> None:
    names = ("a.mp4", "a.MKV", "a.wav", "a.webm", "a.opus", "a.npz", "a.csv", "a")
    assert [is_clip(Path(name)) for name in names] == [True] * 5 + [False] * 3


def test_other_features_are_refused_by_name(studies: Studies, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra 'features' is not installed")
    run = open_run(studies.folder("toy", "late-fusion-dropout"))
    audio = {"name": "prosody", "version": 1, "revision": ""}

    def trained_on(**changes: object) -> object:
        known = {"text": {"name": "subtitles", **changes}, "audio": {**audio, **changes}, "clips": {}}
        provenance = replace(run.samples.provenance, extraction=known)
        return replace(run, samples=replace(run.samples, provenance=provenance))

    check_extraction("new", {"audio": audio, "text": {"name": "column"}}, trained_on())  # type: ignore[arg-type]
    check_extraction("new", {}, trained_on())  # type: ignore[arg-type]
    for found, known, says in (
        ({"audio": {**audio, "version": 2}}, {}, "'prosody' version 2, and .* has 'prosody' version 1"),
        ({"audio": {**audio, "revision": "sha256:1"}}, {}, "revision sha256:1"),
        ({"audio": audio}, {"aligned": True}, "has 'prosody' version 1 aligned to words"),
        ({"vision": {"name": "motion", "version": 1}}, {}, "'motion' version 1, and .* has no vision"),
    ):
        with pytest.raises(InputError, match=says):
            check_extraction("new", found, trained_on(**known))  # type: ignore[arg-type]
    path = write_clip(tmp_path / "new.wav", tone(0.3))
    with pytest.raises(InputError, match=r"version 1, and .* has 'prosody' version 5"):
        read_clip(path, trained_on(version=5))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"aligned to words.*leave --text out: its words then come from subtitles"):
        read_clip(path, trained_on(aligned=True), "so good")  # type: ignore[arg-type]
