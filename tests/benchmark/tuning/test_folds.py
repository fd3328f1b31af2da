"""A search judged by cross-validation within the training and validation videos, and one over lengths of training."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from benchmark.data.folds import split_codes
from benchmark.data.samples import PARTS
from benchmark.data.sources import load_samples
from benchmark.study.running import prepare
from benchmark.study.settings_file import read_tuned
from benchmark.study.study import make_study
from benchmark.tuning.search import pending, plan_tuning, tune
from protocols import InputError
from tests.benchmark.tuning.toy import Counting, facts, plugin, tuning

FOLDS = [("toy~1of3", 0), ("toy~2of3", 0), ("toy~3of3", 0)]


@pytest.mark.usefixtures("toy")
def test_every_fold_is_judged_once_and_the_test_part_stays_where_it_is(tmp_path: Path) -> None:
    workers = Counting()
    outcome = tune(tuning(tmp_path, folds=3, seeds=(0,)), tmp_path / "out", 2, workers)
    first = outcome.trials[0]
    assert list(first.by_training) == FOLDS
    assert first.valid_mae == pytest.approx(fmean(first.by_training.values()))
    assert len(set(first.by_training.values())) == 3
    samples = load_samples("toy")
    whole = samples.splits["official"]
    trained = [t.spec for t in workers.trained if t.trial == 0]
    assert [s.split for s in trained] == ["official~1of3", "official~2of3", "official~3of3"]
    for spec in trained:
        codes = split_codes(samples, spec.split)
        assert ((codes == PARTS["test"]) == (whole == PARTS["test"])).all()
    with (outcome.folder / "trials.csv").open() as file:
        row = next(csv.DictReader(file))
    assert [float(row["valid_mae {} seed {}".format(*key)]) for key in FOLDS] == list(first.by_training.values())


def test_data_sets_folds_and_seeds_are_crossed(toys: tuple[str, str], tmp_path: Path) -> None:
    plan = plan_tuning(tuning(tmp_path, datasets=toys, folds=2))
    expected = {(f"{name}~{fold}of2", seed) for name in toys for fold in (1, 2) for seed in (0, 1)}
    assert len(plan.keys) == 8
    assert set(plan.keys) == expected
    assert plan.shape == "2 data sets x 2 folds x 2 seeds"
    assert [(seen.dataset, seen.split) for seen in plan.tuned_on] == [(name, "official") for name in toys]
    assert len({plan.id, plan_tuning(tuning(tmp_path, datasets=toys)).id}) == 2


@pytest.mark.usefixtures("toy")
def test_settings_are_for_the_split_whose_folds_judged(tmp_path: Path) -> None:
    outcome = tune(tuning(tmp_path, datasets=("toy/fold0",), folds=2), tmp_path / "out", 2, Counting())
    note = read_tuned(outcome.best_file, "toy").tuning
    assert note is not None
    assert (note.folds, [d.split for d in note.datasets]) == (2, ["fold0"])
    assert "over 2 folds x 2 seeds" in outcome.best_file.read_text()
    fields: dict[str, Any] = {"models": [f"toy={outcome.best_file}"], "plugins": [plugin(tmp_path)]}
    assert prepare(make_study({**fields, "datasets": ["toy/fold0"], "protocols": ["complete"]})).runs
    with pytest.raises(InputError, match="found on toy/fold0"):
        prepare(make_study({**fields, "datasets": ["toy/fold1"], "protocols": ["complete"]}))


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("stop", [1, 4])
def test_an_interrupted_search_over_folds_comes_to_the_same(tmp_path: Path, stop: int) -> None:
    wanted = tuning(tmp_path, folds=3, seeds=(0,))
    with pytest.raises(KeyboardInterrupt):
        tune(wanted, tmp_path / "a", 3, Counting(stop))
    workers = Counting()
    resumed = tune(wanted, tmp_path / "a", 3, workers)
    assert len(workers.trained) == 9 - stop
    assert pending(plan_tuning(wanted), tmp_path / "a", 3) == []
    assert facts(resumed.trials) == facts(tune(wanted, tmp_path / "b", 3, Counting()).trials)


@pytest.mark.usefixtures("toy")
def test_more_folds_than_videos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"toy/official: \d+ videos to train and validate with, too few for 500 folds"):
        plan_tuning(tuning(tmp_path, folds=500))


@pytest.mark.usefixtures("toy")
def test_the_length_of_training_is_searched(tmp_path: Path) -> None:
    wanted = tuning(tmp_path, '{"optimisation.weight_decay": Choice(1e-4)}', epochs=(3, 1), seeds=(0,))
    outcome = tune(wanted, tmp_path / "out", 6, Counting())
    assert outcome.trials[0].fields["optimisation.epochs"] == 3
    assert {t.fields["optimisation.epochs"] for t in outcome.trials} == {1, 3}
    assert all(t.epochs == t.fields["optimisation.epochs"] for t in outcome.trials)
    assert outcome.best is not None
    config = read_tuned(outcome.best_file, "toy").config
    assert config["optimisation"]["epochs"] == outcome.best.fields["optimisation.epochs"]


@pytest.mark.usefixtures("toy")
def test_one_length_takes_the_place_of_that_of_the_settings_begun_with(tmp_path: Path) -> None:
    begun = tuning(tmp_path, config={"optimisation": {"epochs": 9, "learning_rate": 0.01}}, epochs=(4,))
    plan = plan_tuning(begun)
    assert plan.specs[0].config["optimisation"]["epochs"] == 4
    assert plan.specs[0].config["optimisation"]["learning_rate"] == 0.01
    assert "optimisation.epochs" not in plan.space
