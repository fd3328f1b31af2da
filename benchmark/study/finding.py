"""Finding runs by reference: a folder, the beginning of an id, or a model of a study."""

from __future__ import annotations

import re
from pathlib import Path

from benchmark.data.sources import filed_name
from benchmark.runs.outdated import outdated
from benchmark.runs.record import RunRecord
from benchmark.runs.store import RunStore
from benchmark.study.filing import read_study
from benchmark.study.plan import PlannedRun, prepare
from protocols import InputError, unknown_name

_ID = re.compile(r"[0-9a-f]{4,16}")
_SHOWN = 6


def find_runs(reference: str, root: Path, *, seed: int | None = None, dataset: str | None = None) -> list[Path]:
    """Return the folders of the runs that `reference` names.

    Args:
        reference: A run's folder; its id or the first four or more digits of it; the folder of a model that `sentibench
            export` wrote, or `STUDY:model`, as the study labels the model: one run per seed.
        root: Folder of the run store.
        seed: Use only this seed of `STUDY:model`.
        dataset: Use only the runs of a study on this data set or split, such as `mosi` or `mosi/official`.

    Raises:
        InputError: if there is no such run, or `reference` matches several (they are listed).
    """
    if (Path(reference) / "run.json").is_file() or Path(reference).is_dir():
        seeds = sorted(path.parent for path in Path(reference).glob("seed-*/run.json"))
        found = seeds or [Path(reference)]
    elif ":" in reference:
        return _of_study(reference, root, seed, dataset)
    else:
        found = [_of_id(reference, root)]
    for option, value in (("--seed", seed), ("--dataset", dataset)):
        if value is not None:
            raise InputError(
                f"{option} chooses among the runs of STUDY:model, and '{reference}' names one; leave it out"
            )
    return found


def _of_id(reference: str, root: Path) -> Path:
    if not _ID.fullmatch(reference):
        raise InputError(
            f"'{reference}' is not a run: expected a run's folder, four or more digits of its id, or STUDY:MODEL (runs "
            f"are looked for under {root}; --out names another folder)"
        )
    store = RunStore(root)
    records = [record for record in store.records() if record.id.startswith(reference)]
    if not records:
        raise InputError(f"no run under {root} has an id that begins with '{reference}'; --out names another folder")
    if len(records) > 1:
        raise InputError(f"'{reference}' is the beginning of {len(records)} ids: {_listed(records)}; give more digits")
    return store.folder(records[0].spec)


def _of_study(reference: str, root: Path, seed: int | None, dataset: str | None) -> list[Path]:
    name, _, label = reference.partition(":")
    studies = {path.parent.name: path for path in root.glob("studies/*/study.yaml")}
    if name not in studies:
        raise unknown_name("study", name, studies, hint=f"(under {root}; --out names another folder)")
    planned = prepare(read_study(str(studies[name]), {})).runs
    labels = dict.fromkeys(run.label for run in planned)
    if label not in labels:
        raise unknown_name(f"model of study {name}:", label, labels)
    chosen = _on_one_dataset(reference, [run for run in planned if run.label == label], dataset)
    seeds = [run.spec.seed for run in chosen]
    if seed is not None:
        chosen = [run for run in chosen if run.spec.seed == seed]
        if not chosen:
            raise InputError(f"{reference}: has no seed {seed}; it has {', '.join(map(str, seeds))}")
    store = RunStore(root)
    for run in chosen:
        record = store.find(run.spec)
        if record is None or record.status == "failed":
            reason = outdated([run.spec], store)
            how = f"failed ({record.error})" if record is not None else f"is not there{reason and ': '}{reason}"
            raise InputError(
                f"{reference}: the run with seed {run.spec.seed} {how}; finish it with 'sentibench run "
                f"{studies[name]}', or choose another with --seed"
            )
    return [store.folder(run.spec) for run in chosen]


def _on_one_dataset(reference: str, runs: list[PlannedRun], dataset: str | None) -> list[PlannedRun]:
    """Raise InputError for models of different training data, which are not seeds of one another."""
    places = dict.fromkeys(f"{run.spec.dataset}/{run.spec.split}" for run in runs)
    if dataset is not None:
        filed = filed_name(dataset)
        chosen = [r for r in runs if filed in (r.spec.dataset, f"{r.spec.dataset}/{r.spec.split}")]
        if not chosen:
            names = dict.fromkeys(run.spec.dataset for run in runs)
            raise unknown_name(f"data set of {reference}:", dataset, [*names, *places])
        return _on_one_dataset(reference, chosen, None)
    if len(places) > 1:
        raise InputError(f"{reference}: was trained on {', '.join(places)}; choose one with --dataset")
    return runs


def _listed(records: list[RunRecord]) -> str:
    shown = ", ".join(f"{record.id} ({record.spec.title})" for record in records[:_SHOWN])
    return shown + (f" and {len(records) - _SHOWN} more" if len(records) > _SHOWN else "")
