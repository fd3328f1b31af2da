"""Runs of version 11 of senti-ifusion are those of senti-ifusion-light."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmark.runs.record import RunRecord
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import RunStore
from benchmark.runs.trained_run import open_run
from benchmark.study.filing import read_study, save_study
from benchmark.study.finding import find_runs
from benchmark.study.plan import prepare
from senti_ifusion.light.model import SentiIFusionLight

STORED = Path(__file__).parents[2] / "stored" / "v0_1"
RUN = "senti-ifusion-s0-cd603fffa12ea3fb"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of version 0.1, with their data."""
    monkeypatch.setenv("SENTIBENCH_HOME", str(shutil.copytree(STORED / "home", tmp_path / "home")))
    return Path(shutil.copytree(STORED / "runs", tmp_path / "runs"))


def stored(root: Path) -> RunSpec:
    return RunRecord.model_validate_json((root / "toy" / "official" / RUN / "run.json").read_bytes()).spec


def test_a_stored_run_has_the_present_name_and_its_old_id_and_folder(root: Path) -> None:
    spec = stored(root)
    assert (spec.model, spec.model_version, spec.id) == ("senti-ifusion-light", 11, "cd603fffa12ea3fb")
    assert spec.title == "toy/official senti-ifusion-light seed 0"
    assert RunStore(root).folder(spec).name == RUN
    assert RunStore(root).done(spec) is not None
    new = spec.model_copy(update={"seed": 7})
    assert RunStore(root).folder(new).name == f"senti-ifusion-light-s7-{new.id}"
    other = RunSpec.model_validate({**spec.model_dump(), "model": "senti-ifusion", "model_version": 12})
    assert (other.model, other.id == spec.id) == ("senti-ifusion", False)


def test_its_study_has_the_present_name_and_its_weights_are_those_of_the_light_model(root: Path) -> None:
    folders = find_runs("kept:senti-ifusion-light", root)
    assert [folder.name.rsplit("-", 1)[0] for folder in folders] == ["senti-ifusion-s0", "senti-ifusion-s1"]
    assert isinstance(open_run(folders[0]).model, SentiIFusionLight)
    again = read_study("kept", {}, root)
    save_study(again, root)  # as `run` does
    assert read_study("kept", {}, root) == again


def test_a_study_with_runs_of_the_later_version_means_the_later_version(root: Path) -> None:
    spec = stored(root)
    later = root / "toy" / "official" / "senti-ifusion-s0-0000000000000000"
    later.mkdir()
    content = {"spec": {**spec.model_dump(mode="json"), "model": "senti-ifusion", "model_version": 12}}
    (later / "run.json").write_text(json.dumps(content))
    labels = {run.label for run in prepare(read_study("kept", {}, root)).runs}
    assert "senti-ifusion" in labels
    assert "senti-ifusion-light" not in labels


def test_a_study_file_elsewhere_means_the_present_version(root: Path) -> None:
    planned = prepare(read_study(str(STORED / "kept.yaml"), {})).runs
    assert {run.spec.model_version for run in planned if run.spec.model == "senti-ifusion"} == {12}
