"""Results found by what names them: a study, its plan, a name, a file, or a published folder."""

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
    """The results of a study that are on file.

    Args:
        study: The study, or its plan where it is resolved already.
        root: Folder of the run store.

    Raises:
        InputError: when nothing of the study has been run, or it cannot be resolved.
    """
    plan = prepare(study) if isinstance(study, Study) else study
    return StudyResults(plan.study.name, tuple(required_panels(plan, root)), plan, root)


def find_results(reference: str | Path | None, root: Path) -> StudyResults:
    """The results that a name stands for.

    Args:
        reference: Name or file of a study, or a published folder; None for the study that was run last.
        root: Folder of the run store.

    Raises:
        InputError: when there is no such study, or nothing of it has been run.
    """
    if reference is not None and is_measured(Path(reference)):
        return read_measured(Path(reference))
    return open_results(last_study(root) if reference is None else read_study(str(reference), {}, root), root)


def panel_of(reference: str | Path | None, dataset: str | None, root: Path) -> Panel:
    """The results on one data set.

    Args:
        reference: As for `find_results`.
        dataset: Data set with or without its split; None where the study has only one.
        root: Folder of the run store.

    Raises:
        InputError: as `find_results`, and for an unknown data set, or several where none was named.
    """
    results = find_results(reference, root)
    chosen = results.select(datasets=[filed_name(dataset)]) if dataset else results
    if len(chosen.panels) > 1:
        shown = ", ".join(chosen.datasets)
        raise InputError(f"the study has {len(chosen.panels)} data sets, {shown}; choose one with --dataset")
    return chosen.panels[0]
