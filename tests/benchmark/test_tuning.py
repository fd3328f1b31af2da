"""Searching hyper-parameters: what is searched, that it goes on where it was, and that it sees validation data only."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import Choice, Interval, ModelConfig, models, resolve_config
from baselines.search import Search
from benchmark.cli.main import main
from benchmark.commands import last_study, prepare, run
from benchmark.data.catalog import store_path
from benchmark.data.dataset import Dataset
from benchmark.data.samples import Samples
from benchmark.data.store import write_store
from benchmark.executors import InlineExecutor
from benchmark.study import make_study
from benchmark.tuning.journal import Journal, Suggestion, TrainingRecord
from benchmark.tuning.search import Tuning, TuningOutcome, TuningPlan, pending, plan_tuning, tune
from benchmark.tuning.space import Fields, read, search_space, space_sha256
from benchmark.tuning.suggest import suggest
from benchmark.tuning.training import Training
from benchmark.tuning.trials import Trial, limits, ranked
from benchmark.tuning.tuned import read_tuned
from benchmark.tuning.workers import InlineWorkers, LocalWorkers
from protocols import InputError
from tests.samples import make_samples

PLUGIN = """
import os
from typing import ClassVar
import torch
from pydantic import BaseModel, ConfigDict
from baselines import Choice, Interval, ModelConfig, ModelInfo, Prediction, SentimentModel, register
from protocols import InputError

class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    gain: float = 1.0
    other: int = 3

class Config(ModelConfig):
    width: int = 4
    way: str = "train"
    inner: Inner = Inner(gain=1.5, other=5)
    search: ClassVar = SEARCH

@register("toy", config=Config, info=ModelInfo("toy", "none", 2026))
class Toy(SentimentModel):
    def __init__(self, spec, config):
        super().__init__(spec, config)
        if config.way == "reject":
            raise InputError("toy: these settings do not go together")
        self.first = torch.nn.Linear(spec.text, config.width)
        self.head = torch.nn.Linear(config.width, 1)
    def forward(self, batch):
        mean = batch.text.values.sum(1) / batch.text.length[:, None]
        return Prediction(self.head(self.config.inner.gain * self.first(mean)).squeeze(1))
    def training_loss(self, batch, step):
        if self.config.way == "die":
            os._exit(7)
        if self.config.way == "raise":
            raise RuntimeError("out of something")
        factor = float("nan") if self.config.way == "diverge" else 1.0
        return {"task": factor * (self(batch.input).sentiment - batch.label).abs().mean()}
"""
USUAL = '{"width": Choice(2, 4, 8), "inner.gain": Interval(0.5, 2.0, log=True)}'


@pytest.fixture(autouse=True)
def no_memory_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting peak memory collects garbage, which takes longer than these trainings."""
    monkeypatch.setattr("benchmark.experiment.reset_peak_memory", lambda device: None)


@pytest.fixture(autouse=True)
def plugins_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test brings a model `toy` in a file of its own, which would be a conflict within one study."""
    from baselines.registry import _MODELS

    monkeypatch.setattr(_MODELS, "_items", {k: v for k, v in _MODELS._items.items() if k != "toy"})
    monkeypatch.setattr(_MODELS, "_origins", {k: v for k, v in _MODELS._origins.items() if k != "toy"})
    monkeypatch.setattr("protocols.registry._LOADED", {})


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command trains in this process."""
    monkeypatch.setattr("benchmark.tuning.workers.LocalWorkers", lambda workers: InlineWorkers())


@pytest.fixture
def toy(own_home: Path) -> str:
    write_store(make_samples(words=False), store_path("toy"))
    return "toy"


def plugin(folder: Path, search: str = USUAL) -> str:
    path = folder / "toy_model.py"
    path.write_text(PLUGIN.replace("SEARCH", search))
    return str(path)


def tuning(folder: Path, search: str = USUAL, /, **changes: Any) -> Tuning:
    fields: dict[str, Any] = {
        "model": "toy",
        "dataset": "toy",
        "seeds": (0, 1),
        "optimisation": {"epochs": 2, "batch_size": 16},
        "plugins": (plugin(folder, search),),
    }
    return Tuning.model_validate({**fields, **changes})


