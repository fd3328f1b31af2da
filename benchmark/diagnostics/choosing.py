"""Runs that are examined together, and the folder of the results."""

from __future__ import annotations

from pathlib import Path

from benchmark.prediction import find_runs
from benchmark.study.filing import read_study
from benchmark.study.plan import prepare
from protocols import InputError


def runs_to_examine(
    reference: str, root: Path, *, seed: int | None = None, dataset: str | None = None
) -> tuple[list[Path], Path, str | None]:
    """Find the folders of the runs that `reference` names.

    Args:
        reference: Reference as in `benchmark.prediction.predict.find_runs`: a run's folder, its id, or `STUDY:model`.
        root: Folder of the run store.
        seed: Use only this seed of `STUDY:model`.
        dataset: Use only the runs of `STUDY:model` on this data set; a family such as `mmmo/fold*` is examined as one.

    Returns:
        The folders; the folder of the results, `diagnostics` in the study's or the run's folder; and the study's label
        of the model (None outside a study).

    Raises:
        InputError: if there is no such run, or `reference` matches several (they are listed).
    """
    if ":" not in reference or Path(reference).is_dir():
        folders = find_runs(reference, root, seed=seed, dataset=dataset)
        return folders, folders[0] / "diagnostics", None
    study, _, label = reference.partition(":")
    places = _places(root / "studies" / study / "study.yaml", label, dataset)
    folders = [folder for place in places for folder in find_runs(reference, root, seed=seed, dataset=place)]
    return folders, root / "studies" / study / "diagnostics", label


def _places(study: Path, label: str, dataset: str | None) -> list[str | None]:
    """Return the references to the runs of a model of a study: for a family of splits, one per member.

    Without `dataset` this is the only family on which the model was trained, if there is one; otherwise `find_runs`
    decides, and reports a missing study.
    """
    if not study.is_file() or (dataset is not None and "*" not in dataset):
        return [dataset]
    planned = prepare(read_study(str(study), {})).runs
    known = dict.fromkeys(run.dataset for run in planned)
    trained_on = list(dict.fromkeys(run.dataset for run in planned if run.label == label))
    if dataset is None:
        if len(trained_on) != 1 or "*" not in trained_on[0]:
            return [None]
        dataset = trained_on[0]
    if dataset not in known:
        raise InputError(f"--dataset {dataset}: the study has {', '.join(known)}; choose one of these")
    members = [f"{r.spec.dataset}/{r.spec.split}" for r in planned if r.dataset == dataset and r.label == label]
    return [*dict.fromkeys(members)] or [dataset]
