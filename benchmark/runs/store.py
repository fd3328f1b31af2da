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
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from benchmark.files import replace_file, safe_name
from benchmark.runs.record import EPOCHS, SCHEMA_VERSION, RunRecord, read_record, write_record
from benchmark.runs.spec import RunSpec
from protocols import InputError


class RunStore:
    """Runs under one folder.

    Args:
        root: The folder; made when the first run is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, spec: RunSpec) -> Path:
        """Return the folder of a run, which need not exist."""
        dataset, split, model = (safe_name(name) for name in (spec.dataset, spec.split, spec.model))
        return self.root / dataset / split / f"{model}-s{spec.seed}-{spec.id}"

    def find(self, spec: RunSpec) -> RunRecord | None:
        """The record of a run, failed ones included; None without a readable one.

        Raises:
            InputError: for a record of a newer version.
        """
        record = read_record(self.folder(spec) / "run.json")
        if record is None or record.id != spec.id or record.schema_version != SCHEMA_VERSION:
            return None
        if record.status == "done" and not self._whole(self.folder(spec)):
            return None
        if record.tested_epochs is not None and not (self.folder(spec) / EPOCHS).is_file():
            return record.model_copy(update={"tested_epochs": None})
        return record

    def done(self, spec: RunSpec) -> RunRecord | None:
        """Return the record of a run that ended well, else None."""
        record = self.find(spec)
        return record if record is not None and record.status == "done" else None

    def records(self) -> list[RunRecord]:
        """Return every readable record, in order of path."""
        found = []
        for path in sorted(self.root.glob("*/*/*/run.json")):
            with suppress(InputError):  # of a newer version
                record = read_record(path)
                found += [record] if record else []
        return found

    @contextmanager
    def writing(self, spec: RunSpec) -> Iterator[Path]:
        """Make a new folder for a run's files, renamed into place if the block ends well, removed if not."""
        target = self.folder(spec)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.parent / f".{target.name}.{os.getpid()}"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        try:
            yield beside
            with self.locked():
                if target.exists():  # a failed or damaged run of the same identity is replaced
                    old = target.parent / f".{target.name}.{os.getpid()}.old"
                    shutil.rmtree(old, ignore_errors=True)
                    target.rename(old)
                    beside.rename(target)
                    shutil.rmtree(old, ignore_errors=True)
                else:
                    beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    @contextmanager
    def scratch(self, spec: RunSpec) -> Iterator[Path]:
        """Make an empty folder beside a run's, removed however the block ends; `sweep` removes it, too."""
        target = self.folder(spec)
        folder = target.parent / f".{target.name}.scratch.{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Context in which no other process changes a finished run: read it again, add to it, and write it."""
        with FileLock(self.root / ".lock"):
            yield

    @contextmanager
    def text_states(self) -> Iterator[None]:
        """Context that keeps text states for its runs, and removes them when it ends well, unless another process, too,
        is within such a block of this store."""
        folder = self.root / ".states"
        mine = folder / f"{os.getpid()}.process"
        with self.locked():
            folder.mkdir(exist_ok=True)
            mine.touch()
        try:
            yield
            with self.locked():
                mine.unlink(missing_ok=True)
                if not any(_alive(int(p.stem)) for p in folder.glob("*.process")):
                    shutil.rmtree(folder, ignore_errors=True)
        finally:
            mine.unlink(missing_ok=True)

    def update(self, spec: RunSpec, record: RunRecord, predictions: pd.DataFrame) -> None:
        """Replace the predictions of a run and then its record; the record is what says which cells are there."""
        folder = self.folder(spec)
        replace_file(folder / "predictions.parquet", lambda path: write_predictions(predictions, path))
        replace_file(folder / "run.json", lambda path: write_record(record, path))

    def add_epochs(self, spec: RunSpec, record: RunRecord, file: Path) -> None:
        """Move a file of every epoch's predictions (on the same disk) to a run, and then replace its record."""
        folder = self.folder(spec)
        file.replace(folder / EPOCHS)
        replace_file(folder / "run.json", lambda path: write_record(record, path))

    def epochs(self, spec: RunSpec, scenarios: Sequence[str]) -> pd.DataFrame:
        """Read predictions of every epoch under some scenarios: `epoch`, `scenario`, `sample_id`, `prediction`."""
        return self._table(spec, EPOCHS, [("scenario", "in", list(scenarios))])

    def predictions(self, spec: RunSpec) -> pd.DataFrame:
        """Read predictions of the cells that the record lists: `scenario`, `sample_id`, `prediction`, ..."""
        return self._table(spec, "predictions.parquet")

    def wide_predictions(self, spec: RunSpec, sample_ids: Iterable[str]) -> pd.DataFrame:
        """Read predictions with a row per scenario and a column per sample, float64.

        Raises:
            InputError: for a file that cannot be read, or in which a prediction is missing or occurs twice.
        """
        path = self.folder(spec) / "predictions.parquet"
        try:
            table = pq.ParquetFile(path).read(["scenario", "sample_id", "prediction"], use_threads=False)
            rows, scenarios = _coded(table.column("scenario"))
            codes, ids = _coded(table.column("sample_id"))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path}: cannot be read ({error}); remove its folder and run the study again") from error
        wanted = pd.Index(list(sample_ids), dtype=object)
        columns = wanted.get_indexer(pd.Index(ids, dtype=object))[codes]
        known = columns >= 0
        place = rows[known] * len(wanted) + columns[known]
        counts = np.bincount(place, minlength=len(scenarios) * len(wanted)).reshape(len(scenarios), -1)
        there = np.flatnonzero(counts.any(axis=1))
        if (counts[there] != 1).any():
            raise InputError(f"{path}: a prediction is missing or occurs twice; remove it and run the study again")
        wide = np.full(counts.shape, np.nan)
        wide.ravel()[place] = table.column("prediction").to_numpy()[known]
        names = [scenarios[i] for i in there]
        return pd.DataFrame(wide[there], index=names, columns=wanted)

    def samples_content(self, spec: RunSpec) -> bytes | None:
        """Return the bytes of the file of test samples, to see that two are equal; None if it cannot be read."""
        try:
            return (self.folder(spec) / "samples.parquet").read_bytes()
        except OSError:
            return None

    def samples(self, spec: RunSpec) -> pd.DataFrame:
        """Read the test samples of a run: `sample_id`, `video_id`, `label`, in the order of the predictions."""
        return self._table(spec, "samples.parquet")

    def _table(self, spec: RunSpec, name: str, filters: list[tuple[str, str, list[str]]] | None = None) -> pd.DataFrame:
        path = self.folder(spec) / name
        try:
            return pd.read_parquet(path, filters=filters)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}); remove its folder and run the study again") from error

    def sweep(self) -> None:
        """Remove the remains of killed runs."""
        for path in self.root.glob("*/*/.*"):
            parts = path.name.split(".")
            owner = next((int(p) for p in reversed(parts) if p.isdigit()), None)
            if path.is_dir() and owner is not None and not _alive(owner):
                kept = path.parent / path.name[1:].removesuffix(".old").rsplit(".", 1)[0]
                if path.name.endswith(".old") and not kept.exists():
                    path.rename(kept)  # killed between the two renames: the old run is still the best there is
                else:
                    shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def _whole(folder: Path) -> bool:
        return all((folder / name).is_file() for name in ("predictions.parquet", "samples.parquet", "history.csv"))


def write_predictions(predictions: pd.DataFrame, path: Path) -> None:
    """Write predictions; repeated ids and scenarios are stored once."""
    table = predictions.assign(
        scenario=predictions["scenario"].astype("category"), sample_id=predictions["sample_id"].astype("category")
    )
    table.to_parquet(path, index=False, compression="zstd")


def _coded(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the position of each text of a column in the list of its distinct texts, and that list."""
    array = column.combine_chunks()
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    return coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
