"""Finding models by name.

>>> from baselines import create, InputSpec
>>> model = create("late-fusion-dropout", InputSpec(text=384, audio=5, vision=20))

A name is found in three places: the models of this package, the entry points of installed distributions (group
`sentibench.models`, each naming a module that registers its models when imported), and plugin files.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from baselines.interface import InputSpec, ModelConfig, ModelInfo, Optimisation, SentimentModel
from protocols import InputError, unknown_name

ENTRY_POINTS = "sentibench.models"

#: Model -> module of this package that registers it. Imported when the model is first asked for.
_BUILT_IN = {
    "constant": "baselines.constant",
    "text-only": "baselines.unimodal",
    "audio-only": "baselines.unimodal",
    "vision-only": "baselines.unimodal",
    "late-fusion-dropout": "baselines.late_fusion",
    "lnln": "baselines.lnln",
}
_REGISTERED: dict[str, type[SentimentModel]] = {}

C = TypeVar("C", bound=type[SentimentModel])


def register(name: str, *, config: type[ModelConfig], info: ModelInfo) -> Callable[[C], C]:
    """Class decorator: makes a model known under `name`.

    Raises:
        InputError: if another class has the name.
    """

    def decorate(cls: C) -> C:
        known = _REGISTERED.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise InputError(f"model '{name}' is already registered by {known.__module__}.{known.__qualname__}")
        cls.name, cls.info, cls.config_class = name, info, config
        _REGISTERED[name] = cls
        return cls

    return decorate


def model_class(name: str) -> type[SentimentModel]:
    """The class registered under `name`; raises InputError with the nearest names."""
    if name not in _REGISTERED and name in _BUILT_IN:
        importlib.import_module(_BUILT_IN[name])
    if name not in _REGISTERED:
        broken = _load_entry_points()
        if name not in _REGISTERED:
            raise unknown_name("model", name, {*_BUILT_IN, *_REGISTERED}, hint="; ".join(broken))
    return _REGISTERED[name]


def models() -> dict[str, type[SentimentModel]]:
    """Every model that can be found, by name."""
    for module in dict.fromkeys(_BUILT_IN.values()):
        importlib.import_module(module)
    for problem in _load_entry_points():
        warnings.warn(problem, stacklevel=2)
    order = {name: i for i, name in enumerate(_BUILT_IN)}
    return dict(sorted(_REGISTERED.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def resolve_config(name: str, values: Mapping[str, object] | ModelConfig | None = None) -> ModelConfig:
    """The config of a model from the fields that differ from its defaults.

    Raises:
        InputError: naming the field that is unknown or has a bad value.
    """
    cls = model_class(name).config_class
    if isinstance(values, ModelConfig):
        if not isinstance(values, cls):
            raise InputError(f"model '{name}' takes a {cls.__name__}, found a {type(values).__name__}")
        return values
    merged = dict(values or {})
    optimisation = merged.get("optimisation")
    if isinstance(optimisation, Mapping):  # what is not given keeps the model's own default, not the base class's
        merged["optimisation"] = {**cls().optimisation.model_dump(), **optimisation}
    try:
        return cls.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            owner = Optimisation if where.startswith("optimisation.") else cls
            raise unknown_name(
                f"config field of model '{name}'", where.rsplit(".", 1)[-1], owner.model_fields
            ) from None
        found = f"{first['msg']}; found {first['input']!r}"
        raise InputError(f"model '{name}', config field '{where}': {found}") from None


def create(name: str, spec: InputSpec, config: Mapping[str, object] | ModelConfig | None = None) -> SentimentModel:
    """Build a model for given input sizes; weights are drawn from torch's current generator."""
    return model_class(name)(spec, resolve_config(name, config))


def load_plugin(path: str | Path) -> list[str]:
    """Import a Python file and return the names of the models that it registered.

    Raises:
        InputError: if the file is missing, fails to import, or registers nothing.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise InputError(f"plugin {path}: no such file")
    before = dict(_REGISTERED)
    module_name = f"sentibench_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path}: not a Python file; give one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"plugin {path}: {type(error).__name__}: {error}") from error
    new = [name for name, cls in _REGISTERED.items() if before.get(name) is not cls]
    if not new:
        raise InputError(f"plugin {path} registers no model; decorate the class with @register('name', ...)")
    return new


def _load_entry_points() -> list[str]:
    """Import the modules that installed distributions name; what cannot be imported is returned, a line each."""
    broken = []
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:  # noqa: BLE001 - whatever a foreign module does on import must not hide the other models
            broken.append(f"(entry point {entry.name} = {entry.value} cannot be imported: {error})")
    return broken
