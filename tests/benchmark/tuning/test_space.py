"""Search spaces of models."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from baselines import Choice, Interval, ModelConfig, models, resolve_config
from baselines.search import Search
from benchmark.tuning.search import plan_tuning
from benchmark.tuning.space import read, search_space
from protocols import InputError
from tests.benchmark.tuning.toy import plugin, tuning


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

    with pytest.raises(InputError, match="logarithmic, but the search begins with 0"):
        search_space("x", Zero())


@pytest.mark.usefixtures("toy")
def test_only_the_fields_that_are_named_vary(tmp_path: Path) -> None:
    plan = plan_tuning(tuning(tmp_path, fields=("gain", "optimisation.learning_rate", "epochs"), epochs=(2, 1)))
    assert list(plan.space) == ["inner.gain", "optimisation.learning_rate", "optimisation.epochs"]
    assert plan.first == {"inner.gain": 1.5, "optimisation.learning_rate": 1e-3, "optimisation.epochs": 2}
    assert plan.id != plan_tuning(tuning(tmp_path)).id
    with pytest.raises(InputError, match=r"varies: 'inner\.gian'; did you mean inner\.gain"):
        plan_tuning(tuning(tmp_path, fields=("inner.gian",)))


@pytest.mark.usefixtures("toy")
def test_lengths_to_choose_among_are_searched_whatever_fields_are_named(tmp_path: Path) -> None:
    plan = plan_tuning(tuning(tmp_path, fields=("gain",), epochs=(2, 1)))
    assert list(plan.space) == ["inner.gain", "optimisation.epochs"]
    with pytest.raises(InputError, match="give these, such as 25, 12, 6"):
        plan_tuning(tuning(tmp_path, fields=("epochs",), epochs=(2,)))


@pytest.mark.usefixtures("toy")
def test_a_whole_name_comes_before_the_last_part_of_another(tmp_path: Path) -> None:
    space = '{"width": Choice(2, 4), "inner.width": Interval(0.5, 2.0)}'
    path = Path(plugin(tmp_path, space))
    path.write_text(path.read_text().replace("gain", "width"))
    wanted = tuning(tmp_path, plugins=(str(path),), fields=("width",))
    assert list(plan_tuning(wanted).space) == ["width"]
