"""The task of one run, handed to a worker. Imports no torch."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from baselines import load_plugin
from benchmark.runs.executors.base import Report
from benchmark.runs.failures import Loss
from benchmark.runs.provenance import provenance
from benchmark.runs.record import RECORD, RunRecord, write_record
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import RunStore
from benchmark.training import CHECKPOINT_SECONDS
from benchmark.training.memory import importing_torch
from protocols import InputError, parse


@dataclass(frozen=True)
class Job:
    """The task of one run: plain values that travel between processes.

    Attributes:
        spec: The run.
        scenarios: Texts of the scenarios to evaluate under.
        root: Folder of the run store.
        device: `cpu`, `cuda` or `cuda:1`.
        plugins: Python files to import first.
        optimism: Evaluate every epoch that the checkpoint is chosen from as well, once training has ended.
        checkpoint_seconds: Seconds between two states of the training, from which the next command continues a killed
            one; 0 for one after every epoch.
        attempt: Number of the attempt, where an executor tries again.
    """

    spec: RunSpec
    scenarios: tuple[str, ...]
    root: Path
    device: str = "cpu"
    plugins: tuple[str, ...] = ()
    optimism: bool = False
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    attempt: int = 1
    filed: ClassVar[bool] = True

    def execute(self, report: Report) -> RunRecord:
        """Train the run if it is not in the store, evaluate the missing scenarios, and file the results."""
        with importing_torch():  # which the process that plans runs does without
            from benchmark.runs.execution import RunWorker

        for plugin in self.plugins:
            load_plugin(plugin)
        store = RunStore(self.root)
        done = store.done(self.spec)
        worker = RunWorker(self, report)
        # another process may have filed the run meanwhile, with other scenarios
        return worker.complete(store, done or worker.run(store))

    def accept(self, parcel: RunRecord) -> RunRecord:
        """Return the record of the run, which must be in the store with its cells."""
        if self.is_filed():
            return parcel
        return self.lost(
            Loss(f"its worker has filed it, but it is not in {self.root} with its cells: does it see the same folder?")
        )

    def is_filed(self) -> bool:
        """Return True if the run is in the store with all cells that the job asks for."""
        record = RunStore(self.root).done(self.spec)
        wanted = [parse(text).fingerprint for text in self.scenarios]
        return record is not None and not record.lacks(wanted, epochs=self.optimism)

    def lost(self, loss: Loss) -> RunRecord:
        """File and return the record of a failed run; the study continues."""
        record = RunRecord(
            id=self.spec.id,
            spec=self.spec,
            status="failed",
            attempts=self.attempt,
            error=loss.reason,
            traceback=loss.traceback,
            provenance=provenance(),
        )
        # a full disk may be what failed it; a run that is done stays as it is
        with suppress(OSError, InputError), RunStore(self.root).writing(self.spec) as folder:
            write_record(record, folder / RECORD)
        return record
