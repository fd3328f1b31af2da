"""Late fusion trained with modality dropout: the simplest model made for missing modalities.

The rule is that of ModDrop (Neverova et al., TPAMI 2016): in training, whole modalities are set to zero at random, so
that the fusion learns to use the others; nothing is estimated, completed or selected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import (
    MODALITIES,
    Batch,
    InputSpec,
    Modality,
    ModelConfig,
    ModelInfo,
    Optimisation,
    Prediction,
    SentimentModel,
    Step,
    TrainBatch,
    TrainingStatistics,
)
from baselines.layers.event_tokens import EventTokens
from baselines.layers.inputs import InputNorm
from baselines.layers.modality_dropout import keep_modalities
from baselines.layers.pooled_encoder import PooledEncoder
from baselines.layers.regression_head import RegressionHead
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class LateFusionConfig(ModelConfig):
    """Sizes of the late fusion."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "stream_norm": Choice("log", "none"),
        "events": Choice(0, 16, 32),
        "neighbours": Choice(0, 1, 2),
        "dropout": Interval(0.0, 0.6),
        "event_dropout": Interval(0.0, 0.5),
        "modality_dropout": Interval(0.0, 0.5),
        "linear": Choice(True, False),
        "task_loss": Choice("l1", "smooth_l1"),
    }

    width: int = Field(128, ge=4, multiple_of=4)
    stream_layers: int = Field(1, ge=0, description="Transformer layers of audio and vision before attention pooling")
    heads: int = Field(4, ge=1, description="number of attention heads, without events; must divide the width")
    dropout: float = Field(0.3, ge=0, lt=1)
    modality_dropout: float = Field(0.2, ge=0, lt=1, description="probability that training sets a modality to zero")
    text_norm: InputNorm = "layer"
    stream_norm: InputNorm = "log"
    patch: int = Field(4, ge=1, description="neighbouring steps of audio and vision joined into one")
    events: int = Field(
        0, ge=0, description="kinds of events that replace attention pooling, as in Senti-iFusion; 0: none"
    )
    neighbours: int = Field(
        1, ge=0, description="with events: audio / vision steps on either side whose average is added to a step"
    )
    event_dropout: float = Field(0.05, ge=0, lt=1, description="with events: dropout on audio / vision")
    linear: bool = Field(True, description="add a linear map to the MLP of the head")
    task_loss: Literal["l1", "smooth_l1"] = "l1"
    optimisation: Optimisation = Optimisation(learning_rate=5e-4, weight_decay=1e-2, batch_size=32, epochs=60)

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.events == 0 and self.width % self.heads:
            raise ValueError(f"heads {self.heads} must divide the width, {self.width}")
        return self


@register(
    "late-fusion-dropout",
    config=LateFusionConfig,
    info=ModelInfo(
        title="Late fusion with modality dropout",
        paper="after Neverova et al., ModDrop: Adaptive Multi-Modal Gesture Recognition, TPAMI 2016",
        year=2016,
        url="https://arxiv.org/abs/1501.00102",
        licence="MIT",
        version=3,
        missing_parts="dropout",
        differences=(
            "this is a new sentiment model with the paper's rule, not a reimplementation of its gesture network",
            "the encoded vector of a modality is set to zero, not its input",
        ),
    ),
)
class LateFusion(SentimentModel):
    """Three pooled encoders and an MLP on their concatenated vectors; trained with modality dropout."""

    def __init__(self, spec: InputSpec, config: LateFusionConfig) -> None:
        super().__init__(spec, config)
        encoder = _event_tokens if config.events else _pooled_encoder
        self.encoders = nn.ModuleDict({m: encoder(m, spec, config) for m in MODALITIES})
        self.head = RegressionHead(
            len(MODALITIES) * 2 * config.width, config.width, config.dropout, linear=config.linear
        )
        self.modality_dropout = config.modality_dropout
        self.task_loss = config.task_loss

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Initialise the prediction near the training median."""
        self.head.start_at(statistics.label)

    def vectors(self, batch: Batch) -> Tensor:
        """Return each modality's vector, `(B, 3, 2 d)`."""
        return torch.stack([self.encoders[m](batch[m]).flatten(1) for m in MODALITIES], dim=1)

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self.head(self.vectors(batch).flatten(1)))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Loss named by `task_loss`, with whole modalities set to zero at random."""
        vectors = self.vectors(batch.input)
        kept = keep_modalities(len(batch), self.modality_dropout, vectors.device)
        score = self.head((vectors * kept.unsqueeze(-1)).flatten(1))
        loss = F.l1_loss if self.task_loss == "l1" else F.smooth_l1_loss
        return {"task": loss(score, batch.label)}


def _pooled_encoder(modality: Modality, spec: InputSpec, config: LateFusionConfig) -> PooledEncoder:
    text = modality == "text"
    return PooledEncoder(
        spec.width(modality),
        config.width,
        layers=0 if text else config.stream_layers,
        heads=config.heads,
        dropout=config.dropout,
        norm=config.text_norm if text else config.stream_norm,
        patch=1 if text else config.patch,
    )


def _event_tokens(modality: Modality, spec: InputSpec, config: LateFusionConfig) -> EventTokens:
    text = modality == "text"
    return EventTokens(
        spec.width(modality),
        config.width,
        events=config.events,
        norm=config.text_norm if text else config.stream_norm,
        neighbours=0 if text else config.neighbours,
        dropout=config.dropout if text else config.event_dropout,
    )
