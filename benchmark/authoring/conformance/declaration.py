"""Checks of a model's declarations: name, info, config, stages, parameter groups."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

from pydantic import ValidationError

from baselines import Choice, ModelConfig, Stage
from benchmark.authoring.conformance.check import NotApplicable, Violation, check, require
from benchmark.authoring.conformance.subject import Subject
from protocols import MODALITIES

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CODE_HOST = re.compile(r"https?://(www\.)?(github|gitlab|bitbucket|huggingface|codeberg)\.")


@check("name", "lowercase words and digits joined by hyphens")
def name(subject: Subject) -> str:
    """Check that tables, file names and comma-separated options can contain the name."""
    found = getattr(subject.cls, "name", "")
    require(bool(_NAME.fullmatch(found)), f"name '{found}'; expected a form such as late-fusion-2")
    return ""


@check("info", "title, paper, year, links and differences are filled in")
def info(subject: Subject) -> str:
    """Check the fields that tables and the list of models print."""
    given = subject.cls.info
    for field in ("title", "paper"):
        text = getattr(given, field)
        require(bool(text.strip()) and text == " ".join(text.split()), f"ModelInfo.{field} is {text!r}")
    require(1950 < given.year < 2100, f"ModelInfo.year is {given.year}")
    require(not given.url or given.url.startswith(("http://", "https://")), f"ModelInfo.url is '{given.url}'")
    if _CODE_HOST.match(given.url):
        require(bool(given.licence), "ModelInfo.url leads to code, but licence is empty; write 'none' if it has none")
    require(set(given.modalities) <= set(MODALITIES), f"ModelInfo.modalities is {given.modalities}")
    require(len(set(given.modalities)) == len(given.modalities), f"ModelInfo.modalities repeats: {given.modalities}")
    for line in given.differences:
        require(len(line.split()) >= 4 and "\n" not in line, f"ModelInfo.differences holds no sentence: {line!r}")
    require(not given.differences or bool(given.url), "ModelInfo names differences from a paper, but no url of it")
    require(given.version >= 1, f"ModelInfo.version is {given.version}; expected 1 or more")
    return ""


@check("config", "frozen, refuses unknown fields, survives copy, pickle, JSON")
def config(subject: Subject) -> str:
    """Check the parts of a run's identity and record."""
    cls = subject.cls.config_class
    require(issubclass(cls, ModelConfig), f"{cls.__name__} is not a ModelConfig")
    require(
        type(subject.config) is cls, f"config_class is {cls.__name__}, the config a {type(subject.config).__name__}"
    )
    cls()
    for field in cls.model_fields:
        try:
            setattr(subject.config, field, getattr(subject.config, field))
        except ValidationError:
            continue
        raise Violation(f"field '{field}' can be set: the config is not frozen")
    try:
        cls.model_validate({"no_such_field": 1})
    except ValidationError:
        pass
    else:
        raise Violation("an unknown field is accepted: a misspelt setting would go unnoticed (extra='forbid')")
    ways: dict[str, Any] = {
        "copy.deepcopy": copy.deepcopy(subject.config),
        "JSON": cls.model_validate_json(subject.config.model_dump_json()),
    }
    if not subject.cls.info.variant_of:  # a variant's config is made at run time and cannot be found by its name
        ways["pickle"] = pickle.loads(pickle.dumps(subject.config))
    for way, other in ways.items():
        require(other == subject.config, f"after {way} the config differs")
    return ""


@check("search", "the search space has valid values of config fields")
def search(subject: Subject) -> str:
    """Check the declared search space: both ends of intervals, every choice."""
    cls = subject.cls.config_class
    if not cls.search:
        raise NotApplicable("the config declares no search space")
    for field, space in cls.search.items():
        values = space.values if isinstance(space, Choice) else (space.low, space.high)
        for value in values:
            try:
                cls.model_validate(_nested(cls(), field.split("."), value))
            except (ValidationError, KeyError) as error:
                reason = " ".join(str(error).split())
                raise Violation(f"search of '{field}': {value!r} makes an invalid config: {reason[:160]}") from error
    return ""


def _nested(values: Any, path: list[str], value: object) -> dict[str, Any]:
    """Replace one field of a config; KeyError for an unknown name."""
    found = {k: getattr(values, k) for k in type(values).model_fields}
    head, *rest = path
    if head not in found:
        raise KeyError(f"no field '{head}'")
    return {**{k: getattr(v, "model_dump", lambda v=v: v)() for k, v in found.items()}} | {
        head: _nested(found[head], rest, value) if rest else value
    }


@check("stages", "stages divide any budget; the last may choose the checkpoint")
def stages(subject: Subject) -> str:
    """Check budgets from nothing to large."""
    model = subject.build()
    if not any(True for _ in model.parameters()):
        require(model.stages(10) == [], "a model without parameters names stages of training")
        return "no parameters, no stages"
    found: list[Stage] = []
    for epochs in (0, 1, 2, 3, 10, 101):
        found = model.stages(epochs)
        shares = [stage.epochs for stage in found]
        require(bool(found), f"a budget of {epochs} has no stages")
        require(sum(shares) == epochs, f"a budget of {epochs} is divided into {shares}")
        require(min(shares) >= min(epochs, 1), f"a budget of {epochs} has a stage of {min(shares)}: {shares}")
        require(found[-1].selects, f"the last stage, {found[-1].name}, does not choose the checkpoint")
        names = [stage.name for stage in found]
        require(len(set(names)) == len(names), f"stages share a name: {names}")
        require(all(stage.sweeps for stage in found), "a stage has no sweep")
    return ", ".join(stage.name for stage in found)


@check("groups", "groups hold the model's parameters, each once in a sweep")
def groups(subject: Subject) -> str:
    """Check the parameters that the optimiser of every sweep is given."""
    model = subject.build()
    names = {id(p): key for key, p in model.named_parameters()}
    if not names:
        raise NotApplicable("the model has no parameters")
    for stage in [s for epochs in (1, 10) for s in model.stages(epochs)]:
        for sweep in stage.sweeps:
            where = f"stage {stage.name}, sweep {sweep}"
            ids = [id(p) for group in model.parameter_groups(stage, sweep) for p in group.parameters]
            require(bool(ids), f"{where}: nothing is trained")
            require(set(ids) <= set(names), f"{where}: {len(set(ids) - set(names))} parameters are not the model's")
            twice = sorted({names[i] for i in ids if ids.count(i) > 1})
            require(not twice, f"{where}: {len(twice)} parameters in two groups, such as {twice[:1]}")
    return ""
