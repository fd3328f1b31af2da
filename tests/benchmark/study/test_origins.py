"""Tables say where settings come from that models are not registered with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.study.origins import settings_origins
from benchmark.study.plan import prepare
from benchmark.study.settings_file import TunedConfig, TunedOn, TuningNote, read_tuned, tuned_text
from benchmark.study.study import make_study
from benchmark.tables.comparison import compare_models, pair
from benchmark.tables.remarks import settings_lines
from tests.benchmark.fake_panel import fake_panel
from tests.samples import make_samples


@pytest.fixture(autouse=True)
def toy(own_home: Path) -> None:
    write_store(make_samples(), store_path("toy"))


def origins(models: list[Any], optimisation: dict[str, Any] | None = None) -> dict[str, str]:
    study = make_study({"datasets": ["toy"], "models": models, "optimisation": optimisation or {}})
    return settings_origins(study, prepare(study).runs)


def searched(path: Path, budget: int, folds: int | None = None, begun_at: TuningNote | None = None) -> Path:
    note = TuningNote(
        datasets=(TunedOn(dataset=f"data{budget}", split="official", data_sha256=f"{budget}"),), regime="uncertain",
        encoder="minilm", budget=budget, trial=1, folds=folds, seeds=(0,), valid_mae=0.9, first_valid_mae=1.0,
        space_sha256="b", search="c", begun_at=begun_at,
    )  # fmt: skip
    path.write_text(tuned_text(TunedConfig(model="lnln", config={"optimisation": {"epochs": 3}}, tuning=note), []))
    return path


def test_models_as_they_are_registered_need_no_word() -> None:
    assert origins(["lnln", "text-only"]) == {}


def test_settings_given_by_the_study_are_named() -> None:
    entry = {"name": "lnln", "config": {"width": 64, "optimisation": {"epochs": 5}}, "label": "small"}
    found = origins([entry, "misa"], {"epochs": 8, "learning_rate": 0.001})
    assert found == {
        "small": "as registered, but width 64, learning_rate 0.001 and epochs 5",
        "misa": "as registered, but epochs 8 and learning_rate 0.001",
    }


def test_long_lists_end() -> None:
    rates = {"epochs": 3, "patience": 2, "batch_size": 8, "learning_rate": 0.01, "weight_decay": 0.1, "clip_norm": 1.0}
    (found,) = origins(["lnln"], {**rates, "warmup": 0.1, "ema_decay": 0.5}).values()
    assert found.endswith("weight_decay 0.1, clip_norm 1 and 2 more")


def test_settings_that_choose_weights_of_some_models_are_listed() -> None:
    assert origins(["senti-ifusion", "lnln"]) == {}
    averaged = {"name": "senti-ifusion", "config": {"optimisation": {"ema_decay": 0.98, "tolerance": 2.0}}}
    (told,) = origins([averaged, "lnln"]).values()
    assert told == "as registered, but ema_decay 0.98 and tolerance 2, unlike others here"
    alike = origins(["senti-ifusion", "lnln"], {"ema_decay": 0.98, "tolerance": 2.0})
    assert set(alike.values()) == {"as registered, but ema_decay 0.98 and tolerance 2"}


def test_a_search_is_told_with_its_data_and_budget(tmp_path: Path) -> None:
    file = searched(tmp_path / "best.yaml", 20)
    found = origins([f"lnln={file}", "misa"], {"patience": 4})
    assert found["lnln-tuned"] == (
        "found by a search of 20 trials on validation data of data20/official, with patience 4 given by the study"
    )


def test_a_search_that_began_with_settings_found_by_another_tells_both(tmp_path: Path) -> None:
    first = read_tuned(searched(tmp_path / "first.yaml", 7), "lnln").tuning
    assert first is not None
    second = read_tuned(searched(tmp_path / "second.yaml", 1, 5, first), "lnln").tuning
    assert second is not None
    assert [seen.dataset for seen in second.seen] == ["data7", "data1"]
    assert origins([f"lnln={tmp_path / 'second.yaml'}"])["lnln-tuned"] == (
        "found by a search of 1 trial cross-validated over training and validation videos of data1/official, "
        "begun with settings found by a search of 7 trials on validation data of data7/official"
    )


def test_models_of_one_origin_are_named_together() -> None:
    panel = fake_panel(("lnln", "mult", "misa"), protocols=("complete",))
    alike = dict.fromkeys(("lnln", "mult", "misa"), "given")
    assert settings_lines(panel) == []
    assert settings_lines(replace(panel, settings=alike)) == ["Settings of all models: given."]
    own = {"lnln": "given", "misa": "found", "mult": "given", "absent": "found"}
    assert settings_lines(replace(panel, settings=own)) == [
        "Settings of lnln and mult: given.",
        "Settings of misa: found.",
    ]
    assert settings_lines(replace(panel, settings=own, external=frozenset({"misa", "mult"}))) == [
        "Settings of lnln: given."
    ]


def test_a_comparison_tells_the_settings_of_its_two() -> None:
    panel = replace(
        fake_panel(("lnln", "mult", "misa"), protocols=("complete",)), settings={"lnln": "found", "misa": "given"}
    )
    found = compare_models(pair(panel, "lnln", panel, "mult"), draws=20)
    assert [note.text for note in found.table().footnotes] == ["Settings of lnln: found."]
