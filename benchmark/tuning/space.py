"""Search space of a model: the ranges that its config declares, its rates, and always the initial values.

A field is named as in the config, `a.b` for nested ones. The learning rate is searched from a tenth to ten times its
first value, weight decay among powers of ten, unless the config declares otherwise; epochs if there are several
lengths to choose among.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import ValidationError

from baselines import Choice, Interval, ModelConfig, model_class
from baselines.search import Search
from protocols import InputError, unknown_name

LEARNING_RATE = "optimisation.learning_rate"
ENCODER_LEARNING_RATE = "optimisation.encoder_learning_rate"
WEIGHT_DECAY = "optimisation.weight_decay"
EPOCHS = "optimisation.epochs"
WEIGHT_DECAYS = (0.0, 1e-5, 1e-4, 1e-3, 1e-2)

Value: TypeAlias = float | int | str | bool | None
#: Values by field.
Fields: TypeAlias = dict[str, Value]
Space: TypeAlias = dict[str, Search]


def search_space(
    model: str, base: ModelConfig, finetune: bool = False, epochs: Sequence[int] = (), fields: Sequence[str] = ()
) -> Space:
    """Return the ranges that the search of a model covers, by field; they always contain the values of `base`.

    Args:
        model: Registered name.
        base: Config that the search starts from.
        finetune: True if a text encoder is trained: its learning rate is then searched like the model's.
        epochs: Maximum number of epochs; several are searched.
        fields: Fields to vary, beside epochs if there are several, each by its whole name or its last part; empty:
            all.

    Raises:
        InputError: for a declared field that is missing from the config, a value that it does not accept, an interval
            on a logarithmic scale whose first value is not positive, or fields that are not searched.
    """
    declared = type(base).search
    values = base.model_dump(mode="json")
    space: Space = {}
    for field, search in declared.items():
        _check(model, base, values, field, search)
        space[field] = _with_first(model, field, search, read(values, field))
    rates = [LEARNING_RATE, ENCODER_LEARNING_RATE] if finetune else [LEARNING_RATE]
    for field in rates:
        rate = float(read(values, field))
        space.setdefault(field, Interval(_round(0.1 * rate), _round(10.0 * rate), log=True))
    decay = float(read(values, WEIGHT_DECAY))
    space.setdefault(WEIGHT_DECAY, Choice(*sorted({*WEIGHT_DECAYS, decay})))
    if len(epochs) > 1:
        space[EPOCHS] = Choice(*sorted({*epochs, int(read(values, EPOCHS))}))
    chosen = {_searched(model, space, asked) for asked in fields} or set(space)
    return {field: search for field, search in space.items() if field in chosen or field == EPOCHS}


def describe(search: Search) -> str:
    """Describe a range: `64, 128, 256` or `0.0001 to 0.01 (log)`."""
    if isinstance(search, Choice):
        return ", ".join(map(str, search.values))
    return f"{search.low:g} to {search.high:g}" + (" (log)" if search.log else "")


def space_content(space: Space) -> dict[str, Any]:
    """Return the space as plain values, for files and hashes."""
    return {
        field: {"choice": list(search.values)}
        if isinstance(search, Choice)
        else {"low": search.low, "high": search.high, "log": search.log, "whole": search.whole}
        for field, search in space.items()
    }


def space_sha256(space: Space) -> str:
    """Return the sha256 of the space: equal for equal fields and values, whatever the order of fields."""
    return hashlib.sha256(json.dumps(space_content(space), sort_keys=True).encode()).hexdigest()


def read(values: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field, `a.b` for nested ones, in the dump of a config; KeyError if there is none."""
    found: Any = values
    for part in field.split("."):
        if not isinstance(found, Mapping):
            raise KeyError(field)
        found = found[part]
    return found


def replaced(values: Mapping[str, Any], fields: Mapping[str, Value]) -> dict[str, Any]:
    """Return the dump of a config with other values in some fields."""
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for field, value in fields.items():
        *parents, last = field.split(".")
        owner = result
        for part in parents:
            owner = owner[part]
        owner[last] = value
    return result


def differing(model: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a resolved config, as dumped, that differ from the model's defaults, for a study file."""
    default = model_class(model).config_class().model_dump(mode="json")
    found = {k: v for k, v in config.items() if k != "optimisation" and v != default.get(k)}
    usual = default["optimisation"]
    rates = {k: v for k, v in config["optimisation"].items() if v != usual.get(k)}
    return {**found, **({"optimisation": rates} if rates else {})}


def _searched(model: str, space: Space, asked: str) -> str:
    """Find the field of a space with a name, in full or in short."""
    if asked in space:
        return asked
    found = [field for field in space if asked == field.rpartition(".")[2]]
    if len(found) == 1:
        return found[0]
    if asked in (EPOCHS, EPOCHS.rpartition(".")[2]):
        raise InputError("fields: epochs vary only among several lengths of training; give these, such as 25, 12, 6")
    raise unknown_name(f"field that the search of '{model}' varies:", asked, space)


def _check(model: str, base: ModelConfig, values: Mapping[str, Any], field: str, search: Search) -> None:
    where = f"search space of model '{model}'"
    try:
        first = read(values, field)
    except KeyError:
        raise unknown_name(f"field of the {where}:", field, _leaves(values)) from None
    if isinstance(first, (Mapping, list)):
        raise InputError(f"{where}: '{field}' holds several values; declare its fields one by one, such as '{field}.x'")
    path = tuple(field.split("."))
    for value in search.values if isinstance(search, Choice) else (search.low, search.high):
        try:
            type(base).model_validate(replaced(values, {field: value}))
        except ValidationError as error:
            # Other errors concern combinations of fields, which are checked when they are tried.
            own = next((e for e in error.errors() if e["loc"][: len(path)] == path), None)
            if own:
                raise InputError(f"{where}: field '{field}' cannot be {value!r}: {own['msg']}") from None


def _with_first(model: str, field: str, search: Search, value: Value) -> Search:
    """Return the range with the first value in it."""
    if isinstance(search, Choice):
        return search if value in search.values else Choice(value, *search.values)
    where = f"search space of model '{model}', field '{field}'"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{where}: an interval, but the search begins with {value!r}; declare a Choice")
    if search.log and value <= 0:
        raise InputError(f"{where}: logarithmic, but the search begins with {value!r}; declare it without log")
    if search.low <= value <= search.high:
        return search
    return Interval(min(search.low, value), max(search.high, value), search.log)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    names: list[str] = []
    for name, value in values.items():
        names += _leaves(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [prefix + name]
    return names


def _round(value: float) -> float:
    """Round off the last bits after a multiplication by ten."""
    return float(f"{value:.12g}")
