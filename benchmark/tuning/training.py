"""Training of a trial, in any process: the run that a study would make, without its evaluation.

It gets the same data, model, seed and loop, so that a study with the found settings reproduces the validation MAE; it
never reads the test part.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from baselines import SentimentModel, load_plugin, resolve_config
from benchmark.runs.executors.base import Report
from benchmark.runs.failures import Loss, described, readable
from benchmark.runs.resuming import STATE, training_folder, training_identity
from benchmark.runs.spec import RunSpec
from benchmark.runs.training import RunTraining
from benchmark.training import CHECKPOINT_SECONDS
from benchmark.training.devices import open_device
from benchmark.training.loop import forked_rng
from benchmark.training.resuming import Checkpoint
from benchmark.training.sweep import TrainingDiverged
from benchmark.tuning.journal import Status, TrainingRecord, key_of
from protocols import InputError

#: Part of a training before it may be ended early: this share of the epochs that a checkpoint may be chosen from,
#: and at least this number.
GRACE, GRACE_EPOCHS = 0.25, 5


@dataclass(frozen=True)
class Training:
    """Task of one training: plain values that are sent to other processes.

    Attributes:
        trial: Number of the trial.
        spec: The run.
        root: Folder of the search, for text states shared between workers.
        limits: Limit of the best validation MAE by epoch, above which it is ended; empty: never ended early.
        device: `cpu`, `cuda` or `cuda:1`.
        plugins: Python files to import first.
        checkpoint_seconds: Seconds between two states of the training; see `benchmark.runs.execution.Job`.
    """

    trial: int
    spec: RunSpec
    root: Path
    limits: tuple[float, ...] = ()
    device: str = "cpu"
    plugins: tuple[str, ...] = ()
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    filed: ClassVar[bool] = False

    def ended(self, status: Status, error: str | None = None) -> TrainingRecord:
        """Make a record of this training."""
        dataset, seed = key_of(self.spec)
        return TrainingRecord(
            trial=self.trial, dataset=dataset, seed=seed, run=self.spec.id, status=status, error=error
        )

    def execute(self, report: Report) -> TrainingRecord:
        """Train and return the record; an error is in it, with the curve up to it, and the search continues."""
        started = time.perf_counter()
        curve: list[float | None] = []
        try:
            for plugin in self.plugins:
                load_plugin(plugin)
            record = _train(self, report, curve)
        except _Pruned as pruned:
            record = self.ended("pruned", str(pruned))
        except TrainingDiverged as error:
            record = self.ended("diverged", readable(str(error)))
        except InputError as error:
            record = self.ended("rejected", readable(str(error)))
        except Exception as error:  # noqa: BLE001 - recorded with the trial, whatever it is
            record = self.ended("failed", described(error))
        seconds = record.seconds or time.perf_counter() - started
        return record.model_copy(update={"curve": tuple(curve), "seconds": round(seconds, 3)})

    def accept(self, parcel: TrainingRecord) -> TrainingRecord:
        """Return the record, which the search keeps in its journal."""
        return parcel

    def lost(self, loss: Loss) -> TrainingRecord:
        """Make the record of a training whose worker died or was ended: the next command tries it again."""
        return self.ended("failed", loss.reason)


class _Pruned(Exception):
    """Raised to end a training from within its progress."""


def _train(training: Training, report: Report, curve: list[float | None]) -> TrainingRecord:
    spec = training.spec
    config = resolve_config(spec.model, spec.config)
    run = RunTraining(spec, training.root, open_device(training.device))
    with training_folder(training.root / spec.id) as kept, forked_rng(spec.seed, run.device):
        checkpoint = None
        if kept is not None:
            identity = training_identity(spec, run.device, optimism=False)
            checkpoint = Checkpoint(kept / STATE, identity, training.checkpoint_seconds)
        model = run.model()
        unselected = _unselected(model, config.optimisation.epochs)

        def follow(done: int, total: int, mae: float) -> None:
            curve.append(mae if done > unselected else None)
            best = min((v for v in curve if v is not None), default=math.inf)
            grace = unselected + max(GRACE_EPOCHS, math.ceil(GRACE * (total - unselected)))
            if training.limits and grace <= done < total:
                limit = training.limits[min(done, len(training.limits)) - 1]
                if best > limit:
                    raise _Pruned(
                        f"best validation MAE {best:.4f} after epoch {done}, ended early as it is above {limit:.4f}"
                    )

        outcome = run.train(model, report, follow, checkpoint=checkpoint)
    if not math.isfinite(outcome.valid_mae):
        raise TrainingDiverged("the validation MAE is not finite")
    update = {"valid_mae": outcome.valid_mae, "best_epoch": outcome.best_epoch, "seconds": run.seconds["train"]}
    return training.ended("done").model_copy(update=update)


def _unselected(model: SentimentModel, epochs: int) -> int:
    """Return the number of epochs of the initial stages that no checkpoint may be chosen from."""
    count = 0
    for stage in model.stages(epochs):
        if stage.selects:
            break
        count += stage.epochs
    return count
