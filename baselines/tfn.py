"""TFN: Tensor Fusion Network (Zadeh et al., EMNLP 2017, arXiv 1707.07250).

Each modality is encoded as one vector. The outer product of the three, each with a one prepended, contains every
modality, every pair and all three; an MLP predicts the sentiment from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from baselines.interface import Batch, InputSpec, ModelConfig, ModelInfo, Optimisation, Prediction, SentimentModel
from baselines.layers.subnetworks import StreamSubNetwork, TextSubNetwork
from baselines.layers.tensor_fusion import tensor_fusion
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class TfnConfig(ModelConfig):
    """MMSA's settings for MOSI; its learning rate is for frozen text features, as here.

    MOSEI: `audio_width=16, text_output=128, fusion_width=16`, both dropouts 0.4, batch size 128, learning rate 5e-3.
    The paper: all of the text's widths 128, `audio_width=32`, vision 32, `fusion_width=128`.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "audio_width": Choice(8, 16, 32),
        "text_output": Choice(16, 32, 64),
        "fusion_width": Choice(32, 64, 128),
        "dropout": Interval(0.1, 0.5),
        "fusion_dropout": Interval(0.1, 0.6),
    }

    width: int = Field(128, ge=1, description="width of the text's LSTM and of the vision subnetwork")
    audio_width: int = Field(32, ge=1, description="width of the audio subnetwork")
    text_output: int = Field(32, ge=1, description="width of the text's vector in the product")
    fusion_width: int = Field(64, ge=1, description="width of the layers that read the product")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout on the inputs of audio and vision subnetworks")
    fusion_dropout: float = Field(0.5, ge=0, lt=1, description="dropout on the product")
    optimisation: Optimisation = Optimisation.adam(learning_rate=1e-3, weight_decay=0.0, batch_size=32, patience=8)


@register(
    "tfn",
    config=TfnConfig,
    info=ModelInfo(
        title="TFN",
        paper="Tensor Fusion Network for Multimodal Sentiment Analysis (EMNLP 2017)",
        year=2017,
        url="https://github.com/A2Zadeh/TensorFusionNetwork",
        licence="MIT (of MMSA's code, https://github.com/thuiar/MMSA)",
        differences=(
            "sizes, batch normalisation of audio and vision, and the absolute error as loss are those of MMSA, which "
            "tuned them for MOSI; the paper's own sizes are in the config's description",
            "the sigmoid at the end spans the label range of the data set, not always -3 to 3",
            "means of audio and vision are taken over valid steps; MMSA's run over the zeros of padding as well",
            "the LSTM stops at the last word; MMSA's reads on over the padding",
            "text comes as states of a pre-trained encoder, where the paper has GloVe vectors",
        ),
    ),
)
class Tfn(SentimentModel):
    """Three subnetworks and an MLP on their outer product."""

    def __init__(self, spec: InputSpec, config: TfnConfig) -> None:
        super().__init__(spec, config)
        self.text = TextSubNetwork(spec.text, config.width, config.text_output)
        self.audio = StreamSubNetwork(spec.audio, config.audio_width, config.dropout)
        self.vision = StreamSubNetwork(spec.vision, config.width, config.dropout)
        product = (config.text_output + 1) * (config.audio_width + 1) * (config.width + 1)
        self.head = nn.Sequential(
            nn.Dropout(config.fusion_dropout),
            nn.Linear(product, config.fusion_width),
            nn.ReLU(),
            nn.Linear(config.fusion_width, config.fusion_width),
            nn.ReLU(),
            nn.Linear(config.fusion_width, 1),
        )

    def forward(self, batch: Batch) -> Prediction:
        """Predict sentiment `(B,)`, within the range of the labels."""
        product = tensor_fusion([self.audio(batch.audio), self.vision(batch.vision), self.text(batch.text)])
        low, high = self.spec.label_range
        return Prediction(low + (high - low) * torch.sigmoid(self.head(product).squeeze(-1)))
