"""Models for tests of the conformance kit: a sound one, and others that are each broken in one way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from pydantic import ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import (
    Batch,
    Choice,
    InputSpec,
    ModelConfig,
    ModelInfo,
    ParameterGroup,
    Prediction,
    SentimentModel,
    Sequences,
    Stage,
    Step,
    TrainBatch,
    TrainingStatistics,
)
from protocols import MODALITIES


class ToyConfig(ModelConfig):
    width: int = 16


class Sound(SentimentModel):
    """Means over valid steps, a hidden layer, a head: keeps everything."""

    name = "toy"
    info = ModelInfo(title="Toy", paper="none", year=2025)
    config_class = ToyConfig

    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        self.read = nn.ModuleDict({m: nn.Linear(spec.width(m), config.width) for m in MODALITIES})
        self.head = nn.Linear(config.width, 1)

    def pooled(self, sequences: Sequences) -> Tensor:
        return sequences.values.sum(1) / sequences.length[:, None]

    def forward(self, batch: Batch) -> Prediction:
        hidden = torch.stack([self.read[m](self.pooled(batch[m])) for m in MODALITIES]).sum(0)
        return Prediction(self.changed(self.head(torch.tanh(hidden)).squeeze(-1), batch))

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {"task": F.l1_loss(self(batch.input).sentiment, batch.label)}


#: Model, and every check that must fail: that one, and those that cannot but fail with it.
BROKEN: dict[str, tuple[type[SentimentModel], set[str]]] = {}


def broken(*checks: str) -> Callable[[type[SentimentModel]], type[SentimentModel]]:
    def decorate(cls: type[SentimentModel]) -> type[SentimentModel]:
        BROKEN[cls.__name__] = cls, set(checks)
        return cls

    return decorate


@broken("name")
class ShoutedName(Sound):
    name = "My Model"


@broken("info")
class NoSentence(Sound):
    info = replace(Sound.info, url="https://example.org/paper", differences=("different",))


@broken("info")
class CodeWithoutLicence(Sound):
    info = replace(Sound.info, url="https://github.com/someone/code")


class LooseConfig(ToyConfig):
    model_config = ConfigDict(extra="ignore")


@broken("config")
class AcceptsMisspelling(Sound):
    config_class = LooseConfig


class OpenConfig(ToyConfig):
    model_config = ConfigDict(frozen=False)


@broken("config")
class CanBeChanged(Sound):
    config_class = OpenConfig


class LostSearchConfig(ToyConfig):
    search: ClassVar = {"widht": Choice(8, 16)}


@broken("search")
class SearchesNothing(Sound):
    config_class = LostSearchConfig


@broken("stages")
class SpendsMore(Sound):
    def stages(self, epochs: int) -> list[Stage]:
        return [Stage("first", epochs), Stage("second", 1)]


@broken("groups")
class TrainsAnothers(Sound):
    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        return [*super().parameter_groups(stage, sweep), ParameterGroup([nn.Parameter(torch.zeros(1))])]


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


@broken("masks")
class Looks(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if batch.integrity is None else sentiment * batch.integrity[:, 0]


@broken("masks")
class DoesNotLook(Sound):
    info = replace(Sound.info, mask_informed=True)


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
class DoesNotPeek(Sound):
    info = replace(Sound.info, uses_complete_view=True)


@broken("learning")
class SaysLittle(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return 0.01 * torch.tanh(sentiment)


@broken("learning", "text-gradient")
class ReadsTheSign(Sound):
    def pooled(self, sequences: Sequences) -> Tensor:
        mean = super().pooled(sequences)
        return 0.01 * mean.sign().mean(1, keepdim=True).expand_as(mean) + 0 * mean


@broken("cost")
class FailsAtScale(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if len(batch) > 30:
            raise RuntimeError("too large")
        return sentiment
