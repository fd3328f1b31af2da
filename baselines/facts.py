"""Facts of the models of this suite, known without importing the models, which takes seconds.

They come from a table that `python -m benchmark.authoring.facts` writes. It is used while no model is imported and the
code of the models is the code that it was written from; otherwise the facts come from the models.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import operator
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines.declaration import ModelInfo, Optimisation
from protocols import plugin_sha256

TABLE = Path(__file__).with_name("facts.json")
#: Packages of this suite that hold models.
PACKAGES = ("baselines", "senti_ifusion")
#: Types of values by type of JSON schema, and its rules; other values are left to the model's own check.
TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,), "string": (str,)}
RULES: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
    "multipleOf": lambda value, unit: value % unit == 0,
    "enum": lambda value, known: value in known,
}


def model_names() -> list[str]:
    """Names of all models, in the order of the registry."""
    from_elsewhere = any(
        entry.module.partition(".")[0] not in PACKAGES
        for entry in importlib.metadata.entry_points(group="sentibench.models")
    )
    if from_elsewhere or not _usable():
        from baselines.registry import models

        return list(models())
    return list(_usable())


def model_info(name: str) -> ModelInfo:
    """Return the declaration of a model; raises InputError for an unknown name."""
    if name in _usable():
        fields: dict[str, Any] = _usable()[name]["info"]
        given: dict[str, Any] = {field: tuple(v) if isinstance(v, list) else v for field, v in fields.items()}
        return ModelInfo(**given)
    from baselines.registry import model_class

    return model_class(name).info


def model_parameters(name: str) -> int:
    """Return the number of parameters of a model, as `baselines.standin.parameter_count` does."""
    if name in _usable():
        return int(_usable()[name]["parameters"])
    from baselines.standin import parameter_count

    return parameter_count(name)


def known_operations(name: str) -> int | None:
    """Return the floating point operations of one prediction; None for a model that is not of this suite."""
    found = _table().get(name)
    return None if found is None else int(found["operations"])


def model_plugin(name: str) -> str:
    """Return the `plugin_sha256` of a model: empty for one of this suite; raises InputError for an unknown name."""
    if name in _usable():
        return ""
    from baselines.registry import model_class

    return plugin_sha256(model_class(name))


def model_settings(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole config of a model as plain values, from the fields that differ from its defaults.

    Raises:
        InputError: For an unknown name or field, or a bad value.
    """
    values = {"optimisation": {}, **values}
    if name in _usable() and (own := _checked(name, values)) is not None:
        default = _usable()[name]["config"]
        try:
            chosen = Optimisation.model_validate({**default["optimisation"], **values["optimisation"]})
            return {**default, **own, "optimisation": chosen.model_dump(mode="json")}
        except ValidationError:
            pass  # the model's own check names the field
    from baselines.registry import resolve_config

    return resolve_config(name, values).model_dump(mode="json")


def _checked(name: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the given fields beside `optimisation` if the table alone shows that they are right; else None."""
    fields: dict[str, dict[str, Any]] = _usable()[name]["fields"]
    checked: dict[str, Any] = {}
    for field, value in values.items():
        if field == "optimisation":
            continue
        rules = fields.get(field, {})
        if type(value) not in TYPES.get(rules.get("type", ""), ()) or value in (math.inf, -math.inf) or value != value:
            return None
        if not all(RULES[rule](value, limit) for rule, limit in rules.items() if rule != "type"):
            return None
        checked[field] = float(value) if rules["type"] == "number" else value
    return checked


def _usable() -> dict[str, Any]:
    """Return the table, or nothing where it is not needed or not current."""
    return {} if "baselines.registry" in sys.modules else _table()


@cache
def _table() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return content["models"] if content["code"] == code_sha256() else {}


def code_sha256() -> str:
    """Return the sha256 of the code of all models of this suite."""
    digest = hashlib.sha256()
    root = TABLE.parents[1]
    for file in sorted(file for package in PACKAGES for file in (root / package).rglob("*.py")):
        digest.update(f"{file.relative_to(root).as_posix()}\n{file.read_text(encoding='utf-8')}".encode())
    return digest.hexdigest()
