"""From a study to its page: what `sentibench site` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from shlex import quote

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.statistics import DRAWS
from benchmark.figures.writing import replace_file
from benchmark.results.test_oracle import optimism_panels
from benchmark.runs.store import RunRecord, RunStore
from benchmark.site.bundle import Oracles, Progress, make_bundle
from benchmark.site.labels import describe_models
from benchmark.site.page import render
from benchmark.study.running import prepare, read_panels, study_folder
from benchmark.study.study import Plan, Study
from protocols import InputError


def build(
    study: Study,
    root: Path,
    out: Path,
    *,
    panels: Sequence[Panel] | None = None,
    oracles: Oracles | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> Path:
    """Write the interactive page of a study: one HTML file that needs no network.

    Args:
        study: The study.
        root: Folder of the run store.
        out: The file; `index.html` in it if it is a folder.
        panels: Results to show instead of those of the store, such as with rows made elsewhere.
        oracles: What choosing epochs on the test set would have given; by default what the study recorded of it.
        level: Of the intervals, and of telling models apart.
        draws: Bootstrap draws behind intervals and ranks.
        progress: Told before every protocol of every data set: how many are done, of how many.

    Returns:
        The file, written whole or not at all.

    Raises:
        InputError: when nothing of the study has been run, or the file cannot be written.
    """
    path = out / "index.html" if out.is_dir() else out
    if path.suffix.lower() not in {".html", ".htm"}:
        raise InputError(f"{out}: expected a file that ends in .html, or a folder that exists; name one")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a file; choose another name")
    shown = read_panels(study, root) if panels is None else panels
    plan = prepare(study)
    records = RunStore(root).records()
    filed = study_folder(study, root) / "study.yaml"
    bundle = make_bundle(
        study.name,
        shown,
        oracles=_oracles(plan, root, shown, records) if oracles is None else oracles,
        models=describe_models(plan),
        records=records,
        absent=_absent(plan, shown),
        command=f"sentibench run {quote(str(filed))} --out {quote(str(root))}",
        version=_version(),
        level=level,
        draws=draws,
        progress=progress,
    )
    text = render(bundle)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be made a folder ({error.strerror}); choose another") from error
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path


def _oracles(plan: Plan, root: Path, panels: Sequence[Panel], records: Sequence[RunRecord]) -> Oracles:
    """What the study recorded of choosing epochs on the test set; nothing where it was run without."""
    planned = {run.spec.id for run in plan.runs}
    if not any(record.tested_epochs for record in records if record.id in planned):
        return {}
    shown = {f"{panel.dataset}/{panel.split}" for panel in panels}
    found: dict[str, dict[str, Mapping[str, Panel]]] = {}
    for protocol in plan.protocols:
        for honest, chosen in optimism_panels(plan, root, protocol.name):
            if f"{honest.dataset}/{honest.split}" in shown:
                found.setdefault(f"{honest.dataset}/{honest.split}", {})[protocol.name] = chosen
    return found


def _absent(plan: Plan, panels: Sequence[Panel]) -> list[str]:
    """Data sets of a plan without any panel, as the study names them."""
    there = {panel.dataset for panel in panels}
    return list(dict.fromkeys(run.dataset for run in plan.runs if run.spec.dataset not in there))


def _version() -> str:
    try:
        return installed("sentibench")
    except PackageNotFoundError:
        return ""
