"""ALMT: Adaptive Language-guided Multimodal Transformer (Zhang et al., EMNLP 2023, arXiv 2310.05804).

Each modality m is read out as T tokens by a Transformer over them and its sequence, `H_m^1 = E_m^0([H_m^0, U_m])`.
Language's are its low scale; further layers give a middle and a high one, `H_l^i = E_l^i(H_l^(i-1))`. At every scale
language queries audio and vision to update a hyper-modality:

    H_hyper^j = H_hyper^(j-1) + softmax(Q_l K_a^T / sqrt(d_k)) V_a + softmax(Q_l K_v^T / sqrt(d_k)) V_v

A cross-modal Transformer, with an extra first token on each side, lets language attend to the hyper-modality; the extra
token of language is mapped to the sentiment. Training minimises the mean squared error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import (
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
)
from baselines.layers.almt import AdaptiveHyperModality, CrossTransformer
from baselines.layers.heads import Heads
from baselines.layers.token_encoder import TokenEncoder
from baselines.layers.transformer import TransformerEncoder, learned_tokens
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class AlmtConfig(ModelConfig):
    """Published settings for MOSI. MOSEI and CH-SIMS: `fusion_layers=4`."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "tokens": Choice(4, 8, 16),
        "hyper_layers": Choice(2, 3, 4),
        "fusion_layers": Choice(2, 3, 4),
        "dropout": Interval(0.0, 0.3),
    }

    width: int = Field(128, ge=8, multiple_of=8, description="d of all tokens")
    tokens: int = Field(8, ge=1, description="T: tokens a modality is read out as")
    layers: int = Field(1, ge=1, description="depth of each modality's encoder")
    hyper_layers: int = Field(3, ge=1, description="scales of language that guide the hyper-modality")
    fusion_layers: int = Field(2, ge=1, description="depth of the cross-modal Transformer")
    heads: Heads = Field(8, description="heads of attention; must divide the width, for the hyper-modality")
    head_width: int = Field(64, ge=1, description="width of each head in other attention layers")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on each sub-layer's output")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-4, encoder_learning_rate=1e-4, weight_decay=1e-4, batch_size=64, epochs=200, patience=20
    )


@register(
    "almt",
    config=AlmtConfig,
    info=ModelInfo(
        title="ALMT",
        paper="Learning Language-guided Adaptive Hyper-modality Representation for Multimodal Sentiment Analysis "
        "(EMNLP 2023)",
        year=2023,
        url="https://github.com/Haoyu-ha/ALMT",
        licence="MIT",
        differences=(
            "padding is hidden from the encoders; the official code attends to it",
            "sinusoidal positions in the three encoders, for sequences of any length, instead of learned tables, which "
            "hold read-out tokens and 50, 375 and 500 steps: 121,472 parameters fewer at the MOSI sizes, where the "
            "official model has 2,603,649 without the text encoder and ours 2,477,313",
            "one LayerNorm before self-attention, not one each for query, key and value; its scale is part of the "
            "projections that follow (3,072 parameters fewer with those of the fusion)",
            "the hyper-modality is a plain residual sum as in the paper's equations; the official code normalises it "
            "at every layer (768 parameters fewer)",
            "in the fusion only the token that is read out has a position on language's side: without self-attention "
            "the others never reach it (1,024 parameters fewer); language acts through the hyper-modality",
            "learned tokens and positions start small, not from ones and from a standard deviation of one",
            "the checkpoint is selected on validation MAE with early stopping, not for each metric on the test set",
        ),
    ),
)
class Almt(SentimentModel):
    """Token encoders, language at three scales, the hyper-modality, and language's attention to it."""

    config: AlmtConfig

    def __init__(self, spec: InputSpec, config: AlmtConfig) -> None:
        super().__init__(spec, config)
        width, count = config.width, config.tokens
        self.encoders = nn.ModuleDict(
            {
                m: TokenEncoder(
                    spec.width(m),
                    width,
                    tokens=count,
                    layers=config.layers,
                    heads=config.heads,
                    head_width=config.head_width,
                    hidden=width,
                    dropout=config.dropout,
                )
                for m in MODALITIES
            }
        )
        self.language_positions = learned_tokens(count, width)
        self.language = TransformerEncoder(
            width,
            config.hyper_layers - 1,
            config.heads,
            head_width=config.head_width,
            hidden=width,
            dropout=config.dropout,
        )
        self.hyper = AdaptiveHyperModality(width, count, config.hyper_layers, config.heads)
        self.fusion = CrossTransformer(
            width,
            count,
            config.fusion_layers,
            config.heads,
            head_width=config.head_width,
            hidden=width,
            dropout=config.dropout,
            read_extra=True,
        )
        self.head = nn.Linear(width, 1)

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        text, audio, vision = (self.encoders[m](batch[m]) for m in MODALITIES)
        scales = self.language.states(text + self.language_positions)
        hyper = self.hyper(scales, audio, vision)
        return Prediction(self.head(self.fusion(hyper, scales[-1]).squeeze(1)).squeeze(-1))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Mean squared error."""
        return {"task": F.mse_loss(self(batch.input).sentiment, batch.label)}
