"""Origin of the settings of a study's models, in words for readers of its tables.

A model has its registered settings unless a study gives it others. A table has to state this, as a search for one
model and none for the next is not a fair comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmark.runs.spec import ORACLE
from benchmark.study.plan import PlannedRun
from benchmark.study.settings_file import TuningNote
from benchmark.study.study import ModelEntry, Study
from benchmark.words import listed, plural

#: Maximum number of settings given by a study that are named.
NAMED = 6
#: Settings of how the predicting weights are chosen or averaged: given to some models only, they are an advantage.
_CHECKPOINT = ("ema_decay", "tolerance")


def settings_origins(study: Study, runs: Sequence[PlannedRun]) -> dict[str, str]:
    """Return the origin of settings by model of a study, without models that have their registered settings.

    Args:
        study: The study.
        runs: Runs of one data set, with resolved settings.
    """
    texts = {entry.title: _origin(entry, study.optimisation) for entry in study.models}
    for model, checkpoint in _checkpoints(runs).items():
        own = texts[model] or "as registered"
        texts[model] = f"{own if checkpoint in own else f'{own}, with {checkpoint}'}, unlike others here"
    return {model: text for model, text in texts.items() if text}


def _origin(entry: ModelEntry, shared: Mapping[str, Any]) -> str:
    own = entry.config.get("optimisation", {})
    given = {name: value for name, value in shared.items() if name not in own}
    if entry.tuning is None:
        named = _named(_leaves({**entry.config, "optimisation": {**given, **own}}))
        return f"as registered, but {named}" if named else ""
    return search_text(entry.tuning) + (f", with {_named(_leaves(given))} given by the study" if given else "")


def search_text(note: TuningNote) -> str:
    """Describe the search that found settings: `found by a search of 20 trials on validation data of mosi/official`."""
    data = listed([f"{seen.dataset}/{seen.split}" for seen in note.datasets])
    way = "cross-validated over training and validation videos" if note.folds else "on validation data"
    begun = f", begun with settings {search_text(note.begun_at)}" if note.begun_at else ""
    return f"found by a search of {plural(note.budget, 'trial')} {way} of {data}{begun}"


def _checkpoints(runs: Iterable[PlannedRun]) -> dict[str, str]:
    """Describe how weights are chosen, by model, for models that differ from others."""
    done: dict[str, dict[str, float]] = {}
    for run in runs:
        if run.spec.model != ORACLE:
            given = run.spec.config["optimisation"]
            done[run.label] = {name: given[name] for name in _CHECKPOINT if given[name]}
    alike = all(one == next(iter(done.values())) for one in done.values())
    return {} if alike else {model: _named(own.items()) for model, own in done.items() if own}


def _leaves(values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return fields with their values; nested ones by their own name."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield name, value


def _named(fields: Iterable[tuple[str, Any]]) -> str:
    """Format fields: `epochs 8 and learning_rate 0.001`."""
    texts = [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in fields]
    more = [f"{len(texts) - NAMED} more"] if len(texts) > NAMED else []
    return listed([*texts[:NAMED], *more])
