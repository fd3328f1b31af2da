"""The one training loop, for all models: stages, parameter groups, warm-up and cosine, early stopping, selection.

A checkpoint is selected by validation MAE under the training regime's own corruption, with one fixed draw: the lowest,
or with a tolerance the latest of those that the validation part cannot tell from it. The test part is not within reach.
Everything random is a function of the seed and of torch's generator, which is forked and seeded for the run and left as
it was.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch

from baselines import Optimisation, SentimentModel, TrainingStatistics
from benchmark.data.dataset import TrainingData
from benchmark.data.encoding import TextSide
from benchmark.training.averaging import WeightAverage
from benchmark.training.parts import TrainingParts
from benchmark.training.resuming import Checkpoint, History, TrainingState, generators, set_generators
from benchmark.training.selection import CheckpointSelector
from benchmark.training.sweep import EpochLosses, TrainingDiverged, sweeps_of
from benchmark.training.weights import trained_modules
from protocols import InputError, Regime

#: Version of the bits of trained weights; it rises when batches, layers, kernels or draws of dropout change them.
TRAINING_VERSION = 4

#: Called after every epoch: (epochs done, epochs at most, validation MAE, mean of each loss term).
Progress = Callable[[int, int, float, Mapping[str, float]], None]

#: Called after every batch: (name of the stage, epochs done with the part of this one, epochs at most).
OnBatch = Callable[[str, float, int], None]

#: Called with the number of every epoch from which the checkpoint may be chosen, while the model has its weights.
AfterEpoch = Callable[[int], None]


@dataclass(frozen=True)
class TrainingOutcome:
    """Outcome of a training.

    Attributes:
        history: One record an epoch: stage, epoch, learning rate, mean of each loss term, validation MAE, seconds.
        best_epoch: The epoch (counted over all stages, from 1) whose weights the model now has; 0 without training.
        valid_mae: Validation MAE of those weights.
    """

    history: History = field(default_factory=list)
    best_epoch: int = 0
    valid_mae: float = math.nan


@contextmanager
def forked_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Start all generators from `seed` within the block, those of numpy and Python included; restore them after it."""
    before = generators(device)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - a model may use it
    random.seed(seed)
    try:
        yield
    finally:
        set_generators(before, device)


@dataclass(frozen=True)
class Trainer:
    """Trains models with one optimisation under one regime.

    Attributes:
        regime: Training regime, which erases in training and validation.
        optimisation: Learning rates, batch size, number of epochs.
        seed: Seed of batches and dropout; also the replicate of the training draws, so that all models of one seed see
            the same corrupted samples.
        device: Device of the computation.
        progress: Called after every epoch.
        on_batch: Called after every batch.
        after_epoch: Called after every epoch that can be selected: those of the stages that select, or, if no stage
            does, the last one (0 without training). It must not change the model.
        checkpoint: File from which a killed training continues; None to keep no state.
        on_resume: Called with the history of a training that continues, and its maximum number of epochs.
    """

    regime: Regime
    optimisation: Optimisation
    seed: int
    device: torch.device
    progress: Progress = lambda *_: None
    on_batch: OnBatch = lambda *_: None
    after_epoch: AfterEpoch = lambda _: None
    checkpoint: Checkpoint | None = None
    on_resume: Callable[[History, int], None] = lambda *_: None

    def train(self, model: SentimentModel, data: TrainingData, text: TextSide | None) -> TrainingOutcome:
        """Train a model in place and leave it with the selected weights.

        Args:
            model: A new model, on the device.
            data: Training and validation parts.
            text: A cache of frozen states, an encoder to fine-tune, or None where text is values.

        Raises:
            InputError: for a model whose stages exceed the budget of epochs, or whose losses are not scalars by name.
            TrainingDiverged: when a loss term or the validation MAE is NaN or infinite.
        """
        optimisation = self.optimisation
        parts = TrainingParts(model, data, self.regime, self.seed, text, self.device)
        model.initialise(TrainingStatistics(parts.label))
        stages = model.stages(optimisation.epochs)
        total = sum(stage.epochs for stage in stages)
        if total > optimisation.epochs:
            raise InputError(
                f"the stages of the model have {total} epochs, more than the budget of {optimisation.epochs}"
            )
        modules = trained_modules(model, text)
        encoder = dict(modules.items()).get("encoder")
        selector = CheckpointSelector(modules, optimisation.tolerance)
        average = WeightAverage(modules, optimisation.ema_decay)
        state = TrainingState(model, modules, selector, average, self.device)
        history = state.resume(self.checkpoint)
        if history:
            self.on_resume(history, total)
        for number, stage in enumerate(stages[state.stage :], state.stage):
            sweeps = sweeps_of(model, stage, optimisation, encoder, math.ceil(len(parts) / optimisation.batch_size))
            epoch = state.enter(number, sweeps)
            while epoch < stage.epochs and not (stage.selects and selector.since >= optimisation.patience):
                started, done, losses = time.perf_counter(), len(history), EpochLosses()
                modules.train()
                draw = parts.draw(done)
                for turn, sweep in enumerate(sweeps):
                    batches = parts.batches(draw, done, turn, optimisation.batch_size)
                    for _ in sweep.train(batches, epoch, done, losses):
                        average.follow()
                        self.on_batch(stage.name, done + losses.samples / (len(parts) * len(sweeps)), total)
                done, epoch = done + 1, epoch + 1
                with average.used():
                    errors = parts.validation_errors()
                    mae = float(errors.mean())
                    if not math.isfinite(mae):
                        raise TrainingDiverged(f"validation MAE is not finite in stage {stage.name}, epoch {done}")
                    seconds = time.perf_counter() - started
                    if stage.selects:
                        self.after_epoch(done)
                        selector.offer(errors, done)
                record: dict[str, float | str] = {"stage": stage.name, "epoch": done, "valid_mae": mae}
                rate = sweeps[-1].learning_rate
                history.append(record | {"learning_rate": rate, "seconds": seconds, **losses.result()})
                self.progress(done, total, mae, losses.result())
                if self.checkpoint is not None and self.checkpoint.due:
                    state.save(self.checkpoint, number, epoch, sweeps)
        if selector.epoch:
            selector.restore()
            return TrainingOutcome(history, selector.epoch, selector.mae)
        average.use()
        self.after_epoch(len(history))
        mae = float(history[-1]["valid_mae"]) if history else float(parts.validation_errors().mean())
        return TrainingOutcome(history, len(history), mae)
