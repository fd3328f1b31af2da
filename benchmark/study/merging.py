"""Combining folders of runs: missing runs are copied, cells united, studies kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.files import replace_text
from benchmark.runs.record import RECORD, RunRecord, read_record
from benchmark.runs.store import RunStore
from benchmark.words import plural
from protocols import InputError


@dataclass(frozen=True)
class Merged:
    """Outcome of `merge`.

    Attributes:
        copied, extended, unchanged: Numbers of runs that were missing, got cells, or were there.
        studies: Names of the studies of all folders.
        notes: Lines on runs and studies of which only the first was kept.
    """

    copied: int
    extended: int
    unchanged: int
    studies: tuple[str, ...]
    notes: tuple[str, ...]


def merge(folders: Sequence[Path], into: Path) -> Merged:
    """Combine run stores; the folders stay as they are.

    Args:
        folders: Folders of run stores, such as those of the shards of a study.
        into: Folder of the run store to add to; made if it is new.

    Raises:
        InputError: if a folder has no runs, or runs differ that must be equal (see `benchmark.runs.cells.unite`); these
            are left out and named, and all others are merged.
    """
    for folder in folders:
        if not any(folder.glob(f"*/*/*/{RECORD}")):
            raise InputError(f"{folder}: has no runs; name the folder that --out of 'sentibench run' named")
    into.mkdir(parents=True, exist_ok=True)
    store = RunStore(into)
    store.sweep()
    counts = {"copied": 0, "extended": 0, "unchanged": 0}
    studies: list[str] = []
    notes: list[str] = []
    refused: list[str] = []
    for folder in folders:
        if folder.resolve() == into.resolve():
            continue
        for path in sorted(folder.glob(f"*/*/*/{RECORD}")):
            record = read_record(path)
            if record is None or RunStore(folder).find(record.spec) is None:
                notes.append(f"{path.parent}: is damaged or incomplete, and was left out")
                continue
            try:
                change, said = _add(store, record, path.parent)
            except InputError as error:
                refused.append(str(error))
                continue
            counts[change] += 1
            notes += said
        studies += _copy_studies(folder, into, notes)
    if refused:
        more = f" (and {plural(len(refused) - 1, 'other')})" if refused[1:] else ""
        raise InputError(f"{plural(len(refused), 'run')} not merged: {refused[0]}{more}")
    return Merged(**counts, studies=tuple(dict.fromkeys(studies)), notes=tuple(dict.fromkeys(notes)))


def _add(store: RunStore, record: RunRecord, folder: Path) -> tuple[str, list[str]]:
    """File one run; return what that changed, and the notes that it made."""
    before = store.find(record.spec)
    if before is not None and record.status == "failed":
        return "unchanged", []
    after = store.adopt(record.spec, folder, copy=True)
    if before is None:
        return "copied", []
    title = record.spec.title
    return "unchanged" if after == before else "extended", [
        f"{title}: {n}" for n in after.notes if n not in before.notes
    ]


def _copy_studies(folder: Path, into: Path, notes: list[str]) -> list[str]:
    """Copy the files of studies that are missing; of two with one name, the first is kept."""
    names = []
    for path in sorted(folder.glob("studies/*/study.yaml")):
        text, there = path.read_text(encoding="utf-8"), into / path.relative_to(folder)
        if not there.is_file():
            there.parent.mkdir(parents=True, exist_ok=True)
            replace_text(there, text)
        elif there.read_text(encoding="utf-8") != text:
            notes.append(f"study '{path.parent.name}' of {folder} is not that of {into}, which was kept")
        names.append(path.parent.name)
    return names
