"""EF-LSTM: early fusion by one LSTM over the concatenated features of all modalities (as in the code of MMSA and CMU).

Every step of the LSTM reads a word's text, audio and vision features at once, so the modalities need one time axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from baselines.interface import (
    Batch,
    InputSpec,
    ModelConfig,
    ModelInfo,
    Optimisation,
    Prediction,
    SentimentModel,
    Sequences,
)
from baselines.layers.alignment import align_to_text
from baselines.layers.recurrent import RecurrentEncoder
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class EfLstmConfig(ModelConfig):
    """MMSA's settings for MOSI, except the depth, which is 4 in MMSA.

    MOSEI: `width=256, dropout=0.4`, batch size 128, learning rate 5e-3, weight decay 1e-4.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(32, 64, 128, 256),
        "layers": Choice(1, 2, 3, 4),
        "dropout": Interval(0.1, 0.5),
    }

    width: int = Field(128, ge=1, description="width of the LSTM and of the layer after it")
    layers: int = Field(2, ge=1, description="depth of the LSTM")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout between LSTM layers and in the head")
    optimisation: Optimisation = Optimisation.adam(learning_rate=1e-3, weight_decay=5e-3, batch_size=32, patience=8)


@register(
    "ef-lstm",
    config=EfLstmConfig,
    info=ModelInfo(
        title="EF-LSTM",
        paper="baseline of Zadeh et al. (EMNLP 2017) and Williams et al. (2018), as in MMSA",
        year=2018,
        url="https://github.com/thuiar/MMSA",
        licence="MIT",
        needs_aligned=True,
        differences=(
            "two layers, MMSA's number for MOSEI, not four, its number for MOSI, which learn slowly without its batch "
            "normalisation; `layers=4` is MMSA's setting",
            "no batch normalisation of the 50 time steps, which ties the model to one padded length and mixes padding "
            "into its statistics; the features arrive standardised (100 parameters fewer)",
            "the LSTM stops at the last word; MMSA's reads on over the padding",
            "where a data set is not aligned, audio and vision are averaged over as many equal stretches as there are "
            "tokens",
        ),
    ),
)
class EfLstm(SentimentModel):
    """An LSTM over aligned features, two linear layers on its last state."""

    def __init__(self, spec: InputSpec, config: EfLstmConfig) -> None:
        super().__init__(spec, config)
        features = spec.text + spec.audio + spec.vision
        self.lstm = RecurrentEncoder(features, config.width, config.layers, dropout=config.dropout)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(config.width, config.width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.width, 1),
        )

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        text, audio, vision, length = align_to_text(batch)
        _, last = self.lstm(Sequences(torch.cat([text, audio, vision], dim=-1), length))
        return Prediction(self.head(last).squeeze(-1))
