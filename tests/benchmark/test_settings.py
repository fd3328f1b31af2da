"""Tables say where settings come from that are not the models' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.settings import settings_notes
from benchmark.study import Study, make_study
from benchmark.tuning.tuned import TunedConfig, TunedOn, TuningNote, tuned_text


def study(models: list[Any], optimisation: dict[str, Any] | None = None) -> Study:
    return make_study({"datasets": ["mosi"], "models": models, "optimisation": optimisation or {}})


def searched(path: Path, model: str, budget: int, folds: int | None = None) -> Path:
    note = TuningNote(
        datasets=(TunedOn(dataset="mosi", split="official", data_sha256="a"),), regime="uncertain", encoder="minilm",
        budget=budget, trial=1, folds=folds, seeds=(0,), valid_mae=0.9, default_valid_mae=1.0, space_sha256="b",
        search="c",
    )  # fmt: skip
    path.write_text(tuned_text(TunedConfig(model=model, config={"optimisation": {"epochs": 3}}, tuning=note), []))
    return path


def test_models_as_they_are_registered_need_no_word() -> None:
    assert settings_notes(study(["lnln", "text-only"])) == ()


def test_what_all_are_trained_with_is_said_once() -> None:
    notes = settings_notes(study(["lnln", "misa"], {"epochs": 8, "learning_rate": 0.001}))
    assert notes == ("Every model is trained with epochs 8 and learning_rate 0.001.",)


def test_settings_given_by_the_study_are_named_and_shared_ones_named_together() -> None:
    given = {"width": 64, "optimisation": {"epochs": 5}}
    models = [{"name": "lnln", "config": given}, "misa", {"name": "late-fusion-dropout", "config": given, "label": "x"}]
    notes = settings_notes(study(models, {"patience": 4}))
    assert notes == (
        "Every model is trained with patience 4, unless its own settings say otherwise.",
        "Settings of lnln and x: given by the study (width 64 and epochs 5).",
    )


def test_long_lists_end() -> None:
    given = {f"f{i}": i for i in range(9)}
    (note,) = settings_notes(study([{"name": "lnln", "config": given}]))
    assert note.endswith("(f0 0, f1 1, f2 2, f3 3, f4 4, f5 5 and 3 more).")


@pytest.mark.parametrize(
    ("folds", "how"),
    [
        (None, "found by a search of 20 trials on validation data of mosi/official."),
        (5, "found by a search of 20 trials, cross-validated over training and validation videos of mosi/official."),
    ],
)
def test_a_search_is_told_with_its_data_and_budget(tmp_path: Path, folds: int | None, how: str) -> None:
    file = searched(tmp_path / "best.yaml", "lnln", 20, folds)
    assert settings_notes(study([f"lnln={file}", "misa"])) == (f"Settings of lnln-tuned: {how}",)