def facts(trials: Sequence[Trial]) -> list[object]:
    """All that does not depend on the clock."""
    return [
        (t.number, t.fields, [r.model_copy(update={"seconds": 0.0}) for _, r in sorted(t.trainings.items())])
        for t in trials
    ]


class Counting(InlineWorkers):
    """Counts what is trained, and stops the search after so many."""

    def __init__(self, stop: int | None = None) -> None:
        super().__init__()
        self.trained: list[Training] = []
        self._stop = stop

    def add(self, training: Training) -> None:
        self.trained.append(training)
        super().add(training)

    def next(self, listener: Any) -> tuple[Training, TrainingRecord]:
        if self._stop is not None:
            self._stop -= 1
            if self._stop < 0:
                raise KeyboardInterrupt
        return super().next(listener)


# --- the space


@pytest.mark.parametrize("name", sorted(models()))
def test_every_model_has_a_space_that_holds_its_published_settings(name: str) -> None:
    base = resolve_config(name)
    space = search_space(name, base, finetune=True)
    rates = ("learning_rate", "encoder_learning_rate", "weight_decay")
    assert {f"optimisation.{rate}" for rate in rates} <= set(space)
    for field, search in space.items():
        value = read(base.model_dump(mode="json"), field)
        assert value in search.values if isinstance(search, Choice) else search.low <= value <= search.high


class Declared(ModelConfig):
    width: int = 4
    dropout: float = 0.9
    search: ClassVar[dict[str, Search]] = {}


def declared(**search: Search) -> ModelConfig:
    names = {name.replace("__", "."): value for name, value in search.items()}
    return type("Declared", (Declared,), {"search": names, "__module__": __name__})()  # type: ignore[no-any-return]


def test_rates_are_searched_around_the_published_ones_unless_declared() -> None:
    assert search_space("x", Declared()) == {
        "optimisation.learning_rate": Interval(1e-4, 1e-2, log=True),
        "optimisation.weight_decay": Choice(0.0, 1e-5, 1e-4, 1e-3, 1e-2),
    }
    own = Interval(1e-3, 2e-3)
    assert search_space("x", declared(optimisation__learning_rate=own))["optimisation.learning_rate"] == own
    assert "optimisation.encoder_learning_rate" in search_space("x", Declared(), finetune=True)


def test_a_published_value_outside_is_taken_in() -> None:
    space = search_space("x", declared(width=Choice(8, 16), dropout=Interval(0.0, 0.5)))
    assert space["width"] == Choice(4, 8, 16)
    assert space["dropout"] == Interval(0.0, 0.9)


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ({"widht": Choice(1, 2)}, "'widht'; did you mean width"),
        ({"optimisation.learning_rat": Choice(1, 2)}, "did you mean optimisation.learning_rate"),
        ({"width.x": Choice(1, 2)}, "unknown field of the search space of model 'x': 'width.x'"),
        ({"optimisation": Choice(1, 2)}, "one by one"),
        ({"width": Choice(2, "wide")}, "field 'width' cannot be 'wide'"),
        ({"width": Interval(0.5, 9.5)}, "field 'width' cannot be 0.5"),
        ({"optimisation.batch_size": Interval(0, 64)}, "cannot be 0"),
    ],
)
def test_a_space_that_the_config_does_not_take_is_one_clear_line(search: dict[str, Search], says: str) -> None:
    base = declared(**{name.replace(".", "__"): value for name, value in search.items()})
    with pytest.raises(InputError) as raised:
        search_space("x", base)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_logarithm_of_nothing_is_refused() -> None:
    class Zero(ModelConfig):
        weight: float = 0.0
        search: ClassVar[dict[str, Search]] = {"weight": Interval(0.1, 1.0, log=True)}

    with pytest.raises(InputError, match="logarithmic, but the published value is 0"):
        search_space("x", Zero())


