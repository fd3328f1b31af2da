"""Runs that were interrupted in training go on, are filed with equal bits, and leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.runs import resuming
from benchmark.runs.executors import Heartbeat, InlineExecutor
from benchmark.runs.resuming import STATE, remove_training_folder, training_folder
from benchmark.study.running import run
from benchmark.study.study import Study, make_study
from benchmark.tuning.search import Tuning, tune
from tests.samples import make_samples

EPOCHS = 4


@pytest.fixture
def study(tiny_encoder: Path) -> Study:
    """A run with a trained encoder, whose epochs are all evaluated."""
    write_store(make_samples(), store_path("toy"))
    return make_study(
        {
            "datasets": ["toy"],
            "models": ["text-only"],
            "encoder": {"name": str(tiny_encoder), "mode": "finetune"},
            "protocols": ["complete", "drop(rate=0.5)"],
            "seeds": 1,
            "optimisation": {"epochs": EPOCHS, "batch_size": 16},
            "optimism": True,
        }
    )


def go(study: Study, root: Path) -> Any:
    return run(study, root, InlineExecutor(), checkpoint_seconds=0)


def interrupted(study: Study, root: Path, patch: pytest.MonkeyPatch, epochs: int) -> list[float]:
    """Run a study until that many epochs are done; return where batches were trained, in epochs."""
    trained: list[float] = []

    def batch(_: Heartbeat, stage: str, done: float, total: int) -> None:
        if done > epochs:
            raise KeyboardInterrupt
        trained.append(done)

    with patch.context() as inside:
        inside.setattr(Heartbeat, "__call__", batch)
        if epochs < EPOCHS:
            with pytest.raises(KeyboardInterrupt):
                go(study, root)
        else:
            assert not go(study, root).failed
    return trained


def hidden(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob(".*") if path.name != ".lock")


def run_folder(root: Path) -> Path:
    (record,) = root.glob("*/*/*/run.json")
    return record.parent


def assert_equal_runs(found: Path, expected: Path) -> None:
    mine, theirs = run_folder(found), run_folder(expected)
    assert sorted(p.name for p in mine.iterdir()) == sorted(p.name for p in theirs.iterdir())
    for path in theirs.iterdir():
        if path.name == "history.csv":
            tables = (pd.read_csv(p).drop(columns="seconds") for p in (path, mine / path.name))
            pd.testing.assert_frame_equal(*tables, check_exact=True)
        elif path.name != "run.json":
            assert (mine / path.name).read_bytes() == path.read_bytes()


def test_an_interrupted_run_goes_on_and_is_filed_with_equal_bits(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "runs"
    go(study, tmp_path / "undisturbed")
    for epochs in (1, 3):
        trained = interrupted(study, root, monkeypatch, epochs)
        assert [name for name in hidden(root) if name.endswith(".resume")]
    assert min(trained) > 1
    assert min(interrupted(study, root, monkeypatch, EPOCHS)) > 3
    assert_equal_runs(root, tmp_path / "undisturbed")
    assert hidden(root) == []


def test_the_state_of_other_code_is_not_used_and_its_epochs_are_dropped(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(study, tmp_path / "runs", monkeypatch, 3)
    monkeypatch.setattr(resuming, "_code", lambda package: "changed")
    assert min(interrupted(study, tmp_path / "runs", monkeypatch, EPOCHS)) < 1
    go(study, tmp_path / "undisturbed")
    assert_equal_runs(tmp_path / "runs", tmp_path / "undisturbed")


def test_two_processes_with_one_run_do_not_share_its_state(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(study, tmp_path / "runs", monkeypatch, 3)
    (folder,) = (tmp_path / "runs").glob("*/*/.*.resume")
    with training_folder(folder.with_name(folder.name[1:].removesuffix(".resume"))) as mine:
        assert mine == folder
        assert min(interrupted(study, tmp_path / "runs", monkeypatch, EPOCHS)) < 1
        assert folder.is_dir()
    assert hidden(tmp_path / "runs") == []


def test_what_a_finished_run_left_is_removed_by_the_next_command(study: Study, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    go(study, root)
    done = run_folder(root)
    left = done.with_name(f".{done.name}.resume")
    left.mkdir()
    go(study, root)
    assert hidden(root) == []


def test_without_a_state_nothing_of_a_dead_training_stays(tmp_path: Path) -> None:
    left = tmp_path / ".run.resume"
    left.mkdir()
    (left / STATE).touch()
    remove_training_folder(tmp_path / "run", finished=False)
    assert left.is_dir()
    (left / STATE).unlink()
    remove_training_folder(tmp_path / "run", finished=False)
    assert not left.exists()


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_run_that_fails_keeps_no_state(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fail(_: Heartbeat, stage: str, done: float, total: int) -> None:
        if done > 2:
            raise error

    monkeypatch.setattr(Heartbeat, "__call__", fail)
    assert go(study, tmp_path).failed
    assert hidden(tmp_path) == []


def test_an_interrupted_search_goes_on_and_finds_the_same(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = Tuning(
        model="text-only",
        datasets=("toy",),
        encoder=study.encoder,
        optimisation={"epochs": EPOCHS, "batch_size": 16},
    )
    expected = tune(tuning, tmp_path / "undisturbed", 2, InlineExecutor(), checkpoint_seconds=0)
    trained: list[float] = []
    interrupt = True

    def batch(_: Heartbeat, stage: str, done: float, total: int) -> None:
        if interrupt and done > 3:
            raise KeyboardInterrupt
        trained.append(done)

    monkeypatch.setattr(Heartbeat, "__call__", batch)
    with pytest.raises(KeyboardInterrupt):
        tune(tuning, tmp_path / "search", 2, InlineExecutor(), checkpoint_seconds=0)
    interrupt = False
    trained.clear()
    found = tune(tuning, tmp_path / "search", 2, InlineExecutor(), checkpoint_seconds=0)
    assert trained[0] > 3
    curves = [[list(t.curve) for t in trial.trainings.values()] for trial in expected.trials]
    assert [[list(t.curve) for t in trial.trainings.values()] for trial in found.trials] == curves
    assert hidden(found.folder) == []
