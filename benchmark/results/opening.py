"""Opening of results: by a study, its plan, a name, a file, or a published folder."""

from __future__ import annotations

from pathlib import Path

from benchmark.data.sources import filed_name
from benchmark.evaluation.panel import Panel
from benchmark.results.from_runs import required_panels
from benchmark.results.measured import is_measured, read_measured
from benchmark.results.study_results import StudyResults
from benchmark.study.filing import last_study, read_study
from benchmark.study.plan import Plan, prepare
from benchmark.study.study import Study
from protocols import InputError


def open_results(study: Study | Plan, root: Path) -> StudyResults:
    """Return the stored results of a study.

    Raises:
        InputError: if no run of the study is finished, or it cannot be resolved.
    """
    plan = prepare(study) if isinstance(study, Study) else study
    return StudyResults(plan.study.name, tuple(required_panels(plan, root)), plan, root)


def find_results(reference: str | Path | None, root: Path) -> StudyResults:
    """Find the results that a name refers to.

    Args:
        reference: Name or file of a study, or a published folder; None for the study run last.
        root: Folder of the run store.

    Raises:
        InputError: if there is no such study, or no run of it is finished.
    """
    if reference is not None and is_measured(Path(reference)):
        return read_measured(Path(reference))
    return open_results(last_study(root) if reference is None else read_study(str(reference), {}, root), root)


def panel_of(reference: str | Path | None, dataset: str | None, root: Path) -> Panel:
    """Find the results on one data set.

    Args:
        reference: As for `find_results`.
        dataset: Data set with or without its split; None if the study has only one.
        root: Folder of the run store.

    Raises:
        InputError: as `find_results`, and for an unknown data set, or if none of several was named.
    """
    results = find_results(reference, root)
    chosen = results.select(datasets=[filed_name(dataset)]) if dataset else results
    if len(chosen.panels) > 1:
        shown = ", ".join(chosen.datasets)
        raise InputError(f"the study has {len(chosen.panels)} data sets, {shown}; choose one with --dataset")
    return chosen.panels[0]