# --- the search


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
    assert outcome.best.valid_mae == pytest.approx(np.mean([*outcome.best.by_seed.values()]))
    with (outcome.folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert float(rows[outcome.best.number]["valid_mae"]) == outcome.best.valid_mae
    assert float(rows[2]["valid_mae_seed1"]) == outcome.trials[2].by_seed[1]
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


@pytest.mark.usefixtures("toy")
def test_a_killed_search_goes_on_and_worker_processes_come_to_the_same(tmp_path: Path, own_home: Path) -> None:
    arguments = [
        "tune", "toy", "--dataset", "toy", "--plugin", plugin(tmp_path), "--seeds", "2", "--budget", "6",
        "--epochs", "2", "--workers", "1", "--out", str(tmp_path / "a"),
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
    resumed = tune(wanted, tmp_path / "a", 6, LocalWorkers(2))
    assert resumed.trained == 12 - there
    assert facts(resumed.trials) == facts(tune(wanted, tmp_path / "b", 6, Counting()).trials)


@pytest.mark.usefixtures("toy")
def test_what_matters_makes_another_search_and_nothing_else_does(tmp_path: Path) -> None:
    base = plan_tuning(tuning(tmp_path)).id
    assert plan_tuning(tuning(tmp_path)).id == base
    for changes in (
        {"seeds": (0, 2)},
        {"regime": "complete"},
        {"scaling": "none"},
        {"optimisation": {"epochs": 3, "batch_size": 16}},
        {"config": {"width": 8}},
        {"prune": False},
        {"search_seed": 1},
        {"dataset": "toy/fold1"},
    ):
        assert plan_tuning(tuning(tmp_path, **changes)).id != base, changes
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


# --- honest


def poisoned(samples: Samples) -> Samples:
    """Other labels and other audio in the test part."""
    test = samples.splits["official"] == 3
    label = np.where(test, -samples.label, samples.label).astype(np.float32)
    audio = samples.streams["audio"]
    assert audio.values is not None
    owner = np.repeat(test, np.diff(audio.offsets))
    values = np.where(owner[:, None], 7.0, np.asarray(audio.values)).astype(np.float32)
    return replace(samples, label=label, streams={**samples.streams, "audio": replace(audio, values=values)})


def test_what_is_in_the_test_part_changes_nothing(toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(out: str) -> TuningOutcome:
        # Masks of other regimes are drawn by the sha256 of all samples.
        return tune(tuning(tmp_path, model="lf-dnn", plugins=(), regime="complete"), tmp_path / out, 5, Counting())

    clean = search("a")
    write_store(poisoned(make_samples(words=False)), store_path("toy"))
    part = Dataset.part
    asked: list[str] = []

    def guarded(self: Dataset, name: str) -> object:
        asked.append(name)
        return part(self, name)

    monkeypatch.setattr(Dataset, "part", guarded)
    dirty = search("b")
    assert "train" in asked
    assert "test" not in asked
    assert clean.plan.id != dirty.plan.id  # the data is not the same
    assert [(t.fields, t.by_seed) for t in clean.trials] == [(t.fields, t.by_seed) for t in dirty.trials]


@pytest.mark.usefixtures("toy")
def test_a_family_of_splits_is_refused_and_settings_stay_with_their_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name one, such as toy/fold0"):
        plan_tuning(tuning(tmp_path, dataset="toy/fold*"))
    outcome = tune(tuning(tmp_path, dataset="toy/fold0"), tmp_path / "out", 2, Counting())
    entry = f"toy={outcome.best_file}"
    fields = {"models": [entry], "protocols": ["complete"], "plugins": [plugin(tmp_path)]}
    assert prepare(make_study({**fields, "datasets": ["toy/fold0"]})).runs
    with pytest.raises(InputError, match="may hold test samples of toy/fold1"):
        prepare(make_study({**fields, "datasets": ["toy/fold*"]}))


@pytest.mark.usefixtures("toy")
def test_a_study_with_the_settings_found_reproduces_the_validation_error(tmp_path: Path) -> None:
    found = tune(tuning(tmp_path), tmp_path / "out", 6, Counting())
    assert found.best is not None
    assert found.best.number > 0
    entry = f"toy={found.best_file}"
    fields = {"datasets": ["toy"], "models": ["toy", entry], "protocols": ["complete"], "seeds": 2}
    study = make_study({**fields, "plugins": [plugin(tmp_path)], "optimisation": {"epochs": 2, "batch_size": 16}})
    outcome = run(study, tmp_path / "runs", InlineExecutor())
    by_label = {(p.label, p.spec.seed): r for p, r in zip(outcome.plan.runs, outcome.records, strict=True)}
    for label, trial in (("toy", found.trials[0]), ("toy-tuned", found.best)):
        assert {seed: by_label[label, seed].valid_mae for seed in (0, 1)} == trial.by_seed
        assert all(by_label[label, s].id == trial.trainings[s].run for s in (0, 1))
    found.best_file.unlink()  # a study that was run stands for itself
    kept = last_study(tmp_path / "runs")
    assert kept == study
    assert kept.models[1].tuning is not None
    assert kept.models[1].tuning.search == found.plan.id


# --- trials that end badly


@pytest.mark.usefixtures("toy")
def test_trials_that_fail_are_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    search = '{"way": Choice("train", "diverge", "reject", "raise")}'
    wanted = tuning(tmp_path, search, seeds=(0,))
    outcome = tune(wanted, tmp_path / "out", 12, Counting())
    states = {str(t.fields["way"]): (t.state, t.reason) for t in outcome.trials}
    assert states["train"] == ("done", "")
    assert states["diverge"] == ("diverged", "loss is not finite in stage fit, epoch 1: task = nan")
    assert states["reject"] == ("rejected", "toy: these settings do not go together")
    assert states["raise"] == ("failed", "RuntimeError: out of something")
    assert outcome.best is not None
    assert outcome.best.fields["way"] == "train"
    with (outcome.folder / "trials.csv").open() as file:
        assert {row["reason"] for row in csv.DictReader(file)} >= {reason for _, reason in states.values()}
    workers = Counting()
    tune(wanted, tmp_path / "out", 12, workers)  # only accidents are tried again
    accidents = [t.number for t in outcome.trials if t.state == "failed"]
    assert sorted(t.trial for t in workers.trained) == accidents


@pytest.mark.usefixtures("toy")
def test_a_worker_that_dies_fails_its_own_training_only(tmp_path: Path) -> None:
    search = '{"way": Choice("train", "die")}'
    plans = (plan_tuning(tuning(tmp_path, search, seeds=(0,), search_seed=seed)) for seed in range(50))
    chosen = next(p for p in plans if first_suggestions(p, "way") == ["train", "die", "train"])
    outcome = tune(chosen, tmp_path / "out", 3, LocalWorkers(1))
    assert [t.state for t in outcome.trials] == ["done", "failed", "done"]
    assert "exit code 7" in outcome.trials[1].reason


def first_suggestions(plan: TuningPlan, field: str) -> list[object]:
    """What the first three trials try of a field."""
    found: dict[int, Fields] = {}
    for number in range(3):
        found[number] = suggest(plan.space, plan.published, [], found, number, plan.tuning.search_seed)
    return [fields[field] for fields in found.values()]


@pytest.mark.usefixtures("toy")
def test_settings_that_come_up_again_are_not_trained_again(tmp_path: Path) -> None:
    search = (
        '{"width": Choice(4, 8), "optimisation.learning_rate": Choice(1e-3), "optimisation.weight_decay": Choice(1e-4)}'
    )
    workers = Counting()
    outcome = tune(tuning(tmp_path, search), tmp_path / "out", 6, workers)
    assert len(outcome.trials) == 6
    assert all(t.state == "done" for t in outcome.trials)
    assert len({t.spec.id for t in workers.trained}) == 4
    by_width = {t.fields["width"]: t.by_seed for t in outcome.trials}
    assert all(t.by_seed == by_width[t.fields["width"]] for t in outcome.trials)


@pytest.mark.usefixtures("toy")
def test_hopeless_trials_are_ended_early_and_only_these(tmp_path: Path) -> None:
    space = '{"optimisation.learning_rate": Interval(1e-5, 0.1, log=True)}'
    given: dict[str, Any] = {"optimisation": {"epochs": 12, "batch_size": 16, "patience": 12, "learning_rate": 0.02}}
    outcome = tune(tuning(tmp_path, space, **given), tmp_path / "a", 10, Counting())
    pruned = [t for t in outcome.trials if t.state == "pruned"]
    assert pruned
    for trial in pruned:
        assert trial.number >= 4
        assert 5 <= trial.epochs < 12
        assert list(trial.trainings) == [0]  # the other seeds are not trained
        assert "the median is" in trial.reason
    assert outcome.best not in pruned
    whole = tune(tuning(tmp_path, space, **given, prune=False), tmp_path / "b", 8, Counting())
    assert all(t.state == "done" and t.epochs == 24 for t in whole.trials)
    assert [t.by_seed for t in whole.trials[:4]] == [t.by_seed for t in outcome.trials[:4]]


def done(number: int, curve: Sequence[float | None]) -> Trial:
    best = min(v for v in curve if v is not None)
    record = TrainingRecord(trial=number, seed=0, run=str(number), status="done", valid_mae=best, curve=tuple(curve))
    return Trial(number, {}, (0,), {0: record})


curves = st.lists(st.lists(st.floats(0.1, 3.0), min_size=1, max_size=6), min_size=1, max_size=7)


@settings(deadline=None, max_examples=60)
@given(curves)
def test_limits_fall_and_leave_half_of_the_finished_trials(curves: list[list[float]]) -> None:
    trials = [done(i, curve) for i, curve in enumerate(curves)]
    found = limits(trials)
    assert bool(found) == (len(trials) >= 4)
    assert list(found) == sorted(found, reverse=True)
    if found:
        longest = [(t.running_minimum() + [min(c)] * 6)[: len(found)] for t, c in zip(trials, curves, strict=True)]
        best = ranked(trials)[0]
        kept = [m for m in longest if all(v <= limit for v, limit in zip(m[-1:], found[-1:], strict=True))]
        assert 2 * len(kept) >= len(trials)
        assert best.running_minimum()[-1] <= found[-1]


def test_epochs_that_select_nothing_do_not_count() -> None:
    trials = [done(i, [None, None, 1.0 + i, 0.5]) for i in range(5)]
    assert limits(trials) == (math.inf, math.inf, 3.0, 0.5)


# --- the journal


def test_the_journal_keeps_what_it_is_told_and_drops_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = Suggestion(trial=0, fields={"a": 1, "b": 1.0, "c": True, "d": None, "e": "x"})
    second = TrainingRecord(trial=0, seed=2, run="r", status="done", valid_mae=0.1 + 0.2, curve=(None, 0.5))
    Journal(path).add([first, second])
    whole = path.read_bytes()
    for cut in range(1, 40):
        path.write_bytes(whole[:-cut])
        journal = Journal(path)
        assert journal.suggestions == {0: first.fields}
        assert list(map(type, journal.suggestions[0].values())) == [int, float, bool, type(None), str]
        assert journal.trainings == {}
        journal.add([second])
        assert path.read_bytes() == whole
    assert Journal(path).trainings == {(0, 2): second}
    path.write_bytes(b"{}\n" + whole)
    with pytest.raises(InputError, match="line 1 cannot be read"):
        Journal(path)


@pytest.mark.usefixtures("toy")
def test_one_process_at_a_time(tmp_path: Path) -> None:
    folder = plan_tuning(tuning(tmp_path)).folder(tmp_path / "out")
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"), pytest.raises(InputError, match="another process is at this search"):
        tune(tuning(tmp_path), tmp_path / "out", 1, Counting())


# --- files of settings


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file of settings"),
        ("model: [", "not valid YAML"),
        ("- 1", "expected the fields model, config, tuning"),
        ("model: lnln\nwidth: 3", "width"),
        ("model: lnln", "has the settings of model 'lnln', asked for 'text-only'"),
        ("model: text-only\nconfig: {widht: 3}", "did you mean width"),
        ("model: text-only\ntuning: {budget: 3}", "tuning.dataset"),
        ("a: &a [*a]", "expected the fields"),
    ],
)
@pytest.mark.usefixtures("toy")
def test_mistakes_in_a_file_of_settings_are_one_line(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "settings.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError) as raised:
        prepare(make_study({"datasets": ["toy"], "models": [f"text-only={path}"]}))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_settings_written_by_hand_need_no_note_of_a_search(toy: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("model: text-only\nconfig: {optimisation: {epochs: 3}}")
    entry = {"name": "text-only", "config": str(path), "label": "short"}
    plan = prepare(make_study({"datasets": [toy], "models": [f"text-only={path}", entry], "seeds": 1}))
    assert [r.label for r in plan.runs] == ["text-only", "short"]
    assert plan.runs[0].spec == plan.runs[1].spec
    assert plan.runs[0].spec.config["optimisation"]["epochs"] == 3


# --- the command


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.mark.usefixtures("inline")
def test_the_command_from_dry_run_to_a_study(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tuned"
    arguments = ["tune", "toy", "--dataset", toy, "--plugin", plugin(tmp_path), "--epochs", "1", "--workers", "1"]
    arguments += ["--seeds", "2", "--budget", "5", "--out", str(out)]
    code, text, _ = call(capsys, *arguments, "--dry-run")
    assert code == 0
    assert "inner.gain" in text
    assert "0.0001 to 0.01 (log)" in text
    assert not out.exists()
    code, text, _ = call(capsys, *arguments, "--dry-run", "--json")
    assert json.loads(text)["to_do"] == [0, 1, 2, 3, 4]
    code, text, err = call(capsys, *arguments)
    assert code == 0, err
    assert text.count("validation MAE") >= 6
    assert "0, published" in text
    code, text, _ = call(capsys, *arguments, "--json")
    assert code == 0
    content = json.loads(text)
    assert content["trained"] == 0
    assert len(content["trials"]) == 5
    command = content["use"].split()
    assert command[:2] == ["sentibench", "run"]
    code, text, err = call(
        capsys,
        *command[1:],
        "--dry-run",
        "--protocols",
        "complete",
        "--seeds",
        "1",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "runs"),
    )
    assert code == 0, err
    assert text.count("toy seed 0") == 2
    code, text, _ = call(capsys, *arguments, "--config", content["best_file"], "--dry-run", "--json")
    began = json.loads(text)["published"]
    best = content["trials"][content["best"]]
    assert all(began[field] == best[field] for field in began)


def test_mistakes_are_one_line_and_exit_code_2(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    misspelt = plugin(bad, '{"widht": Choice(1, 2)}')
    cases = [
        (["lnnl", "--dataset", toy], "did you mean lnln"),
        (["lf-dnn", "--dataset", "tyo"], "did you mean toy"),
        (["lf-dnn", "--dataset", "toy/oficial"], "did you mean official"),
        (["lf-dnn", "--dataset", "toy/fold*"], "name one"),
        (["lf-dnn"], "--dataset"),
        (["constant", "--dataset", toy], "no parameters to train"),
        (["cenet", "--dataset", toy], "works inside a text encoder"),
        (["lf-dnn", "--dataset", toy, "--regime", "uncertian"], "did you mean uncertain"),
        (["lf-dnn", "--dataset", toy, "--budget", "0"], "--budget"),
        (["lf-dnn", "--dataset", toy, "--seeds", "few"], "--seeds"),
        (["lf-dnn", "--dataset", toy, "--config", str(tmp_path / "no.yaml")], "no such file of settings"),
        (["toy", "--dataset", toy, "--plugin", misspelt], "did you mean width"),
        (["lf-dnn", "--dataset", toy, "--plugin", "nowhere.py"], "no such file"),
    ]
    for arguments, says in cases:
        code, _, err = call(capsys, "tune", *arguments, "--out", str(tmp_path / "out"))
        assert code == 2, arguments
        assert says in err, (arguments, err)
        assert len(err.strip().splitlines()) == 1, (arguments, err)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("inline")
def test_a_search_in_which_nothing_works_says_why(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = plugin(tmp_path, '{"way": Choice("diverge", "reject")}')
    text = Path(broken).read_text().replace('way: str = "train"', 'way: str = "diverge"')
    Path(broken).write_text(text)
    code, _, err = call(
        capsys, "tune", "toy", "--dataset", toy, "--plugin", broken, "--seeds", "1", "--budget", "2", "--epochs", "1",
        "--workers", "1", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert code == 2
    assert "no trial ended well" in err
    assert "loss is not finite" in err
    assert not list((tmp_path / "out").rglob("best.yaml"))


def test_the_command_starts_without_heavy_imports() -> None:
    code = (
        "import sys; import benchmark.cli.main, benchmark.cli.tune; "
        "print(sorted({'torch', 'transformers', 'pandas', 'optuna'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_best_files_are_plain_yaml(toy: str, tmp_path: Path) -> None:
    outcome = tune(tuning(tmp_path, seeds=(0,)), tmp_path / "out", 1, Counting())
    content = yaml.safe_load(outcome.best_file.read_text())
    assert content["config"] == {"optimisation": {"epochs": 2, "batch_size": 16}}
    assert content["tuning"]["valid_mae"] == content["tuning"]["default_valid_mae"]
