"""Studies that train on one data set and test on another, and studies of all models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from baselines.facts import model_info, model_names
from benchmark.cli.main import sentibench as group
from benchmark.data.catalog import store_path
from benchmark.data.sources import load_samples
from benchmark.data.store import write_store
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.store import RunStore
from benchmark.study.filing import read_study
from benchmark.study.plan import prepare
from benchmark.study.running import run
from benchmark.study.study import make_study
from protocols import InputError
from tests.samples import make_samples

FIELDS = {"datasets": ["one"], "models": ["constant", "text-only"], "protocols": ["complete", "inter-drop"], "seeds": 1}


@pytest.fixture(autouse=True)
def _stores() -> None:
    for number, name in enumerate(("one", "other")):
        write_store(make_samples(60 - 20 * number, number, name, words=False), store_path(name))


def sentibench(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(group, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_a_study_that_is_trained_on_one_and_tested_on_another_says_so(tmp_path: Path) -> None:
    options = ["--models", "constant,text-only", "--protocols", "complete,inter-drop", "--seeds", 1, "--epochs", 1]
    options += ["--out", tmp_path, "--executor", "inline", "--name", "across"]
    shown = sentibench("run", "--dataset", "one", "--test-dataset", "other", *options)
    assert "trained on one, tested on other: inter-drop" in shown
    assert "Trained and validated on split 'official' of one." in shown
    plan = prepare(read_study("across", {}, tmp_path))
    assert {run.spec.dataset for run in plan.runs} == {"one->other"}
    store, other = RunStore(tmp_path), load_samples("other")
    samples = store.samples(plan.runs[0].spec)
    tested = np.flatnonzero(other.splits["official"] == 3)
    assert samples["sample_id"].tolist() == other.ids[tested].tolist()
    assert samples["video_id"].tolist() == other.video_ids[tested].tolist()  # clusters of the bootstrap
    assert "trained on one, tested on other" in sentibench("compare", "text-only", "constant", "--out", tmp_path)
    sentibench("site", tmp_path / "page.html", "--out", tmp_path)
    assert "trained on one, tested on other" in (tmp_path / "page.html").read_text()
    frame = pd.read_csv(tmp_path / "studies" / "across" / "leaderboard.csv")
    assert set(frame["dataset"]) == {"one->other/official"}
    assert "up to date" in sentibench("run", "--dataset", "one->other", *options)  # another way to write it


def test_all_ways_to_name_the_test_data_give_the_same_run() -> None:
    ids = {
        run.spec.id
        for fields in (
            {"test_dataset": "other"},
            {"datasets": ["one->other"]},
            {"datasets": ["one/official->other/official"]},
            {"test_dataset": load_samples("other")},
        )
        for run in prepare(make_study({**FIELDS, "models": ["text-only"], **fields})).runs
    }
    assert len(ids) == 1
    alone = {run.spec.id for run in prepare(make_study({**FIELDS, "models": ["text-only"]})).runs}
    assert not ids & alone


def test_a_data_set_to_test_on_is_named_once() -> None:
    with pytest.raises(InputError, match="test_dataset is other, and datasets name one to test on as well"):
        make_study({**FIELDS, "datasets": ["one->other"], "test_dataset": "other"})


def test_the_oracle_is_that_of_the_data_tested_on(tmp_path: Path) -> None:
    fields = {**FIELDS, "models": ["constant"], "protocols": ["complete"]}
    data = "synthetic:samples=30-10-20,seed={}"
    across = make_study({**fields, "datasets": [data.format(0)], "test_dataset": data.format(1)})
    alone = make_study({**fields, "datasets": [data.format(1)]})
    errors = []
    for study in (across, alone):
        records = run(prepare(study), tmp_path, InlineExecutor()).records
        errors.append(next(r.evaluations[0].mae for r in records if r.spec.model == "oracle"))
    assert errors[0] == errors[1]
    assert "oracle" not in {r.label for r in prepare(make_study({**fields, "datasets": ["one->other"]})).runs}


def test_all_are_the_models_that_can_read_the_data() -> None:
    everyone = [name for name in model_names() if not model_info(name).variant_of]
    labels = [m.title for m in prepare(make_study({**FIELDS, "models": ["all"]})).study.models]
    assert labels == [name for name in everyone if not model_info(name).needs_encoder]  # the text is word vectors
    study = make_study({**FIELDS, "datasets": ["synthetic:size=tiny"], "models": ["lnln", "all"]})
    labels = [m.title for m in prepare(study).study.models]
    assert labels == ["lnln", *(name for name in everyone if name != "lnln")]
