"""A search sees validation data only, and what it found is used where it may be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.catalog import store_path
from benchmark.data.dataset import Dataset
from benchmark.data.samples import Samples
from benchmark.data.store import write_store
from benchmark.runs.executors import InlineExecutor
from benchmark.study.filing import last_study
from benchmark.study.plan import prepare
from benchmark.study.running import run
from benchmark.study.settings_file import read_tuned
from benchmark.study.study import make_study
from benchmark.tuning.search import TuningOutcome, plan_tuning, tune
from protocols import InputError
from tests.benchmark.tuning.toy import Counting, plugin, tuning
from tests.samples import make_samples


def poisoned(samples: Samples) -> Samples:
    """Other labels and other audio in the test part."""
    test = samples.splits["official"] == 3
    label = np.where(test, -samples.label, samples.label).astype(np.float32)
    audio = samples.streams["audio"]
    assert audio.values is not None
    owner = np.repeat(test, np.diff(audio.offsets))
    values = np.where(owner[:, None], 7.0, np.asarray(audio.values)).astype(np.float32)
    return replace(samples, label=label, streams={**samples.streams, "audio": replace(audio, values=values)})


@pytest.mark.parametrize("folds", [None, 3])
def test_the_content_of_the_test_part_changes_nothing(
    toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folds: int | None
) -> None:
    def search(out: str) -> TuningOutcome:
        # Masks of other regimes are drawn by the sha256 of all samples.
        wanted = tuning(tmp_path, model="lf-dnn", plugins=(), regime="complete", folds=folds, seeds=(0,))
        return tune(wanted, tmp_path / out, 5, Counting())

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
    assert [(t.fields, t.by_training) for t in clean.trials] == [(t.fields, t.by_training) for t in dirty.trials]


@pytest.mark.usefixtures("toy")
def test_a_family_of_splits_is_refused_and_settings_stay_with_their_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name one, such as toy/fold0"):
        plan_tuning(tuning(tmp_path, datasets=("toy/fold*",)))
    outcome = tune(tuning(tmp_path, datasets=("toy/fold0",)), tmp_path / "out", 2, Counting())
    entry = f"toy={outcome.best_file}"
    fields = {"models": [entry], "protocols": ["complete"], "plugins": [plugin(tmp_path)]}
    assert prepare(make_study({**fields, "datasets": ["toy/fold0"]})).runs
    with pytest.raises(InputError, match="may hold test samples of toy/fold1"):
        prepare(make_study({**fields, "datasets": ["toy/fold*"]}))


@pytest.mark.usefixtures("toy")
def test_settings_stay_with_the_split_of_every_search_that_found_them(toys: tuple[str, str], tmp_path: Path) -> None:
    first = tune(tuning(tmp_path, datasets=("toy/fold0",)), tmp_path / "out", 2, Counting())
    found = read_tuned(first.best_file, "toy")
    assert found.tuning is not None
    begun = {"config": found.config, "begun_at": found.tuning}
    with pytest.raises(InputError, match=r"found on toy/fold0, .* may hold test samples of toy/fold1"):
        plan_tuning(tuning(tmp_path, datasets=("toy/fold1",), **begun))
    second = tune(tuning(tmp_path, datasets=(toys[1],), **begun), tmp_path / "out", 2, Counting())
    note = read_tuned(second.best_file, "toy").tuning
    assert note is not None
    assert [(seen.dataset, seen.split) for seen in note.seen] == [("toy", "fold0"), ("toy-two", "official")]
    fields = {"models": [f"toy={second.best_file}"], "protocols": ["complete"], "plugins": [plugin(tmp_path)]}
    with pytest.raises(InputError, match="may hold test samples of toy/fold1"):
        prepare(make_study({**fields, "datasets": ["toy/fold1"]}))


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
        assert {("toy", seed): by_label[label, seed].valid_mae for seed in (0, 1)} == trial.by_training
        assert all(by_label[label, s].id == trial.trainings["toy", s].run for s in (0, 1))
    found.best_file.unlink()  # a study that was run stands for itself
    kept = last_study(tmp_path / "runs")
    assert kept == study
    assert kept.models[1].tuning is not None
    assert kept.models[1].tuning.search == found.plan.id
