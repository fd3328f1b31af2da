"""Models of one modality: text only, audio only, vision only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from baselines.interface import (
    Batch,
    InputSpec,
    Modality,
    ModelConfig,
    ModelInfo,
    Optimisation,
    Prediction,
    SentimentModel,
    TrainingStatistics,
)
from baselines.layers.heads import Heads
from baselines.layers.inputs import InputNorm
from baselines.layers.pooled_encoder import PooledEncoder
from baselines.layers.regression_head import RegressionHead
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class UnimodalConfig(ModelConfig):
    """Sizes of a unimodal model."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "layers": Choice(0, 1, 2),
        "dropout": Interval(0.0, 0.5),
    }

    width: int = Field(128, ge=4, multiple_of=4)
    layers: int = Field(0, ge=0, description="Transformer layers before attention pooling")
    heads: Heads = Field(4, description="number of attention heads; must divide the width")
    dropout: float = Field(0.3, ge=0, lt=1)
    norm: InputNorm = "layer"
    patch: int = Field(1, ge=1, description="number of neighbouring steps joined into one")
    optimisation: Optimisation = Optimisation(learning_rate=5e-4, weight_decay=1e-2, batch_size=32, epochs=60)


class StreamConfig(UnimodalConfig):
    """Sizes for audio or vision: long streams of few features with heavy tails."""

    layers: int = Field(1, ge=0, description="Transformer layers before attention pooling")
    norm: InputNorm = "log"
    patch: int = Field(4, ge=1, description="number of neighbouring steps joined into one")


class UnimodalModel(SentimentModel):
    """Mean and attention pooling of one modality, then an MLP, trained with the L1 loss."""

    modality: ClassVar[Modality]

    def __init__(self, spec: InputSpec, config: UnimodalConfig) -> None:
        super().__init__(spec, config)
        self.encoder = PooledEncoder(
            spec.width(self.modality),
            config.width,
            layers=config.layers,
            heads=config.heads,
            dropout=config.dropout,
            norm=config.norm,
            patch=config.patch,
        )
        self.head = RegressionHead(2 * config.width, config.width, config.dropout)

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Initialise the prediction near the training median, the best constant."""
        self.head.start_at(statistics.label)

    def forward(self, batch: Batch) -> Prediction:
        """Predict sentiment `(B,)` from this model's modality."""
        return Prediction(self.head(self.encoder(batch[self.modality])))


def _info(modality: Modality) -> ModelInfo:
    return ModelInfo(
        title=f"{modality.capitalize()} only",
        paper="a reference for every table, not from a paper",
        year=2025,
        licence="MIT",
        modalities=(modality,),
    )


@register("text-only", config=UnimodalConfig, info=_info("text"))
class TextOnly(UnimodalModel):
    """Model of the encoded text."""

    modality = "text"


@register("audio-only", config=StreamConfig, info=_info("audio"))
class AudioOnly(UnimodalModel):
    """Model of the audio features."""

    modality = "audio"


@register("vision-only", config=StreamConfig, info=_info("vision"))
class VisionOnly(UnimodalModel):
    """Model of the vision features."""

    modality = "vision"
