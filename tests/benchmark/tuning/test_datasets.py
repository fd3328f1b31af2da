"""A search on several data sets: every trial is judged on all of them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.runs.executors import LocalExecutor
from benchmark.runs.text_states import states_folder
from benchmark.study.plan import prepare
from benchmark.study.settings_file import read_tuned
from benchmark.study.study import make_study
from benchmark.tuning.files import usage
from benchmark.tuning.journal import TrainingRecord
from benchmark.tuning.search import pending, plan_tuning, tune
from benchmark.tuning.trials import Trial, gain
from protocols import InputError
from tests.benchmark.tuning.toy import Counting, facts, plugin, tuning
from tests.samples import make_samples

PAIRS = [("toy", 0), ("toy", 1), ("toy-two", 0), ("toy-two", 1)]


def test_a_trial_is_worth_the_mean_over_data_sets_and_seeds(toys: tuple[str, str], tmp_path: Path) -> None:
    workers = Counting()
    both = tune(tuning(tmp_path, datasets=toys), tmp_path / "out", 4, workers)
    alone = [tune(tuning(tmp_path, datasets=(name,)), tmp_path / "out", 1, Counting()).trials[0] for name in toys]
    assert both.trials[0].by_training == {**alone[0].by_training, **alone[1].by_training}
    assert both.trials[0].valid_mae == pytest.approx(fmean(t.valid_mae or 0.0 for t in alone))
    assert alone[0].valid_mae != alone[1].valid_mae
    for trial in both.trials:
        assert list(trial.by_training) == PAIRS
        trained = [(t.spec.dataset, t.spec.seed) for t in workers.trained if t.trial == trial.number]
        assert trained == PAIRS  # the first alone says whether the others are worth it


def test_the_files_name_every_data_set(toys: tuple[str, str], tmp_path: Path) -> None:
    outcome = tune(tuning(tmp_path, datasets=toys), tmp_path / "out", 4, Counting())
    assert outcome.best is not None
    with (outcome.folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    for trial, row in zip(outcome.trials, rows, strict=True):
        assert {pair: float(row["valid_mae {} seed {}".format(*pair)]) for pair in PAIRS} == trial.by_training
    note = read_tuned(outcome.best_file, "toy").tuning
    assert note is not None
    assert [(d.dataset, d.split) for d in note.datasets] == [("toy", "official"), ("toy-two", "official")]
    assert [d.data_sha256 for d in note.datasets] == [spec.data_sha256 for spec in outcome.plan.datasets]
    assert note.seeds == (0, 1)
    assert note.valid_mae == outcome.best.valid_mae
    assert "over 2 data sets x 2 seeds" in outcome.best_file.read_text()
    assert usage(outcome.plan, outcome.folder).startswith("sentibench run --dataset toy --dataset toy-two ")


def test_only_the_first_data_set_and_seed_can_end_a_trial_early(toys: tuple[str, str], tmp_path: Path) -> None:
    space = '{"optimisation.learning_rate": Interval(1e-5, 0.1, log=True)}'
    given: dict[str, Any] = {"optimisation": {"epochs": 12, "batch_size": 16, "patience": 12, "learning_rate": 0.02}}
    workers = Counting()
    outcome = tune(tuning(tmp_path, space, datasets=toys, **given), tmp_path / "out", 10, workers)
    pruned = [t for t in outcome.trials if t.state == "pruned"]
    assert pruned
    assert all(list(t.trainings) == PAIRS[:1] for t in pruned)
    limited = [t for t in workers.trained if t.limits]
    assert {(t.spec.dataset, t.spec.seed) for t in limited} == {PAIRS[0]}
    alone = tune(tuning(tmp_path, space, **given), tmp_path / "out", 4, Counting())
    assert limited[0].limits == pytest.approx(expected_limits(alone.trials))


def expected_limits(trials: tuple[Trial, ...]) -> list[float]:
    """The limit is the worst of four whole curves, as the first of several data sets says little of the others."""
    curves = [t.running_minimum() for t in trials]
    assert [len(c) for c in curves] == [12] * 4
    return [max(epoch) for epoch in zip(*curves, strict=True)]


def test_one_that_fails_on_a_later_data_set_is_no_candidate() -> None:
    records = [
        TrainingRecord(trial=1, dataset=name, seed=seed, run="r", status="done", valid_mae=0.1) for name, seed in PAIRS
    ]
    failed = records[2].model_copy(update={"status": "diverged", "valid_mae": None, "error": "not finite"})
    whole = Trial(1, {}, tuple(PAIRS), {r.key: r for r in records})
    broken = Trial(1, {}, tuple(PAIRS), {r.key: r for r in (*records[:2], failed, records[3])})
    assert (whole.state, whole.valid_mae) == ("done", pytest.approx(0.1))
    assert (broken.state, broken.valid_mae, broken.reason) == ("diverged", None, "not finite")


def test_the_gain_is_taken_training_by_training() -> None:
    def trial(number: int, values: list[float]) -> Trial:
        records = [
            TrainingRecord(trial=number, dataset=name, seed=seed, run="r", status="done", valid_mae=value)
            for (name, seed), value in zip(PAIRS, values, strict=True)
        ]
        return Trial(number, {}, tuple(PAIRS), {r.key: r for r in reversed(records)})

    found = gain(trial(1, [0.9, 0.7, 0.3, 0.4]), trial(0, [1.0, 0.9, 0.3, 0.3]))
    differences = [0.1, 0.2, 0.0, -0.1]
    assert found == pytest.approx((fmean(differences), stdev(differences)))


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(
    ("datasets", "says"),
    [
        (("toy-two", "toy/fold*"), "name one, such as toy/fold0"),
        (("toy-two", "toy/fold0", "toy/fold1"), "'toy/fold0' and 'toy/fold1' are two splits of one data set"),
        (("toy", "toy/fold1"), "'toy' and 'toy/fold1' are two splits of one data set"),
        (("copy/fold0", "toy/fold1"), "'copy/fold0' and 'toy/fold1' are two splits of one data set"),
        (("toy", "toy"), "'toy' and 'toy' are the same data"),
        (("toy", "toy/official"), "'toy' and 'toy/official' are the same data"),
        (("toy", "toy-two", "copy"), "'toy' and 'copy' are the same data"),
        (("synthetic:size=tiny", "synthetic:seed=0,size=tiny"), "are the same data; list it once"),
    ],
)
def test_data_that_would_leak_or_count_twice_is_refused(tmp_path: Path, datasets: tuple[str, ...], says: str) -> None:
    shutil.copy(store_path("toy"), store_path("copy"))
    with pytest.raises(InputError) as raised:
        plan_tuning(tuning(tmp_path, datasets=datasets))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_settings_stay_with_their_split_of_every_data_set(toys: tuple[str, str], tmp_path: Path) -> None:
    splits = [f"{name}/fold0" for name in toys]
    outcome = tune(tuning(tmp_path, datasets=splits), tmp_path / "out", 2, Counting())
    fields = {"models": [f"toy={outcome.best_file}"], "protocols": ["complete"], "plugins": [plugin(tmp_path)]}
    assert prepare(make_study({**fields, "datasets": splits})).runs
    for name in toys:
        with pytest.raises(InputError, match=f"found on {name}/fold0, .* test samples of {name}/fold1"):
            prepare(make_study({**fields, "datasets": [f"{name}/fold*"]}))


@pytest.mark.parametrize("stop", [0, 1, 7, 10])
def test_an_interrupted_search_comes_to_the_same(toys: tuple[str, str], tmp_path: Path, stop: int) -> None:
    wanted = tuning(tmp_path, datasets=toys)
    with pytest.raises(KeyboardInterrupt):
        tune(wanted, tmp_path / "a", 5, Counting(stop))
    workers = Counting()
    resumed = tune(wanted, tmp_path / "a", 5, workers)
    assert len(workers.trained) == 20 - stop
    assert pending(plan_tuning(wanted), tmp_path / "a", 5) == []
    assert facts(resumed.trials) == facts(tune(wanted, tmp_path / "b", 5, Counting()).trials)


def test_a_data_set_under_another_name_is_not_trained_on_again(toys: tuple[str, str], tmp_path: Path) -> None:
    before = tune(tuning(tmp_path, datasets=toys), tmp_path / "out", 3, Counting())
    store_path("toy-two").unlink()
    write_store(make_samples(words=False, seed=1, name="renamed"), store_path("renamed"))
    after = tune(tuning(tmp_path, datasets=("toy", "renamed")), tmp_path / "out", 3, Counting())
    assert (after.folder, after.trained) == (before.folder, 0)
    assert list(after.trials[0].by_training) == [*PAIRS[:2], ("renamed", 0), ("renamed", 1)]
    assert [t.valid_mae for t in after.trials] == [t.valid_mae for t in before.trials]


@pytest.mark.usefixtures("own_home")
def test_text_states_of_several_data_sets_are_kept_apart(tiny_encoder: Path, tmp_path: Path) -> None:
    """A worker process holds the states of both data sets, and comes to what a search of each alone comes to."""
    names = ("said", "written")
    for seed, name in enumerate(names):
        write_store(make_samples(seed=seed, name=name), store_path(name))
    given: dict[str, Any] = {"encoder": {"name": str(tiny_encoder)}}
    both = tune(tuning(tmp_path, datasets=names, **given), tmp_path / "out", 2, LocalExecutor(1))
    for name in names:
        alone = tune(tuning(tmp_path, datasets=(name,), **given), tmp_path / "out", 2, Counting())
        for trial, single in zip(both.trials, alone.trials, strict=True):
            assert {k: v for k, v in trial.by_training.items() if k[0] == name} == single.by_training
    assert not states_folder(both.folder).exists()
