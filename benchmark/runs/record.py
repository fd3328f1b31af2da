"""Content of `run.json`: the record of one run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.files import sha256_of
from benchmark.runs.spec import ORACLE, RunSpec
from protocols import InputError

_T = TypeVar("_T")
#: Version of the record; raised when a field changes its meaning.
SCHEMA_VERSION = 1
#: Names of the files of a run; that of every epoch's predictions is there only with `optimism`.
RECORD, HISTORY, WEIGHTS = "run.json", "history.csv", "model.safetensors"
SAMPLES, PREDICTIONS, EPOCHS = "samples.parquet", "predictions.parquet", "epochs.parquet"

_TRIES = 3
_AGAIN = "remove its folder and run the study again"


class Evaluation(BaseModel):
    """Cell: the run under one scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str
    fingerprint: str
    masks_sha256: str
    mae: float


class EpochEvaluations(BaseModel):
    """Content of `epochs.parquet`.

    Attributes:
        epochs: Epochs from which the checkpoint was chosen, rising; counted from 1 over all stages, 0 without training.
        fingerprints: Scenarios under which each of them was evaluated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: tuple[int, ...]
    fingerprints: tuple[str, ...]


class RunRecord(BaseModel):
    """Content of `run.json`.

    Attributes:
        attempts: Number of attempts, including this one, of an executor that tries again after the loss of a node.
        training_version, inference_version: Versions of the bits that training and inference give, which rise for all
            models together; 1 in runs of older versions. Cells of different versions are never united.
        inference_ms: Mean milliseconds per sample over all scenarios, in batches of samples of similar length (of 32
            samples under `inference_version` 1).
        inference_ms_median, inference_ms_p95: Median and 95th percentile of the same; None in runs of older versions.
        flops: Floating point operations of one prediction; None in runs of older versions or where unknown.
        tested_epochs: Content of `epochs.parquet`; None without that file.
        files: sha256 of the other files of the run by name, two of a file that is being replaced; empty in runs of
            older versions.
        notes: Remarks of filing, such as cells of another machine that differ and were left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    id: str
    spec: RunSpec
    status: Literal["done", "failed"]
    error: str | None = None
    traceback: str | None = None
    attempts: int = 1
    training_version: int = 1
    inference_version: int = 1
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
    files: dict[str, tuple[str, ...]] = {}
    notes: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[int, int]:
        """Versions of training and inference."""
        return self.training_version, self.inference_version

    def evaluated(self) -> dict[str, Evaluation]:
        """Evaluations by the scenario's fingerprint."""
        return {e.fingerprint: e for e in self.evaluations}

    def lacks(self, fingerprints: Iterable[str], *, epochs: bool = False) -> bool:
        """Return True if a scenario was not evaluated or, if required, not for every epoch (the oracle has none)."""
        wanted = set(fingerprints)
        if wanted - set(self.evaluated()):
            return True
        if not epochs or self.spec.model == ORACLE:
            return False
        return self.tested_epochs is None or bool(wanted - set(self.tested_epochs.fingerprints))


def read_record(path: Path) -> RunRecord | None:
    """Read `run.json`; None if it is missing or damaged.

    Raises:
        InputError: for a record of a newer version, which must not be taken for a damaged one and replaced.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    record = None
    try:
        record = RunRecord.model_validate_json(content)
        newer = record.schema_version > SCHEMA_VERSION
    except ValidationError as error:
        newer = any(fault["type"] == "extra_forbidden" for fault in error.errors())
    if newer or (record is None and _schema_of(content) > SCHEMA_VERSION):
        raise InputError(
            f"{path}: written by a newer version of sentibench; install that version, or use another folder of runs"
        )
    return record


def check_file(folder: Path, name: str) -> None:
    """Compare a file of a run with the checksum in `run.json`; runs of older versions have none.

    Raises:
        InputError: if it cannot be read, or is not the file that `run.json` describes.
    """
    _checked(folder, name, None, lambda path: (sha256_of(path), None))


def checked_content(folder: Path, name: str, record: RunRecord | None = None) -> bytes:
    """Read a file of a run, and compare it as `check_file` does; `record` is that of the run, if it has been read."""

    def read(path: Path) -> tuple[str, bytes]:
        content = path.read_bytes()
        return hashlib.sha256(content).hexdigest(), content

    return _checked(folder, name, record, read)


def _checked(folder: Path, name: str, record: RunRecord | None, read: Callable[[Path], tuple[str, _T]]) -> _T:
    path = folder / name
    for _ in range(_TRIES):  # another process may add cells: it replaces the file, then the record
        try:
            digest, content = read(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error}); {_AGAIN}") from error
        record = record or read_record(folder / RECORD)
        if record is None or digest in record.files.get(name, (digest,)):
            return content
        record = None
    raise InputError(f"{path}: was changed or is damaged (its sha256 is not that in {RECORD}); {_AGAIN}")


def faults(folder: Path) -> list[str]:
    """Compare a run with its record; return a line for each file that is missing, changed or damaged."""
    path = folder / RECORD
    record = read_record(path)
    if record is None:
        return [f"{path}: is damaged; {_AGAIN}"]
    found = []
    if record.spec.id != record.id:
        found.append(f"{path}: its spec was changed (its id is not {record.id}, but {record.spec.id}); {_AGAIN}")
    for name in dict.fromkeys((*record.files, *((PREDICTIONS, SAMPLES, HISTORY) if record.status == "done" else ()))):
        try:
            check_file(folder, name)
        except InputError as error:
            found.append(str(error))
    return found


def _schema_of(content: bytes) -> int:
    """Return the schema version that a record names; 0 if it names none."""
    try:
        version = json.loads(content).get("schema_version", 0)
    except (ValueError, AttributeError):
        return 0
    return version if isinstance(version, int) else 0


def sealed(record: RunRecord, folder: Path) -> RunRecord:
    """Add checksums of the files in a run's folder to its record."""
    names = sorted(path.name for path in folder.iterdir() if path.name != RECORD)
    return record.model_copy(update={"files": {name: (sha256_of(folder / name),) for name in names}})


def write_record(record: RunRecord, path: Path) -> None:
    """Write `run.json`."""
    path.write_text(json.dumps(record.model_dump(mode="json"), indent=2, allow_nan=False) + "\n", encoding="utf-8")
