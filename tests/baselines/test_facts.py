"""The table of facts says what the models say, and is left aside where it might not."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from baselines import facts, model_class, models, resolve_config
from benchmark.authoring.facts import table_text
from protocols import InputError

OWN = [n for n, cls in models().items() if cls.__module__.partition(".")[0] in ("baselines", "senti_ifusion")]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The table in use, as in a process that has imported no model."""
    monkeypatch.setattr(facts, "_usable", facts._table)
    return facts._table()


def test_the_table_is_what_the_models_say() -> None:
    text = facts.TABLE.read_text(encoding="utf-8")
    assert text == table_text(), "run: python -m benchmark.authoring.facts"


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("given", [{}, {"epochs": 3, "weight_decay": 0}])
def test_settings_are_those_of_the_model(table: Mapping[str, Any], name: str, given: dict[str, Any]) -> None:
    expected = resolve_config(name, {"optimisation": given}).model_dump(mode="json")
    assert json.dumps(facts.model_settings(name, {"optimisation": given})) == json.dumps(expected)
    assert facts.model_info(name) == model_class(name).info
    assert facts.model_plugin(name) == ""


@pytest.mark.parametrize("name", OWN)
def test_fields_are_checked_as_the_model_does(table: Mapping[str, Any], name: str) -> None:
    """Every field with values around its limits: what the table takes, the model takes and files with the same bits."""
    taken = 0
    for field, default in table[name]["config"].items():
        for value in (default, 0, 1, 3, 8, 0.5, 1.0, -1, math.nan, True, "mean", "1", None):
            own = facts._checked(name, {field: value}) if field != "optimisation" else None
            if own is not None:
                expected = resolve_config(name, {field: value}).model_dump(mode="json")
                assert json.dumps({**table[name]["config"], **own}) == json.dumps(expected)
                taken += 1
    assert taken > len(table[name]["config"]) or not table[name]["fields"]


def test_other_fields_and_errors_are_left_to_the_model(table: Mapping[str, Any]) -> None:
    assert facts.model_settings("mult", {"width": 60})["width"] == 60
    with pytest.raises(InputError, match="width"):
        facts.model_settings("mult", {"width": "wide"})
    with pytest.raises(InputError, match="depth"):
        facts.model_settings("mult", {"depth": 2})
    with pytest.raises(InputError, match="epochs"):
        facts.model_settings("mult", {"optimisation": {"epochs": -1}})
    with pytest.raises(InputError, match="did you mean lnln"):
        facts.model_info("lnl")


def test_a_table_of_other_code_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "code_sha256", lambda: "edited since")
    assert facts._table.__wrapped__() == {}


def test_models_of_this_process_take_precedence() -> None:
    assert facts._usable() == {}
    assert facts.model_names() == list(models())
