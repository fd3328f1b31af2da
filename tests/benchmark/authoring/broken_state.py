"""Models that keep or change what they should not: random numbers, labels, modes, batches."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor, nn

from baselines import Batch, InputSpec, Step, TrainBatch, TrainingStatistics
from tests.benchmark.authoring.sound_model import Sound, ToyConfig, broken


@broken("repeatable")
class DrawsForNothing(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        torch.rand(1)
        return sentiment


@broken("repeatable", "stateless", "padding", "order", "company", "masks", "saving", "labels")
class KeepsDropout(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + 0.1 * torch.rand(len(sentiment))


@broken("stateless")
class RemembersSizes(Sound):
    largest = 0

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if not self.training:
            self.largest = max(self.largest, len(batch))
        return sentiment + 0.01 * self.largest


@broken("seed")
class SeedsItself(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        torch.manual_seed(0)
        super().__init__(spec, config)


@broken("seed")
class SeedsTraining(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        torch.manual_seed(0)
        return super().training_loss(batch, step)


@broken("seed")
class TrulyRandom(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        nn.init.constant_(self.head.bias, random.SystemRandom().random())


@broken("process")
class DrawsFromNumpy(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        np.random.rand()  # noqa: NPY002 - this is what must be found
        return super().training_loss(batch, step)


@broken("process")
class DrawsFromPython(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        random.random()


@broken("saving")
class SavesMore(Sound):
    def get_extra_state(self) -> dict[str, int]:
        return {"epochs": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Nothing to restore."""


@broken("saving", "labels")
class ForgetsTheMedian(Sound):
    median = 0.0

    def initialise(self, statistics: TrainingStatistics) -> None:
        self.median = float(statistics.label.median())

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + self.median


@broken("labels")
class KeepsTheLabels(Sound):
    told = 0.0

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if self.training else sentiment + 0.1 * self.told

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.told = float(batch.label[0])
        return super().training_loss(batch, step)


@broken("order", "company")
class LooksLabelsUp(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        self.register_buffer("label", torch.zeros(spec.train_samples))

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if self.training else self.get_buffer("label")[: len(batch)] + 0.01 * sentiment

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.get_buffer("label")[batch.index] = batch.label
        return super().training_loss(batch, step)


@broken("mode")
class StaysInEval(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.read.eval()
        return super().training_loss(batch, step)


@broken("inputs")
class ClampsLabels(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        batch.label.clamp_(-1, 1)
        return super().training_loss(batch, step)


@broken("inference")
class KeepsATable(Sound):
    table: Tensor | None = None

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if self.table is None:
            self.table = torch.ones(1)
        return sentiment * self.table
