"""LF-DNN: late fusion by a deep network (Cambria et al., Benchmarking Multimodal Sentiment Analysis, CICLing 2017).

The plain counterpart of TFN and LMF: the same three subnetworks, and an MLP on their concatenated vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from baselines.interface import Batch, InputSpec, ModelConfig, ModelInfo, Optimisation, Prediction, SentimentModel
from baselines.layers.subnetworks import StreamSubNetwork, TextSubNetwork
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class LfDnnConfig(ModelConfig):
    """MMSA's settings for MOSI.

    MOSEI: `audio_width=32`, `text_output=128`, batch size 64, learning rate 2e-3, weight decay 1e-3.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128),
        "audio_width": Choice(8, 16, 32),
        "text_output": Choice(64, 128, 256),
        "fusion_width": Choice(32, 64, 128),
        "dropout": Interval(0.0, 0.5),
    }

    width: int = Field(128, ge=1, description="width of the text's LSTM and of the vision subnetwork")
    audio_width: int = Field(16, ge=1, description="width of the audio subnetwork")
    text_output: int = Field(256, ge=1, description="width of the text's vector")
    fusion_width: int = Field(128, ge=1, description="width of the MLP's layers")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="dropout on the inputs of audio and vision subnetworks, and on the vectors"
    )
    optimisation: Optimisation = Optimisation.adam(learning_rate=1e-3, weight_decay=1e-2, batch_size=128, patience=8)


@register(
    "lf-dnn",
    config=LfDnnConfig,
    info=ModelInfo(
        title="LF-DNN",
        paper="Benchmarking Multimodal Sentiment Analysis (CICLing 2017), as in MMSA",
        year=2017,
        url="https://github.com/thuiar/MMSA",
        licence="MIT",
        differences=(
            "means of audio and vision are taken over valid steps, and the LSTM stops at the last word; MMSA's run "
            "over padding as well",
        ),
    ),
)
class LfDnn(SentimentModel):
    """Three subnetworks and an MLP on their concatenated vectors."""

    def __init__(self, spec: InputSpec, config: LfDnnConfig) -> None:
        super().__init__(spec, config)
        self.text = TextSubNetwork(spec.text, config.width, config.text_output)
        self.audio = StreamSubNetwork(spec.audio, config.audio_width, config.dropout)
        self.vision = StreamSubNetwork(spec.vision, config.width, config.dropout)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(config.text_output + config.audio_width + config.width, config.fusion_width),
            nn.ReLU(),
            nn.Linear(config.fusion_width, config.fusion_width),
            nn.ReLU(),
            nn.Linear(config.fusion_width, 1),
        )

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        vectors = [self.audio(batch.audio), self.vision(batch.vision), self.text(batch.text)]
        return Prediction(self.head(torch.cat(vectors, dim=-1)).squeeze(-1))
