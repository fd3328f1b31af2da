"""Files of settings, found by a search or written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmark.study.plan import prepare
from benchmark.study.study import make_study
from benchmark.tuning.search import tune
from protocols import InputError
from tests.benchmark.tuning.toy import Counting, tuning


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file of settings"),
        ("model: [", "not valid YAML"),
        ("- 1", "expected the fields model, config, tuning"),
        ("model: lnln\nwidth: 3", "width"),
        ("model: lnln", "has the settings of model 'lnln', expected 'text-only'"),
        ("model: text-only\nconfig: {widht: 3}", "did you mean width"),
        ("model: text-only\ntuning: {budget: 3}", "tuning.datasets"),
        ("a: &a [*a]", "its aliases repeat their parts far too often"),
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


def test_best_files_are_plain_yaml(toy: str, tmp_path: Path) -> None:
    outcome = tune(tuning(tmp_path, seeds=(0,)), tmp_path / "out", 1, Counting())
    content = yaml.safe_load(outcome.best_file.read_text())
    assert content["config"] == {"optimisation": {"epochs": 2, "batch_size": 16}}
    assert content["tuning"]["valid_mae"] == content["tuning"]["first_valid_mae"]
