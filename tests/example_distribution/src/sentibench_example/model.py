"""A recurrent reading of each modality, and a linear map of what they end on."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import (
    MODALITIES,
    Batch,
    InputSpec,
    ModelConfig,
    ModelInfo,
    Optimisation,
    Prediction,
    SentimentModel,
    Step,
    TrainBatch,
    register,
)
from baselines.layers.inputs import signed_log
from baselines.layers.recurrent import RecurrentEncoder


class RecurrentConfig(ModelConfig):
    """Settings of the recurrent model."""

    width: int = Field(default=32, ge=1, description="hidden units of each GRU")
    optimisation: Optimisation = Optimisation(learning_rate=1e-3, batch_size=32, epochs=40)


@register(
    "example-recurrent",
    config=RecurrentConfig,
    info=ModelInfo(title="Example recurrent", paper="of no paper", year=2025, licence="MIT"),
)
class Recurrent(SentimentModel):
    """Three GRUs; their final states side by side; a linear map."""

    def __init__(self, spec: InputSpec, config: RecurrentConfig) -> None:
        super().__init__(spec, config)
        self.encoders = nn.ModuleDict(
            {m: RecurrentEncoder(spec.width(m), config.width, kind="gru") for m in MODALITIES}
        )
        self.head = nn.Linear(len(MODALITIES) * config.width, 1)

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        final = []
        for m in MODALITIES:
            sequences = batch[m]  # the signed logarithm tames the heavy tails of audio and vision
            _, last = self.encoders[m](type(sequences)(signed_log(sequences.values), sequences.length))
            final.append(last)
        return Prediction(self.head(torch.cat(final, dim=1)).squeeze(1))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """The L1 loss."""
        return {"task": F.l1_loss(self(batch.input).sentiment, batch.label)}
