"""Runs of a store listed, their disk space added up, and some of them removed."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmark.runs.record import EPOCHS, PREDICTIONS, RECORD, WEIGHTS, read_record
from benchmark.runs.resuming import SUFFIX, in_training, remove_training_folder
from benchmark.runs.store import RunStore
from benchmark.runs.text_states import free_states, states_folder
from protocols import InputError, unknown_name
from protocols.temporaries import abandoned, disk_time, owned_name

_FAILED = ("failed", "damaged")
_NAME = re.compile(r"(?P<model>.*)-s(?P<seed>\d+)-(?P<id>[0-9a-f]{16})")


@dataclass(frozen=True)
class StoredRun:
    """Run of a store.

    Attributes:
        id, dataset, split, model, seed: Identity.
        status: `done`, `failed`, `damaged` (its record cannot be read), or `newer` (than this version of the suite).
        bytes: Size of its files.
        date: Time at which its record was written.
        studies: Names of the studies of the store that use it.
        folder: Folder of its files.
    """

    id: str
    dataset: str
    split: str
    model: str
    seed: int
    status: str
    bytes: int
    date: datetime
    studies: tuple[str, ...]
    folder: Path


def stored_runs(root: Path, uses: Mapping[str, Sequence[str]]) -> list[StoredRun]:
    """List the runs of a store in order of path; `uses` has the names of studies by id, see `benchmark.study.uses`."""
    found = []
    for folder in sorted(root.glob("*/*/[!.]*")):
        name = _NAME.fullmatch(folder.name)
        with suppress(FileNotFoundError, NotADirectoryError):  # another process has removed it
            found += [_stored_run(folder, name, uses.get(name["id"], ()))] if name else []
    return found


def _stored_run(folder: Path, name: re.Match[str], studies: Sequence[str]) -> StoredRun:
    files = {entry.name: entry.stat() for entry in os.scandir(folder)}
    written = files.get(RECORD) or folder.stat()
    dataset, split, model, seed, status = *folder.parts[-3:-1], name["model"], int(name["seed"]), "damaged"
    try:
        record = read_record(folder / RECORD)
    except InputError:
        record, status = None, "newer"
    if record is not None:
        spec, status = record.spec, record.status
        dataset, split, model, seed = spec.dataset, spec.split, spec.model, spec.seed
    size, date = sum(file.st_size for file in files.values()), datetime.fromtimestamp(written.st_mtime).astimezone()
    return StoredRun(name["id"], dataset, split, model, seed, status, size, date, tuple(studies), folder)


@dataclass(frozen=True)
class Selection:
    """Options that select the runs that match all of them; without options, every run.

    Attributes:
        studies, models: Names.
        ids: Ids, or their first characters.
        failed: True for runs that failed or are damaged.
    """

    studies: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    failed: bool = False

    def of(self, runs: Sequence[StoredRun], studies: Collection[str]) -> list[StoredRun]:
        """Select runs.

        Args:
            runs: Runs of a store.
            studies: Names of its studies.

        Raises:
            InputError: for a name that is not there, or the beginning of several ids.
        """
        for kind, names, known in (
            ("study", self.studies, set(studies)),
            ("model of a run", self.models, {r.model for r in runs}),
        ):
            for name in names:
                if name not in known:
                    raise unknown_name(kind, name, known)
        for begin in self.ids:
            count = sum(run.id.startswith(begin) for run in runs)
            if count != 1:
                raise InputError(f"--id {begin}: {count} runs have an id that begins so; see 'sentibench runs list'")
        return [
            run
            for run in runs
            if (not self.studies or set(self.studies) & set(run.studies))
            and (not self.models or run.model in self.models)
            and (not self.ids or run.id.startswith(self.ids))
            and (not self.failed or run.status in _FAILED)
        ]

    def needed(self, run: StoredRun, unresolved: Mapping[str, str]) -> str:
        """Return the reason for which a selected run must not be removed; empty if there is none.

        Args:
            run: The run.
            unresolved: Reasons by the names of studies that may use it.
        """
        if run.status in _FAILED or (self.ids and run.id.startswith(self.ids)):
            return ""
        for name in run.studies:
            if name not in self.studies:
                return f"study '{name}' uses it; name that with --study, too, or the run with --id"
        for name, reason in unresolved.items():
            return f"study '{name}', which cannot be resolved ({reason}), may use it; name the run with --id"
        return ""


def sizes(root: Path) -> dict[str, tuple[int, int]]:
    """Return the number of files and their bytes by subject: files of runs by kind, states, remains, studies."""
    kinds = {WEIGHTS: "weights", PREDICTIONS: "predictions", EPOCHS: "predictions of every epoch (optimism)"}
    counts, total = Counter[str](), Counter[str]()
    for parts, size in _files(root):
        hidden = next((part for part in parts if part.startswith(".")), "")
        if hidden == ".lock":
            continue
        if hidden:
            kind = "states of killed trainings" if hidden.endswith(SUFFIX) else "temporary files"
        elif parts[0] == "studies":
            kind = "tables and figures of studies"
        else:
            kind = kinds.get(parts[-1], "records, histories and samples")
        counts[kind] += 1
        total[kind] += size
    for _, size in _files(states_folder(root)):
        counts["text states"] += 1
        total["text states"] += size
    order = (*kinds.values(), "records, histories and samples", "states of killed trainings", "temporary files",
             "text states", "tables and figures of studies")  # fmt: skip
    return {kind: (counts[kind], total[kind]) for kind in order}


def in_use(run: Path) -> bool:
    """Return True if a process of this or another machine trains or writes a run, given by its folder."""
    names = [name for name in os.listdir(run.parent) if name.startswith(f".{run.name}.")]  # noqa: PTH208 - quick
    beside = [run.with_name(name) for name in names if not name.endswith(SUFFIX)]
    now = disk_time(run.parent) if beside else 0.0
    return any(not abandoned(path, now) for path in beside) or in_training(run)


def remove_runs(root: Path, runs: Sequence[StoredRun]) -> list[StoredRun]:
    """Remove runs, each at once or not at all, with the states of their trainings; returns those that are in use."""
    store, stay = RunStore(root), []
    for run in runs:
        aside = run.folder.with_name(owned_name(run.folder.name))
        with store.locked():
            if in_use(run.folder):
                stay.append(run)
                continue
            if run.folder.exists():  # not removed by another process meanwhile
                run.folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
        remove_training_folder(run.folder)
    return stay


def remove_states(root: Path, *, dry_run: bool = False) -> tuple[int, int]:
    """Remove text states and states of killed trainings that no process uses.

    Returns:
        The number of folders that were removed (or would be), and of those in use, which stay.
    """
    freed = [] if (states := free_states(root, dry_run=dry_run)) is None else [states]
    for folder in root.glob(f"*/*/.*{SUFFIX}"):
        run = folder.with_name(folder.name[1 : -len(SUFFIX)])
        freed.append(not in_training(run) if dry_run else remove_training_folder(run))
    return freed.count(True), freed.count(False)


def _files(folder: Path) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield path, as parts below a folder, and bytes of every file in it."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            try:
                status = path.lstat()
            except FileNotFoundError:  # another process has removed it
                continue
            if stat.S_ISREG(status.st_mode):
                yield path.relative_to(folder).parts, status.st_size
