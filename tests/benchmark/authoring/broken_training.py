"""Models that train wrongly: losses, gradients, views, learning."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import Batch, InputSpec, ParameterGroup, Sequences, Stage, Step, TrainBatch
from tests.benchmark.authoring.sound_model import Sound, ToyConfig, broken


@broken("losses")
class DividesByDeviation(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {"task": super().training_loss(batch, step)["task"] / batch.label.var(correction=0).sqrt()}


@broken("losses")
class LossOfEach(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {"mean error": super().training_loss(batch, step)["task"]}


@broken("gradients")
class UnusedParameter(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        self.unused = nn.Linear(2, 2)


@broken("gradients")
class LeftOut(Sound):
    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        return [ParameterGroup([*self.read.parameters(), self.head.weight])]


@broken("text-gradient")
class CutsText(Sound):
    def pooled(self, sequences: Sequences) -> Tensor:
        return super().pooled(sequences).detach()


@broken("complete-view", "text-gradient")
class PeeksAtTheWhole(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {"task": F.l1_loss(self(batch.complete).sentiment, batch.label)}


@broken("complete-view")
class LearnsFromTheTarget(Sound):
    info = replace(Sound.info, uses_complete_view=True, complete_is_target=True)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        views = {"task": batch.input, "whole": batch.complete}
        return {name: F.l1_loss(self(view).sentiment, batch.label) for name, view in views.items()}


@broken("complete-view")
class DoesNotPeek(Sound):
    info = replace(Sound.info, uses_complete_view=True)


@broken("training-masks")
class WeighsByWhatIsLeft(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        weight = 0.5 + batch.integrity.mean(1)
        return {"task": (weight * (self(batch.input).sentiment - batch.label).abs()).mean()}


@broken("training-masks")
class ReadsNoMask(Sound):
    info = replace(Sound.info, uses_masks=True)


@broken("learning")
class SaysLittle(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return 0.01 * torch.tanh(sentiment)


@broken("learning", "text-gradient")
class ReadsTheSign(Sound):
    def pooled(self, sequences: Sequences) -> Tensor:
        mean = super().pooled(sequences)
        return 0.01 * mean.sign().mean(1, keepdim=True).expand_as(mean) + 0 * mean
