"""Trials that end badly, and trials that are ended early."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.runs.executors import LocalExecutor
from benchmark.tuning.journal import TrainingRecord
from benchmark.tuning.search import TuningPlan, plan_tuning, tune
from benchmark.tuning.space import Fields
from benchmark.tuning.suggest import suggest
from benchmark.tuning.trials import Trial, limits, ranked
from tests.benchmark.tuning.toy import Counting, tuning


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


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_a_worker_that_dies_fails_its_own_training_only(tmp_path: Path) -> None:
    search = '{"way": Choice("train", "die")}'
    plans = (plan_tuning(tuning(tmp_path, search, seeds=(0,), search_seed=seed)) for seed in range(50))
    chosen = next(p for p in plans if first_suggestions(p, "way") == ["train", "die", "train"])
    outcome = tune(chosen, tmp_path / "out", 3, LocalExecutor(1))
    assert [t.state for t in outcome.trials] == ["done", "failed", "done"]
    assert "exit code 7" in outcome.trials[1].reason


def first_suggestions(plan: TuningPlan, field: str) -> list[object]:
    """Return the values of a field that the first three trials try."""
    found: dict[int, Fields] = {}
    for number in range(3):
        found[number] = suggest(plan.space, plan.first, [], found, number, plan.tuning.search_seed)
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
    by_width = {t.fields["width"]: t.by_training for t in outcome.trials}
    assert all(t.by_training == by_width[t.fields["width"]] for t in outcome.trials)


@pytest.mark.usefixtures("toy")
def test_trials_that_cannot_win_are_ended_early_and_only_these(tmp_path: Path) -> None:
    space = '{"optimisation.learning_rate": Interval(1e-5, 0.1, log=True)}'
    given: dict[str, Any] = {"optimisation": {"epochs": 12, "batch_size": 16, "patience": 12, "learning_rate": 0.02}}
    outcome = tune(tuning(tmp_path, space, **given), tmp_path / "a", 10, Counting())
    pruned = [t for t in outcome.trials if t.state == "pruned"]
    assert pruned
    for trial in pruned:
        assert trial.number >= 4
        assert 5 <= trial.epochs < 12
        assert list(trial.trainings) == [("toy", 0)]  # the other seeds are not trained
        assert "ended early as it is above" in trial.reason
    assert outcome.best not in pruned
    whole = tune(tuning(tmp_path, space, **given, prune=False), tmp_path / "b", 8, Counting())
    assert all(t.state == "done" and t.epochs == 24 for t in whole.trials)
    assert [t.by_training for t in whole.trials[:4]] == [t.by_training for t in outcome.trials[:4]]


def done(number: int, curve: Sequence[float | None], fields: Fields | None = None) -> Trial:
    best = min(v for v in curve if v is not None)
    record = TrainingRecord(
        trial=number, dataset="toy", seed=0, run=str(number), status="done", valid_mae=best, curve=tuple(curve)
    )
    return Trial(number, fields or {}, (record.key,), {record.key: record})


curves = st.lists(st.lists(st.floats(0.1, 3.0), min_size=1, max_size=6), min_size=1, max_size=7)


@settings(deadline=None, max_examples=60)
@given(curves)
def test_limits_fall_and_leave_half_of_the_finished_trials(curves: list[list[float]]) -> None:
    trials = [done(i, curve) for i, curve in enumerate(curves)]
    found = limits(trials, {})
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
    assert limits(trials, {}) == (math.inf, math.inf, 3.0, 0.5)


def test_a_training_is_held_against_others_of_its_length_only() -> None:
    short: Fields = {"optimisation.epochs": 2}
    long: Fields = {"optimisation.epochs": 4}
    trials = [done(i, [0.5 + i / 10] * 2, short) for i in range(5)]
    trials += [done(i, [1.0, 0.9, 0.4, 0.3], long) for i in range(5, 9)]
    assert limits(trials, short) == (0.7, 0.7)
    assert limits(trials, long) == (1.0, 0.9, 0.4, 0.3)
    assert limits(trials[:8], long) == ()


def test_one_of_several_folds_ends_only_what_is_worse_than_all() -> None:
    trials = [done(i, [1.0 + i / 10, 0.9 - i / 100]) for i in range(5)]
    assert limits(trials, {}) == pytest.approx((1.2, 0.88))
    assert limits(trials, {}, lenient=True) == pytest.approx((1.4, 0.9))
    assert limits(trials[:3], {}, lenient=True) == ()
