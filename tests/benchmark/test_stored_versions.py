"""Files of earlier versions are read, reported and used for predictions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from benchmark.cli.main import sentibench as group
from benchmark.data.samples import PARTS
from benchmark.data.sources import load_samples
from benchmark.training.inference import INFERENCE_VERSION
from tests.npz import write_npz

STORED = Path(__file__).parents[1] / "stored"
STUDIES = ["kept", "kept-words"]
#: Rows under their present names.
RENAMED = {"senti-ifusion": "senti-ifusion-light"}


@pytest.fixture(params=sorted(p.name for p in STORED.iterdir() if p.is_dir()))
def stored(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what a version stored, with its data folder as the user's own."""
    folder = Path(shutil.copytree(STORED / request.param, tmp_path / "stored"))
    monkeypatch.setenv("SENTIBENCH_HOME", str(folder / "home"))
    return folder


def sentibench(*words: object) -> str:
    result = CliRunner().invoke(group, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


@pytest.mark.parametrize("study", STUDIES)
def test_nothing_is_run_again(stored: Path, study: str) -> None:
    runs = stored / "runs"
    before = {k: v for k, v in tree(runs).items() if not k.startswith("studies")}
    sentibench("run", runs / "studies" / study / "study.yaml", "--out", runs, "--executor", "inline")
    assert {k: v for k, v in tree(runs).items() if not k.startswith("studies")} == before


def test_scenarios_added_to_an_earlier_run_bring_all_its_cells_to_one_version(stored: Path) -> None:
    def records() -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in sorted((stored / "runs" / "toy").rglob("run.json"))]

    before = records()
    study = yaml.safe_load((stored / "runs" / "studies" / "kept" / "study.yaml").read_text())
    added = "random_positions(rate=0.45)"
    models = [_as_it_was(entry) for entry in study["models"]]
    file = stored / "more.yaml"
    changed = {"name": "more", "optimism": False, "models": models, "protocols": [*study["protocols"], added]}
    file.write_text(yaml.safe_dump(study | changed))
    sentibench("run", file, "--out", stored / "runs", "--executor", "inline")
    assert [record["id"] for record in records()] == [record["id"] for record in before]
    for earlier, now in zip(before, records(), strict=True):
        assert (now["training_version"], now["inference_version"]) == (1, INFERENCE_VERSION)
        maes = {cell["scenario"]: cell["mae"] for cell in now["evaluations"]}
        assert added in maes
        for cell in earlier["evaluations"]:
            assert maes[cell["scenario"]] == pytest.approx(cell["mae"], abs=1e-5)


def _as_it_was(entry: dict[str, Any]) -> dict[str, Any]:
    """A model under its present name, with the settings that it then had by default."""
    if entry["name"] not in RENAMED:
        return entry
    config = {**entry["config"], "optimisation": {"ema_decay": 0.98, "tolerance": 2.0}}
    return {**entry, "name": RENAMED[entry["name"]], "config": config}


@pytest.mark.parametrize("study", STUDIES)
def test_the_reported_values_stay(stored: Path, study: str) -> None:
    """Values, not intervals: how intervals are made may be improved."""
    file = stored / "runs" / "studies" / study / "leaderboard.csv"
    filed = pd.read_csv(file).replace({"model": RENAMED}).set_index(["dataset", "protocol", "model"]).sort_index()
    sentibench("report", study, "--out", stored / "runs")
    now = pd.read_csv(file).set_index(["dataset", "protocol", "model"]).sort_index()
    assert list(now.index) == list(filed.index)
    metrics = ["mae", "corr", "acc7", "acc5", "acc2_has0", "acc2_non0", "f1_has0", "f1_non0", "mae_sd", "seeds"]
    pd.testing.assert_frame_equal(now[metrics], filed[metrics], rtol=0, atol=1e-12)


def test_trained_runs_predict_what_they_predicted(stored: Path) -> None:
    out = stored / "now.csv"
    sentibench("predict", "kept-words:text-only", stored / "new.csv", "--out", stored / "runs", "--output", out)
    now, filed = pd.read_csv(out), pd.read_csv(stored / "expected-new.csv")
    np.testing.assert_allclose(now["prediction"], filed["prediction"], rtol=0, atol=1e-6)

    samples = load_samples("toy")
    rows = np.flatnonzero(samples.splits["official"] == PARTS["test"])
    test = write_npz(samples, rows.tolist(), stored / "test.npz")
    folders = sorted((stored / "runs" / "toy" / "official").iterdir())
    assert {f.name.rsplit("-s", 1)[0] for f in folders} == {"constant", "late-fusion-dropout", "senti-ifusion"}
    for folder in folders:
        sentibench("predict", folder, test, "--output", out)
        predictions = pd.read_parquet(folder / "predictions.parquet")
        complete = predictions[predictions["scenario"].astype(str) == "complete"].set_index("sample_id")["prediction"]
        now = pd.read_csv(out).set_index("sample_id")["prediction"]
        np.testing.assert_allclose(now, complete[now.index], rtol=0, atol=1e-6)


def test_predictions_made_elsewhere_are_set_beside_them(stored: Path) -> None:
    output = sentibench(
        "score", stored / "predictions.csv", "--beside", "kept", "--name", "mine", "--out", stored / "runs"
    )
    assert "mine (external)" in output


def test_settings_of_a_search_are_used(stored: Path) -> None:
    (best,) = (stored / "runs").glob("*/best.yaml")
    width = yaml.safe_load(best.read_text())["config"]["width"]
    sentibench(
        "run", "--dataset", "toy", "--models", f"late-fusion-dropout={best}", "--protocols", "complete",
        "--seeds", 1, "--epochs", 1, "--name", "tuned", "--executor", "inline", "--out", stored / "runs",
    )  # fmt: skip
    runs = [json.loads(p.read_text()) for p in (stored / "runs" / "toy").rglob("run.json")]
    assert [r["status"] for r in runs if r["spec"]["config"].get("width") == width] == ["done"]
