"""The run store: one folder per run, written beside its place and renamed into it.

    RUNS/<dataset>/<split>/<model>-s<seed>-<id>/
        run.json              spec, status, provenance, timings, evaluated scenarios (schema: `RunRecord`)
        history.csv           one row an epoch
        model.safetensors     the selected weights
        samples.parquet       sample id, video id, label: once
        predictions.parquet   sample id, scenario, prediction (and estimated integrity, dominant modality)
        epochs.parquet        only with `optimism`: epoch, scenario, sample id, prediction on the test part of every
                              epoch from which the checkpoint was chosen; no result is ever made of it

The same code decides where a run is written and whether it is there. A run that failed keeps its traceback and is never
taken for done.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.files import replace_file, safe_name, sha256_of
from benchmark.runs.cells import RunCells, unite, write_epochs, write_predictions
from benchmark.runs.grid import Grid, stored_cells
from benchmark.runs.owners import locked, renewed
from benchmark.runs.record import (
    EPOCHS,
    HISTORY,
    PREDICTIONS,
    RECORD,
    SAMPLES,
    SCHEMA_VERSION,
    WEIGHTS,
    RunRecord,
    check_file,
    checked_content,
    faults,
    read_record,
    write_record,
)
from benchmark.runs.renamed import filed_name
from benchmark.runs.resuming import SUFFIX
from benchmark.runs.spec import RunSpec
from protocols import InputError
from protocols.temporaries import abandoned, disk_time, owned_name

#: Name of a run's folder in that of a temporary one.
_RUN = re.compile(r"\.(.*-s\d+-[0-9a-f]{16})\..*")
#: End of the name of a folder that makes way for another.
_ASIDE = ".old"


class RunStore:
    """Runs under one folder.

    Args:
        root: The folder; made when the first run is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._grid: Grid | None = None
        self._parents: dict[tuple[str, str], Path] = {}
        self._folders: dict[tuple[str, str], Path] = {}

    def folder(self, spec: RunSpec) -> Path:
        """Return the folder of a run, which need not exist."""
        dataset, split = spec.dataset, spec.split
        if (known := self._folders.get((dataset, spec.id))) is not None:
            return known
        if (dataset, split) not in self._parents:  # thousands of runs share a few
            self._parents[dataset, split] = self.root / safe_name(dataset) / safe_name(split)
        names = dict.fromkeys((spec.model, filed_name(spec.model, spec.model_version)))
        folders = [self._parents[dataset, split] / f"{safe_name(name)}-s{spec.seed}-{spec.id}" for name in names]
        if not folders[1:]:
            self._folders[dataset, spec.id] = folders[0]
        return next((folder for folder in folders[1:] if folder.is_dir()), folders[0])

    def find(self, spec: RunSpec) -> RunRecord | None:
        """The record of a run, failed ones included; None without a readable one.

        Raises:
            InputError: for a record of a newer version.
        """
        return self._read(self.folder(spec), spec)

    def done(self, spec: RunSpec) -> RunRecord | None:
        """Return the record of a run that ended well, else None."""
        record = self.find(spec)
        return record if record is not None and record.status == "done" else None

    def records(self) -> list[RunRecord]:
        """Return every readable record, in order of path."""
        found = []
        for path in sorted(self.root.glob(f"*/*/*/{RECORD}")):
            with suppress(InputError):  # of a newer version
                record = read_record(path)
                found += [record] if record else []
        return found

    @contextmanager
    def writing(self, spec: RunSpec) -> Iterator[Path]:
        """Make a new folder for a run's files, filed with `adopt` if the block ends well, removed if not."""
        with self.scratch(spec) as beside:
            yield beside
            self.adopt(spec, beside)

    def adopt(self, spec: RunSpec, folder: Path, *, copy: bool = False) -> RunRecord:
        """File the folder of a run that has ended, from any place; the folder is moved, or stays with `copy`.

        A run of the same identity that is done meanwhile stays: cells are united, see `benchmark.runs.cells.unite`. A
        failed run never replaces it.

        Returns:
            The record on file.

        Raises:
            InputError: if the folder is not a complete run of this identity, or has other bits than the run on file
                although both should be equal; the folder then stays.
        """
        record = self._read(folder, spec)
        if record is None:
            raise InputError(f"{folder}: is not a complete run with id {spec.id}; run it again")
        target, beside = self.folder(spec), folder
        for fault in faults(folder) if folder.parent != target.parent else ():
            raise InputError(fault)
        if folder.parent != target.parent and self.done(spec) is None:
            beside = self._moved(folder, spec, copy)
        with self.locked():
            kept = self.done(spec)
            if kept is None:
                self._place(beside if beside.parent == target.parent else self._moved(beside, spec, copy), target)
            elif record.status == "done":
                kept = self._add(kept, self._cells(beside, record))
        if beside != folder or not copy:
            shutil.rmtree(beside, ignore_errors=True)
        return kept or record

    def add(self, cells: RunCells) -> RunRecord:
        """Add cells to a run that is done; returns its record, which has those of other processes as well.

        Raises:
            InputError: if the run is no longer there, or has other bits; see `adopt`.
        """
        spec = cells.record.spec
        with self.locked():
            kept = self.done(spec)
            if kept is None:
                raise InputError(f"{self.folder(spec)}: was removed while cells were added to it; run it again")
            return self._add(kept, cells)

    def _add(self, kept: RunRecord, cells: RunCells) -> RunRecord:
        """Write the union of the cells on file and others: predictions first, as the record says which are there."""
        folder = self.folder(kept.spec)
        before = self._cells(folder, kept)
        after = unite(before, cells)
        files = dict(kept.files)

        def replace(name: str, write: Callable[[Path], None]) -> None:
            def with_record(path: Path) -> None:
                write(path)
                if kept.files:  # until the record is replaced, both files are right
                    both = {**files, name: (*kept.files.get(name, ()), sha256_of(path))}
                    files[name] = both[name][-1:]
                    self._replace_record(kept.model_copy(update={"files": {**both}}))

            replace_file(folder / name, with_record)

        if after.predictions is not before.predictions:
            replace(PREDICTIONS, lambda path: write_predictions(after.predictions, path))
        if after.epochs not in (before.epochs, None):
            replace(EPOCHS, lambda path: write_epochs(before, after, path))
        record = after.record.model_copy(update={"files": files})
        if record != kept:
            self._replace_record(record)
        return record

    def _replace_record(self, record: RunRecord) -> None:
        replace_file(self.folder(record.spec) / RECORD, lambda path: write_record(record, path))

    def _cells(self, folder: Path, record: RunRecord) -> RunCells:
        weights, epochs = folder / WEIGHTS, folder / EPOCHS if record.tested_epochs else None
        return RunCells(
            record,
            self._table(folder, PREDICTIONS),
            epochs,
            sha256_of(weights) if weights.is_file() else None,
        )

    def _beside(self, spec: RunSpec) -> Path:
        target = self.folder(spec)
        return target.with_name(owned_name(target.name))

    def _moved(self, folder: Path, spec: RunSpec, copy: bool) -> Path:
        """Move a folder beside the place of a run, by rename or by copying from another disk; or copy it."""
        beside = self._beside(spec)
        beside.parent.mkdir(parents=True, exist_ok=True)
        with renewed(beside):
            if copy:
                shutil.copytree(folder, beside, copy_function=shutil.copyfile)
            else:
                os.utime(folder)
                shutil.move(folder, beside)
        os.utime(beside)
        return beside

    @staticmethod
    def _place(beside: Path, target: Path) -> None:
        """Rename a folder into its place; a failed or damaged run of the same identity is replaced."""
        if not target.exists():
            beside.rename(target)
            return
        old = beside.with_name(f"{beside.name}{_ASIDE}")
        target.rename(old)
        beside.rename(target)
        shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def scratch(self, spec: RunSpec) -> Iterator[Path]:
        """Make an empty folder beside a run's, removed however the block ends; `sweep` removes it, too."""
        folder = self._beside(spec)
        folder.mkdir(parents=True)
        try:
            with renewed(folder):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Context in which no other process changes a finished run: read it again, add to it, and write it."""
        with locked(self.root):
            yield

    def epochs(self, spec: RunSpec, scenarios: Sequence[str]) -> pd.DataFrame:
        """Read predictions of every epoch under some scenarios: `epoch`, `scenario`, `sample_id`, `prediction`."""
        return self._table(self.folder(spec), EPOCHS, [("scenario", "in", list(scenarios))])

    def predictions(self, spec: RunSpec) -> pd.DataFrame:
        """Read predictions of the cells that the record lists: `scenario`, `sample_id`, `prediction`, ..."""
        return self._table(self.folder(spec), PREDICTIONS)

    def wide_predictions(
        self, spec: RunSpec, sample_ids: Iterable[str], record: RunRecord | None = None, *, told: bool = False
    ) -> pd.DataFrame:
        """Read predictions with a row per scenario and a column per sample, float64.

        Args:
            spec: Identity of the run.
            sample_ids: Ids of the columns.
            record: The record of the run, if it has been read.
            told: Read those of the model that is told where the gaps are: scenarios without them are left out.

        Raises:
            InputError: for a file that cannot be read, or in which a prediction is missing or occurs twice.
        """
        path = self.folder(spec) / PREDICTIONS
        content = checked_content(path.parent, PREDICTIONS, record)
        try:
            file, column = pq.ParquetFile(pa.BufferReader(content)), "told" if told else "prediction"
            if told and column not in file.schema_arrow.names:
                return pd.DataFrame(columns=list(sample_ids))
            wanted, stored = list(sample_ids), stored_cells(file, content)
            if self._grid is None or self._grid.wanted != wanted or self._grid.stored != stored:
                self._grid = Grid.of(file, stored, wanted)
            predictions = file.read([column], use_threads=False).column(column)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path}: cannot be read ({error}); remove its folder and run the study again") from error
        grid = self._grid
        if grid.faulty:
            raise InputError(f"{path}: a prediction is missing or occurs twice; remove it and run the study again")
        values = predictions.to_numpy()[grid.order].astype(np.float64)
        found = pd.DataFrame(values, index=grid.scenarios, columns=grid.columns)
        return found.dropna() if told else found

    def samples_content(self, spec: RunSpec) -> bytes | None:
        """Return the bytes of the file of test samples, to see that two are equal; None if it cannot be read."""
        try:
            return (self.folder(spec) / SAMPLES).read_bytes()
        except OSError:
            return None

    def samples(self, spec: RunSpec) -> pd.DataFrame:
        """Read the test samples of a run: `sample_id`, `video_id`, `label`, in the order of the predictions."""
        return self._table(self.folder(spec), SAMPLES)

    @staticmethod
    def _table(folder: Path, name: str, filters: list[tuple[str, str, list[str]]] | None = None) -> pd.DataFrame:
        check_file(folder, name)
        try:
            return pd.read_parquet(folder / name, filters=filters)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{folder / name}: cannot be read ({error}); remove its folder and run the study again"
            ) from error

    def faults(self) -> list[str]:
        """Compare every run with its record; return a line for each file that is missing, changed or damaged."""
        return [line for path in sorted(self.root.glob(f"*/*/*/{RECORD}")) for line in faults(path.parent)]

    def sweep(self) -> None:
        """Remove the remains of killed runs, of this machine or another."""
        found = [p for pattern in ("*/*/.*", ".lock.*") for p in self.root.glob(pattern) if p.is_dir()]
        found = [path for path in found if path.suffix != SUFFIX]  # of trainings that may go on
        if not found:
            return
        now = disk_time(self.root)
        for path in found:
            if path.suffix == _ASIDE:
                with self.locked():  # nobody is between the two renames
                    kept = path.with_name(_RUN.sub(r"\1", path.name))
                    if path.exists() and not kept.exists():
                        path.rename(kept)  # killed between them: the old run is still the best there is
                    shutil.rmtree(path, ignore_errors=True)
            elif abandoned(path, now):
                shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def _read(folder: Path, spec: RunSpec) -> RunRecord | None:
        record = read_record(folder / RECORD)
        if record is None or record.id != spec.id or record.schema_version != SCHEMA_VERSION:
            return None
        if record.spec != spec and record.spec.id != record.id:  # the spec was edited
            return None
        if record.status == "done" and not {PREDICTIONS, SAMPLES, HISTORY} <= set(_names(folder)):
            return None
        if record.tested_epochs is not None and not (folder / EPOCHS).is_file():
            return record.model_copy(update={"tested_epochs": None})
        return record


def _names(folder: Path) -> list[str]:
    """Names in a folder, read at once; none if it is gone."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []
