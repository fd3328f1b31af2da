"""Registry of models by name.

>>> from baselines import create, InputSpec
>>> model = create("late-fusion-dropout", InputSpec(text=384, audio=5, vision=20))

A name comes from one of three places: the models of this package, the entry points of installed distributions (group
`sentibench.models`, each naming a module that registers its models when imported), and plugin files.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import ValidationError, create_model

from baselines.interface import InputSpec, ModelConfig, ModelInfo, Optimisation, SentimentModel
from baselines.layers.dropout import with_fast_dropout
from protocols import InputError, Registry, origin_of, unknown_name

ENTRY_POINTS = "sentibench.models"

#: Model -> module of this package that registers it. Imported when the model is first used.
_BUILT_IN = {
    "constant": "baselines.constant",
    "text-only": "baselines.unimodal",
    "audio-only": "baselines.unimodal",
    "vision-only": "baselines.unimodal",
    "late-fusion-dropout": "baselines.late_fusion",
    "misa": "baselines.misa",
    "self-mm": "baselines.self_mm",
    "mmim": "baselines.mmim",
    "cenet": "baselines.cenet",
    "tetfn": "baselines.tetfn",
    "tfr-net": "baselines.tfr_net",
    "almt": "baselines.almt",
    "lnln": "baselines.lnln",
    "ef-lstm": "baselines.ef_lstm",
    "lf-dnn": "baselines.lf_dnn",
    "tfn": "baselines.tfn",
    "lmf": "baselines.lmf",
    "mfn": "baselines.mfn",
    "mult": "baselines.mult",
    "mag-bert": "baselines.mag_bert",
    "emt-dlfr": "baselines.emt_dlfr",
    "p-rmf": "baselines.p_rmf",
    "mmin": "baselines.mmin",
    "mplmm": "baselines.mplmm",
    "dmd": "baselines.dmd",
    "dlf": "baselines.dlf",
    "kuda": "baselines.kuda",
    "tmdc": "baselines.tmdc",
    "hme": "baselines.hme",
    "cmad": "baselines.cmad",
    "imder": "baselines.imder",
}
_MODELS: Registry[type[SentimentModel]] = Registry("model", ENTRY_POINTS, _BUILT_IN)

C = TypeVar("C", bound=type[SentimentModel])


def register(name: str, *, config: type[ModelConfig], info: ModelInfo) -> Callable[[C], C]:
    """Register a model class under `name`; a class decorator.

    Raises:
        InputError: If another class has the name.
    """

    def decorate(cls: C) -> C:
        _MODELS.add(name, cls, origin_of(cls))
        cls.name, cls.info, cls.config_class = name, info, config
        return cls

    return decorate


def register_variant(
    name: str, base: type[SentimentModel], changes: Mapping[str, object], *, title: str, mask_informed: bool = False
) -> type[SentimentModel]:
    """Register a model under a further name with other defaults, such as one row of an ablation.

    Args:
        name: Name of the variant.
        base: Class of the model.
        changes: Config fields and their new defaults.
        title: Title in tables, which states the difference from the base.
        mask_informed: True if the changes let the model read `Batch.observed` and `Batch.integrity`.

    Raises:
        InputError: For a field unknown to the base, a bad value, or a name that is taken.
    """
    resolve_config(base.name, changes)
    fields: dict[str, Any] = {}
    for field, value in changes.items():
        known = copy.copy(base.config_class.model_fields[field])
        known.default = value
        fields[field] = (known.annotation, known)
    parent = base.config_class
    build: Callable[..., type[ModelConfig]] = create_model
    config = build(f"{parent.__name__}[{name}]", __base__=parent, __doc__=parent.__doc__, **fields)
    variant = type(base.__name__, (base,), {"__module__": base.__module__, "__doc__": base.__doc__})
    variant.__qualname__ = f"{base.__qualname__}[{name}]"
    info = replace(base.info, title=title, variant_of=base.name, mask_informed=mask_informed or base.info.mask_informed)
    return register(name, config=config, info=info)(variant)


def model_class(name: str) -> type[SentimentModel]:
    """Return the class registered under `name`; raises InputError with the nearest names for an unknown one."""
    return _MODELS.get(name, hint="(one of your own: put it into a file and name that with --plugin)")


def models() -> dict[str, type[SentimentModel]]:
    """Return all models by name."""
    return _MODELS.all()


def resolve_config(name: str, values: Mapping[str, object] | ModelConfig | None = None) -> ModelConfig:
    """Return the config of a model from the fields that differ from its defaults.

    Raises:
        InputError: For an unknown field or a bad value; it names the field.
    """
    cls = model_class(name).config_class
    if isinstance(values, ModelConfig):
        if not isinstance(values, cls):
            raise InputError(f"model '{name}' takes a {cls.__name__}, found a {type(values).__name__}")
        return values
    merged = dict(values or {})
    optimisation = merged.get("optimisation")
    if isinstance(optimisation, Mapping):  # omitted fields keep the model's default, not the base class's
        merged["optimisation"] = {**cls().optimisation.model_dump(), **optimisation}
    try:
        return cls.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            fields = [*cls.model_fields, *(f"optimisation.{field}" for field in Optimisation.model_fields)]
            if where.startswith("optimisation."):
                fields = list(Optimisation.model_fields)
            raise unknown_name(f"config field of model '{name}'", where.rsplit(".", 1)[-1], fields) from None
        found = f"{first['msg']}; found {first['input']!r}"
        field = f", config field '{where}'" if where else ""  # none where several fields do not fit together
        raise InputError(f"model '{name}'{field}: {found}") from None


def create(name: str, spec: InputSpec, config: Mapping[str, object] | ModelConfig | None = None) -> SentimentModel:
    """Build a model for given input sizes; weights are drawn from torch's current generator."""
    model = model_class(name)(spec, resolve_config(name, config))
    with_fast_dropout(model)
    return model
