"""MAG-BERT: a Multimodal Adaptation Gate inside BERT (Rahman et al., ACL 2020, arXiv 1908.05787).

The gate shifts every word's vector by audio and vision at the same time. With word Z_i, vision V_i, audio A_i:

- gates g_i^v = ReLU(W_gv [Z_i; V_i] + b_v) and g_i^a = ReLU(W_ga [Z_i; A_i] + b_a);
- displacement H_i = g_i^a * (W_a A_i) + g_i^v * (W_v V_i) + b_H;
- shifted word Z_i + alpha H_i with alpha = min(beta |Z_i| / |H_i|, 1), then layer normalisation and dropout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import (
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
from baselines.layers.alignment import align_to_text
from baselines.layers.inside import encoder_of, only_before
from baselines.layers.pooling import masked_mean
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class MagBertConfig(ModelConfig):
    """Settings of the official code, for MOSI and MOSEI, except the gate's dropout. All widths are the encoder's.

    Fine-tuning: `gate_dropout=0.5` in the official code. MMSA: MOSI 0.3, batch size 32, 2e-5; MOSEI 0.2, 1e-5.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "beta": Interval(0.1, 2.0, log=True),
        "gate_dropout": Interval(0.0, 0.6),
        "dropout": Interval(0.0, 0.5),
        "layer": Choice(0, 1, 2),
    }

    layer: int = Field(0, ge=0, description="encoder layer before which the gate is applied")
    beta: float = Field(1.0, gt=0, description="longest displacement, as a multiple of the word vector's length")
    gate_dropout: float = Field(0.1, ge=0, lt=1, description="dropout on the shifted words")
    read_out: Literal["mean", "cls"] = Field(
        "mean",
        description="vector that the sentiment is predicted from: mean of the last states, for a frozen encoder, or "
        "state of the first token, as published, for a fine-tuned one",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout in the head")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-3, encoder_learning_rate=1e-5, weight_decay=1e-2, batch_size=48, epochs=40
    )


class AdaptationGate(nn.Module):
    """Multimodal adaptation gate.

    Args:
        width: Width D_t of words.
        audio: Width D_a of audio.
        vision: Width D_v of vision.
        beta: Longest displacement, as a multiple of the word vector's length.
        dropout: Dropout on the result.
    """

    def __init__(self, width: int, audio: int, vision: int, beta: float, dropout: float) -> None:
        super().__init__()
        self.beta = beta
        self.gate_vision = nn.Linear(vision + width, width)
        self.gate_audio = nn.Linear(audio + width, width)
        self.vision = nn.Linear(vision, width, bias=False)
        self.audio = nn.Linear(audio, width, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):  # as in BERT: the first displacements are small
                nn.init.normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def displacement(self, words: Tensor, audio: Tensor, vision: Tensor) -> Tensor:
        """Return alpha H, `(B, T, D_t)`."""
        by_vision = torch.relu(self.gate_vision(torch.cat([vision, words], dim=-1))) * self.vision(vision)
        by_audio = torch.relu(self.gate_audio(torch.cat([audio, words], dim=-1))) * self.audio(audio)
        shift = by_audio + by_vision + self.bias
        longest = self.beta * torch.linalg.vector_norm(words, dim=-1, keepdim=True)
        length = torch.linalg.vector_norm(shift, dim=-1, keepdim=True).clamp(min=1e-6)
        scaled: Tensor = (longest / length).clamp(max=1.0) * shift
        return scaled

    def forward(self, words: Tensor, audio: Tensor, vision: Tensor) -> Tensor:
        """Shift words `(B, T, D_t)` by audio `(B, T, D_a)` and vision `(B, T, D_v)`."""
        shifted: Tensor = self.dropout(self.norm(words + self.displacement(words, audio, vision)))
        return shifted


@register(
    "mag-bert",
    config=MagBertConfig,
    info=ModelInfo(
        title="MAG-BERT",
        paper="Integrating Multimodal Information in Large Pretrained Transformers (ACL 2020)",
        year=2020,
        url="https://github.com/WasifurRahman/BERT_multimodal_transformer",
        licence="none",
        needs_encoder=True,
        needs_aligned=True,
        differences=(
            "one bias of the displacement, as in the paper, not one each inside the gated maps of audio and vision "
            "(one encoder width of parameters fewer)",
            "the layer between the encoder and the last one (BERT's pooler) is new and trained at the model's rate; "
            "the official code starts from BERT's own, which belongs to the encoder there",
            "with a frozen encoder only the gate and the head are trained, at 1e-3; the published 1e-5 is for "
            "fine-tuning and is the encoder's rate",
            "the gate's dropout is 0.1 (MMSA's for CH-SIMS), not 0.5, to which the following layers cannot adapt if "
            "they are frozen",
            "the sentiment is predicted from the mean of the states, as the first token of a frozen encoder is weak; a "
            "config field selects the published read-out",
            "the learning rate falls along a cosine, not linearly, and gradients are clipped",
            "where a data set is not aligned, audio and vision are averaged over as many equal stretches as there are "
            "tokens",
        ),
    ),
)
class MagBert(SentimentModel):
    """Gate before a layer of the encoder, and a head on the last states."""

    def __init__(self, spec: InputSpec, config: MagBertConfig) -> None:
        super().__init__(spec, config)
        self.encoder = encoder_of(spec, "mag-bert", config.layer)
        self.gate = AdaptationGate(spec.text, spec.audio, spec.vision, config.beta, config.gate_dropout)
        self.head = nn.Sequential(
            nn.Linear(spec.text, spec.text), nn.Tanh(), nn.Dropout(config.dropout), nn.Linear(spec.text, 1)
        )

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        words, audio, vision, length = align_to_text(batch)
        shift = only_before(self.config.layer, lambda states: self.gate(states, audio, vision))
        states = self.encoder(words, length, before=shift)
        mean = self.config.read_out == "mean"
        return Prediction(self.head(masked_mean(states, batch.text.padding) if mean else states[:, 0]).squeeze(-1))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Mean squared error."""
        return {"task": F.mse_loss(self(batch.input).sentiment, batch.label)}
