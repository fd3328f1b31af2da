"""A search: what it leaves, that it goes on where it was, and that it finds what is better."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from baselines import resolve_config
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.runs.executors import LocalExecutor
from benchmark.study.settings_file import read_tuned
from benchmark.tuning.journal import Journal
from benchmark.tuning.search import pending, plan_tuning, tune
from benchmark.tuning.space import space_sha256
from tests.benchmark.tuning.toy import Counting, facts, plugin, tuning
from tests.samples import make_samples


@pytest.mark.usefixtures("toy")
def test_the_first_trial_is_the_published_one_and_the_files_say_what_was_found(tmp_path: Path) -> None:
    outcome = tune(tuning(tmp_path), tmp_path / "out", 6, Counting())
    first = outcome.trials[0]
    assert first.fields == {
        "width": 4,
        "inner.gain": 1.5,
        "optimisation.learning_rate": 1e-3,
        "optimisation.weight_decay": 1e-4,
    }
    assert outcome.best is not None
    assert outcome.best.valid_mae == min(t.valid_mae for t in outcome.trials if t.valid_mae is not None)
    assert outcome.best.valid_mae == pytest.approx(np.mean([*outcome.best.by_training.values()]))
    with (outcome.folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert float(rows[outcome.best.number]["valid_mae"]) == outcome.best.valid_mae
    assert float(rows[2]["valid_mae toy seed 1"]) == outcome.trials[2].by_training["toy", 1]
    assert {row["state"] for row in rows} == {"done"}
    assert all(row["epochs"] == "4" for row in rows)
    tuned = read_tuned(outcome.best_file, "toy")
    assert tuned.tuning is not None
    assert (tuned.tuning.budget, tuned.tuning.trial) == (6, outcome.best.number)
    assert tuned.tuning.space_sha256 == space_sha256(outcome.plan.space)
    config = resolve_config("toy", tuned.config).model_dump(mode="json")
    assert config == outcome.plan.config(outcome.best.fields)
    assert config["inner"]["other"] == 5  # what is beside a nested field keeps the model's own default


@pytest.mark.usefixtures("toy")
def test_a_smaller_budget_than_before_loses_nothing(tmp_path: Path) -> None:
    whole = tune(tuning(tmp_path), tmp_path / "out", 6, Counting())
    assert whole.best is not None
    assert whole.best.number > 0
    files = {path.name: path.read_bytes() for path in (whole.best_file, whole.folder / "trials.csv")}
    again = tune(tuning(tmp_path), tmp_path / "out", 1, Counting())
    assert (again.trained, again.best) == (0, whole.best)
    assert {name: (whole.folder / name).read_bytes() for name in files} == files


@pytest.mark.usefixtures("toy")
def test_a_finished_budget_does_nothing_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    """6 trials and then 11 are the same as 11 at once, with rounds and pruning in between."""
    wanted = tuning(tmp_path, optimisation={"epochs": 8, "batch_size": 16})
    workers = Counting()
    tune(wanted, tmp_path / "a", 6, workers)
    assert len(workers.trained) >= 6
    assert pending(plan_tuning(wanted), tmp_path / "a", 6) == []
    journal = (plan_tuning(wanted).folder(tmp_path / "a") / "journal.jsonl").read_bytes()
    again = tune(wanted, tmp_path / "a", 6, Counting(stop=0))
    assert again.trained == 0
    assert (again.folder / "journal.jsonl").read_bytes() == journal
    assert pending(plan_tuning(wanted), tmp_path / "a", 11) == [6, 7, 8, 9, 10]
    more = tune(wanted, tmp_path / "a", 11, Counting())
    once = tune(wanted, tmp_path / "b", 11, Counting())
    assert facts(more.trials) == facts(once.trials)
    assert len({json.dumps(t.fields) for t in once.trials}) == 11
    assert (more.folder / "best.yaml").read_text().replace("/a/", "/b/") == (once.folder / "best.yaml").read_text()


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("stop", [0, 5, 9])
def test_an_interrupted_search_comes_to_the_same(tmp_path: Path, stop: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        tune(tuning(tmp_path), tmp_path / "a", 6, Counting(stop))
    folder = plan_tuning(tuning(tmp_path)).folder(tmp_path / "a")
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"kind": "training", "tri')  # killed while it wrote
    workers = Counting()
    resumed = tune(tuning(tmp_path), tmp_path / "a", 6, workers)
    assert len(workers.trained) == 12 - stop
    assert facts(resumed.trials) == facts(tune(tuning(tmp_path), tmp_path / "b", 6, Counting()).trials)


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_a_killed_search_goes_on_and_worker_processes_come_to_the_same(tmp_path: Path, own_home: Path) -> None:
    arguments = [
        "tune", "toy", "--dataset", "toy", "--plugin", plugin(tmp_path), "--seeds", "2", "--budget", "6",
        "--epochs", "2", "--executor", "inline", "--out", str(tmp_path / "a"),
    ]  # fmt: skip
    wanted = tuning(tmp_path, optimisation={"epochs": 2})
    journal = plan_tuning(wanted).folder(tmp_path / "a") / "journal.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli.main", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SENTIBENCH_HOME": str(own_home)},
    )
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_text().count('"training"') >= 2:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(Journal(journal).trainings)
    assert there >= 2
    resumed = tune(wanted, tmp_path / "a", 6, LocalExecutor(2))
    assert resumed.trained == 12 - there
    assert facts(resumed.trials) == facts(tune(wanted, tmp_path / "b", 6, Counting()).trials)


@pytest.mark.usefixtures("toys")
def test_only_relevant_settings_make_another_search(tmp_path: Path) -> None:
    base = plan_tuning(tuning(tmp_path)).id
    assert plan_tuning(tuning(tmp_path)).id == base
    seen = {base}
    for changes in (
        {"seeds": (0, 2)},
        {"regime": "complete"},
        {"scaling": "none"},
        {"optimisation": {"epochs": 3, "batch_size": 16}},
        {"config": {"width": 8}},
        {"prune": False},
        {"search_seed": 1},
        {"datasets": ("toy/fold1",)},
        {"datasets": ("toy", "toy-two")},
        {"datasets": ("toy-two", "toy")},
    ):
        found = plan_tuning(tuning(tmp_path, **changes)).id
        assert found not in seen, changes
        seen.add(found)
    assert plan_tuning(tuning(tmp_path, '{"width": Choice(2, 4)}')).id != base
    write_store(make_samples(words=False, seed=1), store_path("toy"))
    assert plan_tuning(tuning(tmp_path)).id != base


def test_the_search_finds_what_is_better(toy: str, tmp_path: Path) -> None:
    """Published settings that hardly learn, in a space where others do: the search must leave them behind."""
    slow = {"epochs": 6, "batch_size": 16, "learning_rate": 1e-4}
    search = '{"optimisation.learning_rate": Interval(1e-5, 0.1, log=True)}'
    outcome = tune(tuning(tmp_path, search, optimisation=slow, seeds=(0,)), tmp_path / "out", 16, Counting())
    assert outcome.best is not None
    assert outcome.trials[0].valid_mae is not None
    assert outcome.best.valid_mae is not None
    assert outcome.best.valid_mae < 0.8 * outcome.trials[0].valid_mae
    random, guided = outcome.trials[1:8], outcome.trials[8:]
    mean = lambda trials: np.mean([math.log10(float(t.fields["optimisation.learning_rate"] or 0)) for t in trials])  # noqa: E731
    assert mean(guided) > mean(random)
