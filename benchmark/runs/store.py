"""The run store: a folder a run, written beside its place and renamed into it.

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

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.runs.spec import ORACLE, RunSpec
from protocols import InputError

SCHEMA_VERSION = 1

#: Name of the file of every epoch's predictions.
EPOCHS = "epochs.parquet"


class Evaluation(BaseModel):
    """One cell: the run under one scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str
    fingerprint: str
    masks_sha256: str
    mae: float


class EpochEvaluations(BaseModel):
    """What `epochs.parquet` holds.

    Attributes:
        epochs: Those from which the checkpoint was chosen, rising; counted from 1 over all stages, 0 without training.
        fingerprints: The scenarios under which each of them was evaluated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: tuple[int, ...]
    fingerprints: tuple[str, ...]


class RunRecord(BaseModel):
    """The content of `run.json`.

    Attributes:
        inference_ms: Mean milliseconds a sample over all scenarios, in batches of 32 samples of similar length.
        inference_ms_median, inference_ms_p95: Of the same; None in runs of older versions.
        flops: Floating point operations of one prediction; None in runs of older versions or where unknown.
        tested_epochs: What `epochs.parquet` holds; None where there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    id: str
    spec: RunSpec
    status: Literal["done", "failed"]
    error: str | None = None
    traceback: str | None = None
    parameters: int = 0
    epochs: int = 0
    best_epoch: int = 0
    valid_mae: float | None = None
    seconds: dict[str, float] = {}
    inference_ms: float | None = None
    inference_ms_median: float | None = None
    inference_ms_p95: float | None = None
    flops: int | None = None
    peak_memory_mb: float | None = None
    evaluations: tuple[Evaluation, ...] = ()
    tested_epochs: EpochEvaluations | None = None
    provenance: dict[str, Any] = {}

    def evaluated(self) -> dict[str, Evaluation]:
        """Evaluations by the scenario's fingerprint."""
        return {e.fingerprint: e for e in self.evaluations}

    def lacks(self, fingerprints: Iterable[str], *, epochs: bool = False) -> bool:
        """Whether a scenario was not evaluated or, if asked for, not for every epoch (the oracle has none)."""
        wanted = set(fingerprints)
        if wanted - set(self.evaluated()):
            return True
        if not epochs or self.spec.model == ORACLE:
            return False
        return self.tested_epochs is None or bool(wanted - set(self.tested_epochs.fingerprints))


class RunStore:
    """Runs under one folder.

    Args:
        root: The folder; made when the first run is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, spec: RunSpec) -> Path:
        """Where a run is, or would be."""
        return self.root / _safe(spec.dataset) / _safe(spec.split) / f"{_safe(spec.model)}-s{spec.seed}-{spec.id}"

    def find(self, spec: RunSpec) -> RunRecord | None:
        """The record of a run, failed ones included; None when there is none that can be read."""
        path = self.folder(spec) / "run.json"
        try:
            record = RunRecord.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        if record.id != spec.id or record.schema_version != SCHEMA_VERSION:
            return None
        if record.status == "done" and not self._whole(self.folder(spec)):
            return None
        if record.tested_epochs is not None and not (self.folder(spec) / EPOCHS).is_file():
            return record.model_copy(update={"tested_epochs": None})
        return record

    def done(self, spec: RunSpec) -> RunRecord | None:
        """The record of a run that ended well, else None."""
        record = self.find(spec)
        return record if record is not None and record.status == "done" else None

    def records(self) -> list[RunRecord]:
        """Every readable record, in order of path."""
        found = []
        for path in sorted(self.root.glob("*/*/*/run.json")):
            try:
                found.append(RunRecord.model_validate_json(path.read_bytes()))
            except (OSError, ValidationError):
                continue
        return found

    @contextmanager
    def writing(self, spec: RunSpec) -> Iterator[Path]:
        """A new folder for a run's files, renamed into place if the block ends well, removed if not."""
        target = self.folder(spec)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.parent / f".{target.name}.{os.getpid()}"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        try:
            yield beside
            with self.locked():
                if target.exists():  # a failed or damaged run of the same identity gives way
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
        """An empty folder beside a run's, removed when the block ends, however it ends; `sweep` removes it, too."""
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
        """Within it, no other process changes a run that is there: read it anew, add to it, and write it."""
        with FileLock(self.root / ".lock"):
            yield

    @contextmanager
    def text_states(self) -> Iterator[None]:
        """Text states are kept for the runs of the block, and removed when it ends well, unless another process, too,
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
        """Predictions of every epoch under some scenarios: `epoch`, `scenario`, `sample_id`, `prediction`."""
        return self._table(spec, EPOCHS, [("scenario", "in", list(scenarios))])

    def predictions(self, spec: RunSpec) -> pd.DataFrame:
        """Predictions of the cells that the record lists: `scenario`, `sample_id`, `prediction`, ..."""
        return self._table(spec, "predictions.parquet")

    def samples(self, spec: RunSpec) -> pd.DataFrame:
        """Test samples of a run: `sample_id`, `video_id`, `label`, in the order of the predictions."""
        return self._table(spec, "samples.parquet")

    def _table(self, spec: RunSpec, name: str, filters: list[tuple[str, str, list[str]]] | None = None) -> pd.DataFrame:
        path = self.folder(spec) / name
        try:
            return pd.read_parquet(path, filters=filters)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}); remove its folder and run the study again") from error

    def sweep(self) -> None:
        """Remove what runs that were killed left behind."""
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


def write_record(record: RunRecord, path: Path) -> None:
    """Write `run.json`."""
    path.write_text(json.dumps(record.model_dump(mode="json"), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_predictions(predictions: pd.DataFrame, path: Path) -> None:
    """Write predictions; repeated ids and scenarios are stored once."""
    table = predictions.assign(
        scenario=predictions["scenario"].astype("category"), sample_id=predictions["sample_id"].astype("category")
    )
    table.to_parquet(path, index=False, compression="zstd")


def replace_file(path: Path, write: Any) -> None:
    """Write a file beside its place and rename it into it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=,-]+", "_", name).lstrip(".") or "_"
