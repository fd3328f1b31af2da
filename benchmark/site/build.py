"""Building of the page of a study, as in `sentibench site`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.statistics import DRAWS
from benchmark.files import replace_text
from benchmark.results.study_results import StudyResults
from benchmark.site.bundle import Oracles, Progress, make_bundle
from benchmark.site.labels import describe_models
from benchmark.site.page import render
from protocols import InputError


def build(
    results: StudyResults | Sequence[StudyResults],
    out: Path,
    *,
    oracles: Oracles | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> Path:
    """Write the interactive page of one or several studies: one HTML file that needs no network.

    Args:
        results: Results of a study, or of several: each data set and training regime once.
        out: File to write; `index.html` in it for a folder.
        oracles: Results of epochs chosen on the test set; default: as recorded by the study.
        level: Confidence level of intervals, ranks and bold.
        draws: Number of bootstrap draws behind intervals and ranks.
        progress: Function of (done, total), called after every protocol of every data set.

    Returns:
        The file, written whole or not at all.

    Raises:
        InputError: if there are no results, two studies share a data set and regime, or the file cannot be written.
    """
    studies = (results,) if isinstance(results, StudyResults) else tuple(results)
    path = out / "index.html" if out.is_dir() else out
    if path.suffix.lower() not in {".html", ".htm"}:
        raise InputError(f"{out}: expected a file that ends in .html, or a folder that exists; name one")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a file; choose another name")
    gaps = [(study, absent) for study in studies if (absent := _absent(study))]
    bundle = make_bundle(
        ", ".join(study.name for study in studies),
        [panel for study in studies for panel in study.panels],
        oracles={data: by for study in studies for data, by in _oracles(study).items()} if oracles is None else oracles,
        models={row: facts for study in studies for row, facts in describe_models(study).items()},
        records=lambda ids: [record for study in studies for record in study.records_of(ids)],
        absent=[name for _, absent in gaps for name in absent],
        command=gaps[0][0].add_models([], []).strip("`") if gaps else "",
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
    return replace_text(path, text)


def _oracles(results: StudyResults) -> Oracles:
    """Return the study's results of epochs chosen on the test set; empty if it was run without."""
    if results.plan and not results.has_epochs:
        return {}
    found: dict[str, dict[str, Mapping[str, Panel]]] = {}
    for protocol in results.protocols:
        for honest, chosen in results.test_oracle(protocol):
            if f"{honest.dataset}/{honest.split}" in results.datasets:
                found.setdefault(f"{honest.dataset}/{honest.split}", {})[protocol] = chosen
    return found


def _absent(results: StudyResults) -> list[str]:
    """Return the data sets of a study without any panel, as named by the study."""
    there = {panel.dataset for panel in results.panels}
    runs = results.plan.runs if results.plan else ()
    return list(dict.fromkeys(run.dataset for run in runs if run.spec.dataset not in there))


def _version() -> str:
    try:
        return installed("sentibench")
    except PackageNotFoundError:
        return ""
