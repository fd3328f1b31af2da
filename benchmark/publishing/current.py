"""Record of the runs that the tables and figures of a study were made from, so that they are not made twice."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.files import replace_text
from benchmark.runs.record import RECORD
from benchmark.runs.store import RunStore
from benchmark.study.filing import study_folder
from benchmark.study.plan import Plan

_NAME = "written.json"


def mark_current(plan: Plan, root: Path, files: Iterable[Path]) -> None:
    """Record that these files were made from the runs of a study in their present state.

    Files of the record before that were not made again, such as figures of a data set that the study no longer has, are
    removed unless they have changed since.
    """
    folder = study_folder(plan.study, root)
    times = {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}
    for name in _unchanged(folder) - times.keys():
        (folder / name).unlink()
    replace_text(folder / _NAME, json.dumps({"made_from": _runs(plan, root), "files": times}, indent=1) + "\n")


def is_current(plan: Plan, root: Path) -> bool:
    """Return True if neither runs, study, version of the suite nor files have changed since `mark_current`."""
    folder = study_folder(plan.study, root)
    known = _record(folder)
    try:
        return known.get("made_from") == _runs(plan, root) and _unchanged(folder) == known["files"].keys()
    except OSError:  # a run is gone
        return False


def _record(folder: Path) -> dict[str, Any]:
    """Return the record of a study's folder; empty without one, and for a damaged one."""
    try:
        known = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        return {"made_from": str(known["made_from"]), "files": dict(known["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _unchanged(folder: Path) -> set[str]:
    """Return the files of the record that are as they were written."""
    times = _record(folder).get("files", {})
    inside = (name for name in times if ".." not in Path(name).parts and (folder / name).is_file())
    return {name for name in inside if (folder / name).stat().st_mtime_ns == times[name]}


def _runs(plan: Plan, root: Path) -> str:
    store = RunStore(root)
    parts = [importlib.metadata.version("sentibench"), plan.study.model_dump_json()]
    parts += [f"{run.spec.id} {(store.folder(run.spec) / RECORD).stat().st_mtime_ns}" for run in plan.runs]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
