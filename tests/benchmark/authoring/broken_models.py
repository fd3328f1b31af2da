"""Models whose predictions are wrong: in form, size or cost, or by what they depend on."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from baselines import Batch, InputSpec, Prediction, Sequences
from protocols import MODALITIES
from tests.benchmark.authoring.sound_model import Sound, ToyConfig, broken


@broken("shapes")
class Double(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment.double()


@broken("shapes")
class BoastsOfIntegrity(Sound):
    def forward(self, batch: Batch) -> Prediction:
        return Prediction(super().forward(batch).sentiment, integrity=torch.full((len(batch), 3), 1.5))


@broken("missing", "short")  # the text of a short sample may be erased as a whole
class NeedsText(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        norm = batch.text.values.norm(dim=(1, 2))
        return sentiment if self.training else sentiment * norm / norm


@broken("short")
class NeedsTwoSteps(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if all(batch[m].values.shape[1] < 2 for m in MODALITIES):
            raise RuntimeError("kernel size 2 is larger than the input")
        return sentiment


@broken("long")
class TableOfPositions(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        self.register_buffer("position", torch.zeros(100))

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + self.get_buffer("position")[batch.vision.length - 1]


@broken("huge")
class Exponential(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + 0.01 * self.pooled(batch.audio).mean(1).exp()


@broken("padding", "company")
class AveragesPadding(Sound):
    def pooled(self, sequences: Sequences) -> Tensor:
        return sequences.values.mean(1)


@broken("order", "company")
class CountsRows(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + 0.01 * torch.arange(len(batch))


@broken("company", "own-gradient")
class NormalisesOverBatch(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment - 0.1 * sentiment.mean()


@broken("own-gradient")
class LeaksGradient(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if self.training else sentiment + (sentiment.sum() - sentiment.sum().detach())


@broken("modalities")
class ReadsInSecret(Sound):
    info = replace(Sound.info, modalities=("text", "audio"))


@broken("erased")
class ReadsSigns(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + 0.01 * torch.signbit(batch.audio.values).float().mean(2).sum(1)


@broken("masks")
class Looks(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if batch.integrity is None else sentiment * batch.integrity[:, 0]


@broken("masks")
class DoesNotLook(Sound):
    info = replace(Sound.info, mask_informed=True)


@broken("cost")
class FailsAtScale(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if len(batch) > 30:
            raise RuntimeError("too large")
        return sentiment
