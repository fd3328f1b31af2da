"""Stored studies with models that were renamed later: their stored runs decide which model is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from baselines.facts import model_settings
from benchmark.runs.renamed import RENAMED, Renamed
from benchmark.study.study import ModelEntry, Study


def as_run(study: Study, root: Path) -> Study:
    """Return the study with the present names of models whose runs have the earlier one.

    A study names a model; its runs show which version ran. If the store has runs of the renamed version
    and none of a later one, the study means the renamed version.

    Args:
        study: The study as it was filed.
        root: Folder of the run store.
    """
    return study.model_copy(update={"models": [_entry(entry, study, root) for entry in study.models]})


def _entry(entry: ModelEntry, study: Study, root: Path) -> ModelEntry:
    for renamed in RENAMED:
        titles = [other.title for other in study.models]
        if entry.name == renamed.former and renamed.name not in titles and _has_former(entry, study, root, renamed):
            return entry.model_copy(update={"name": renamed.name, "config": _config(entry, study, renamed)})
    return entry


def _config(entry: ModelEntry, study: Study, renamed: Renamed) -> dict[str, Any]:
    """Fields under the present name that give the settings of the earlier one."""
    own = entry.config.get("optimisation", {})
    optimisation = {k: v for k, v in renamed.optimisation.items() if k not in study.optimisation} | own
    return {**entry.config, "optimisation": optimisation}


def _has_former(entry: ModelEntry, study: Study, root: Path, renamed: Renamed) -> bool:
    config = _config(entry, study, renamed)
    wanted = {**config, "optimisation": {**study.optimisation, **config["optimisation"]}}
    versions = set()
    for path in root.glob(f"*/*/{renamed.former}-s*/run.json"):
        spec = json.loads(path.read_text(encoding="utf-8")).get("spec", {})
        former = spec.get("model_version") == renamed.version
        if not former or spec.get("config") == model_settings(renamed.name, wanted):
            versions.add(former)
    return versions == {True}
