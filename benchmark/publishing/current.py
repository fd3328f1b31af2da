"""Record of the runs that the tables and figures of a study were made from, so that they are not made twice."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path

from benchmark.files import replace_text
from benchmark.runs.record import RECORD
from benchmark.runs.store import RunStore
from benchmark.study.filing import study_folder
from benchmark.study.plan import Plan

_NAME = "written.json"


def mark_current(plan: Plan, root: Path, files: Iterable[Path]) -> None:
    """Record that these files were made from the runs of a study in their present state."""
    folder = study_folder(plan.study, root)
    times = {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}
    replace_text(folder / _NAME, json.dumps({"made_from": _runs(plan, root), "files": times}, indent=1) + "\n")


def is_current(plan: Plan, root: Path) -> bool:
    """Return True if neither runs, study, version of the suite nor files have changed since `mark_current`."""
    folder = study_folder(plan.study, root)
    try:
        known = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        unchanged = all((folder / name).stat().st_mtime_ns == time for name, time in known["files"].items())
        return bool(unchanged and known["made_from"] == _runs(plan, root))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _runs(plan: Plan, root: Path) -> str:
    store = RunStore(root)
    parts = [importlib.metadata.version("sentibench"), plan.study.model_dump_json()]
    parts += [f"{run.spec.id} {(store.folder(run.spec) / RECORD).stat().st_mtime_ns}" for run in plan.runs]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
