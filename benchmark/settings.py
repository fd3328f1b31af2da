"""Where the settings of a study's models come from, in sentences for whoever reads its tables.

A model has the settings that it is registered with unless a study gives it others; then every table has to say so, as
a search for one model and none for the next is no fair contest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from benchmark.report.words import plural
from benchmark.study import ModelEntry, Study
from benchmark.tuning.tuned import TuningNote

#: Of the settings given to a model by hand, so many are named.
NAMED = 6


def settings_notes(study: Study) -> tuple[str, ...]:
    """One sentence on what all models are trained with, and one for models that share settings of another origin.

    Returns:
        Empty where every model has the settings that it is registered with.
    """
    notes = []
    if study.optimisation:
        own = any("optimisation" in entry.config for entry in study.models)
        unless = ", unless its own settings say otherwise" if own else ""
        notes.append(f"Every model is trained with {_named(_leaves(study.optimisation))}{unless}.")
    sharing: dict[str, list[str]] = defaultdict(list)
    for entry in study.models:
        origin = _origin(entry)
        if origin:
            sharing[origin].append(entry.title)
    return (*notes, *(f"Settings of {_and(titles)}: {origin}." for origin, titles in sharing.items()))


def _origin(entry: ModelEntry) -> str:
    if entry.tuning:
        return _search(entry.tuning)
    return f"given by the study ({_named(_leaves(entry.config))})" if entry.config else ""


def _search(note: TuningNote) -> str:
    data = _and([f"{seen.dataset}/{seen.split}" for seen in note.datasets])
    trials = plural(note.budget, "trial")
    if note.folds:
        return f"found by a search of {trials}, cross-validated over training and validation videos of {data}"
    return f"found by a search of {trials} on validation data of {data}"


def _leaves(values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Fields with their values; those inside others by their own name."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield name, value


def _named(fields: Iterable[tuple[str, Any]]) -> str:
    """`epochs 8, learning_rate 0.001`."""
    texts = [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in fields]
    more = [f"{len(texts) - NAMED} more"] if len(texts) > NAMED else []
    return _and([*texts[:NAMED], *more])


def _and(texts: list[str]) -> str:
    return ", ".join(texts[:-1]) + f" and {texts[-1]}" if texts[1:] else "".join(texts)
