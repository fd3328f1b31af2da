"""Which runs are examined together, and where what comes of it is written."""

from __future__ import annotations

from pathlib import Path

from benchmark.prediction import find_runs
from benchmark.study.running import prepare, read_study
from protocols import InputError


def runs_to_examine(
    reference: str, root: Path, *, seed: int | None = None, dataset: str | None = None
) -> tuple[list[Path], Path, str | None]:
    """The folders of the runs that `reference` names.

    Args:
        reference: As `benchmark.prediction.predict.find_runs` reads it: a run's folder, its id, or `STUDY:model`.
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
    places = _places(root / "studies" / study / "study.yaml", label, dataset)
    folders = [folder for place in places for folder in find_runs(reference, root, seed=seed, dataset=place)]
    return folders, root / "studies" / study / "diagnostics", label


def _places(study: Path, label: str, dataset: str | None) -> list[str | None]:
    """Where the runs of a model of a study are to be looked for: a family of splits member by member.

    Without `dataset` that is the family which the model was trained on alone, if there is one; otherwise `find_runs`
    decides, and says so where there is no such study.
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
