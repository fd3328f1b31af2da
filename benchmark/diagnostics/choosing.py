"""Which runs are examined together, and where what comes of it is written."""

from __future__ import annotations

from pathlib import Path

from benchmark.commands import prepare, read_study
from benchmark.prediction import find_runs
from protocols import InputError


def runs_to_examine(
    reference: str, root: Path, *, seed: int | None = None, dataset: str | None = None
) -> tuple[list[Path], Path, str | None]:
    """The folders of the runs that `reference` names.

    Args:
        reference: As `benchmark.predict.find_runs` reads it: a run's folder, its id, or `STUDY:model`.
        root: Folder of the run store.
        seed: Of `STUDY:model`, this seed only.
        dataset: Of `STUDY:model`, the runs on this data set; a family such as `mmmo/fold*` is examined as one.

    Returns:
        The folders; where results go, `diagnostics` in the study's folder or in the run's; and how the study labels
        the model (None outside a study).

    Raises:
        InputError: when there is no such run, or `reference` may mean several (they are listed).
    """
    if ":" not in reference or Path(reference).is_dir():
        folders = find_runs(reference, root, seed=seed, dataset=dataset)
        return folders, folders[0] / "diagnostics", None
    study, _, label = reference.partition(":")
    file = root / "studies" / study / "study.yaml"
    dataset = dataset or _only_family(file, label)
    places = [dataset]
    if dataset is not None and "*" in dataset:
        places = list(_splits(file, label, dataset))
    folders = [folder for place in places for folder in find_runs(reference, root, seed=seed, dataset=place)]
    return folders, root / "studies" / study / "diagnostics", label


def _only_family(study: Path, label: str) -> str | None:
    """The family of splits that is all a model of a study was trained on; None where there is none or a choice."""
    if not study.is_file():
        return None
    planned = prepare(read_study(str(study), {})).runs
    places = dict.fromkeys(run.dataset for run in planned if run.label == label)
    return next(iter(places)) if len(places) == 1 and "*" in next(iter(places)) else None


def _splits(study: Path, label: str, family: str) -> dict[str, None]:
    """The members of a family of splits that a study names by a pattern, as `mmmo/fold0`; its own text if unknown."""
    if not study.is_file():
        return {family: None}  # `find_runs` says that there is no such study
    planned = prepare(read_study(str(study), {})).runs
    known = dict.fromkeys(run.dataset for run in planned)
    if family not in known:
        raise InputError(f"--dataset {family}: the study has {', '.join(known)}; choose one of these")
    return dict.fromkeys(
        f"{run.spec.dataset}/{run.spec.split}" for run in planned if run.dataset == family and run.label == label
    ) or {family: None}
