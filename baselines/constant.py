"""The training median for every sample: the best MAE without input."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.interface import (
    Batch,
    InputSpec,
    ModelConfig,
    ModelInfo,
    Prediction,
    SentimentModel,
    Step,
    TrainBatch,
    TrainingStatistics,
)
from baselines.registry import register


class ConstantConfig(ModelConfig):
    """Config without settings."""


@register(
    "constant",
    config=ConstantConfig,
    info=ModelInfo(
        title="Training median",
        paper="a floor for every table, not from a paper",
        year=2025,
        licence="MIT",
        modalities=(),
    ),
)
class Constant(SentimentModel):
    """Predicts the median of the training labels. Reads no modality, has no parameters, is not trained."""

    median: Tensor

    def __init__(self, spec: InputSpec, config: ConstantConfig) -> None:
        super().__init__(spec, config)
        self.register_buffer("median", torch.zeros(()))

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Store the median; for an even number of labels, the mean of the two middle ones."""
        self.median.copy_(statistics.label.float().quantile(0.5))

    def forward(self, batch: Batch) -> Prediction:
        """Return the median for every sample, `(B,)`."""
        return Prediction(self.median.expand(len(batch)).clone())

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """L1 loss of the median; there are no parameters to train."""
        return {"task": (self.median - batch.label).abs().mean()}
