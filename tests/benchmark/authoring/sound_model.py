"""The sound model of the tests of the conformance kit, and the list of those made from it that are broken."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import Batch, InputSpec, ModelConfig, ModelInfo, Prediction, SentimentModel, Sequences, Step, TrainBatch
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
