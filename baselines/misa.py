"""MISA: Modality-Invariant and -Specific Representations (Hazarika et al., ACM MM 2020, arXiv 2005.03545).

Every modality m is encoded as an utterance vector `u_m`, and every utterance vector as two codes: an invariant one in a
space shared by all modalities, `c_m = sigmoid(W_c u_m + b_c)`, and a specific one in a separate space,
`p_m = sigmoid(W_m u_m + b_m)`. A Transformer over the six codes fuses them. Training minimises

    L = L_task + alpha L_sim + beta L_diff + gamma L_recon

    L_task  = mean (y - y')^2
    L_sim   = 1/3 sum over pairs CMD_5(c_m, c_n)
    L_diff  = sum over m  |C_m^T P_m|^2 + sum over pairs |P_m^T P_n|^2,  rows centred and of unit length
    L_recon = 1/3 sum over m  |u_m - D_m(c_m + p_m)|^2 / d
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import ClassVar, NamedTuple

import torch
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
    Sequences,
    Step,
    TrainBatch,
)
from baselines.layers.heads import Heads
from baselines.layers.moments import central_moment_discrepancy
from baselines.layers.pooling import masked_mean
from baselines.layers.recurrent import RecurrentEncoder
from baselines.registry import register
from baselines.search import Choice, Interval, Search

#: Highest moment compared by the similarity loss.
MOMENTS = 5


class MisaConfig(ModelConfig):
    """Published settings for MOSI, except the optimiser's, which suit a frozen encoder. MOSEI: `batch_size=16`.

    With a fine-tuned encoder the published ones are `learning_rate=encoder_learning_rate=1e-4, weight_decay=0`,
    `patience=6, epochs=500`.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "dropout": Interval(0.1, 0.5),
        "similarity_weight": Choice(0.3, 0.7, 1.0),
        "difference_weight": Choice(0.1, 0.3, 0.7),
        "reconstruction_weight": Choice(0.3, 0.7, 1.0),
    }

    width: int = Field(128, ge=2, multiple_of=2, description="width of utterance vectors and of their codes")
    heads: Heads = Field(2, description="number of attention heads of the fusion; must divide the width")
    hidden: int = Field(2048, ge=1, description="feed-forward width of the fusion")
    attention_dropout: float = Field(0.1, ge=0, lt=1, description="dropout inside the fusing Transformer")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout in the head")
    similarity_weight: float = Field(1.0, ge=0, description="alpha: weight of the similarity loss")
    difference_weight: float = Field(0.3, ge=0, description="beta: weight of the difference loss")
    reconstruction_weight: float = Field(1.0, ge=0, description="gamma: weight of the reconstruction loss")
    optimisation: Optimisation = Optimisation.adam(
        learning_rate=1e-3, encoder_learning_rate=1e-4, weight_decay=1e-2, batch_size=64, epochs=100, patience=8
    )


class _State(NamedTuple):
    """Result of one pass: codes by modality in the order of MODALITIES, and sentiment `(B,)`."""

    utterance: list[Tensor]
    invariant: list[Tensor]
    specific: list[Tensor]
    sentiment: Tensor


class StackedReader(nn.Module):
    """Two bidirectional LSTMs of the input's width with a LayerNorm between; the final states of both, `(B, 4 D)`."""

    def __init__(self, input_width: int) -> None:
        super().__init__()
        self.first = RecurrentEncoder(input_width, input_width, bidirectional=True)
        self.norm = nn.LayerNorm(self.first.width)
        self.second = RecurrentEncoder(self.first.width, input_width, bidirectional=True)
        for name, parameter in self.named_parameters():
            if "weight_hh" in name:
                nn.init.orthogonal_(parameter)

    def forward(self, sequences: Sequences) -> Tensor:
        """Read the valid steps of `(B, T, D)`."""
        states, first = self.first(sequences)
        _, second = self.second(replace(sequences, values=self.norm(states)))
        return torch.cat([first, second], dim=-1)


@register(
    "misa",
    config=MisaConfig,
    info=ModelInfo(
        title="MISA",
        paper="MISA: Modality-Invariant and -Specific Representations for Multimodal Sentiment Analysis (ACM MM 2020)",
        year=2020,
        url="https://github.com/declare-lab/MISA",
        licence="MIT",
        differences=(
            "audio and vision are read at their own lengths; the official code reads word-aligned streams at the "
            "text's length, and MMSA's copy does so for streams that are not aligned",
            "the difference loss is the mean, not the sum, of the squared entries of the cross-correlation, as in the "
            "official code, from which its published weight 0.3 stems",
            "the layers that the official code defines and never uses with BERT, a LayerNorm of the text (1,200 "
            "parameters) and a discriminator of shared and private codes (516), do not exist: 1,134,445 parameters "
            "here, 1,136,161 there, without the text encoder; MMSA sets a weight of 1 for that discriminator, and has "
            "no loss with it",
            "the gradient is clipped to a norm of 1; the official code clips each of its elements at 1",
            "the learning rate is constant until training stops; the official code would halve it when patience "
            "runs out, but stops at the same moment",
            "for frozen encoders the learning rate is 1e-3 and the weight decay 0.01; the official settings, 1e-4 and "
            "none, are for a fine-tuned encoder, and overfit with a frozen one",
            "the checkpoint is selected on validation MAE, not on the mean of the batches' validation MSE",
        ),
    ),
)
class Misa(SentimentModel):
    """Invariant and specific codes of each modality, and a Transformer over the six."""

    config: MisaConfig

    def __init__(self, spec: InputSpec, config: MisaConfig) -> None:
        super().__init__(spec, config)
        width = config.width
        self.readers = nn.ModuleDict({m: StackedReader(spec.width(m)) for m in ("audio", "vision")})
        read = {"text": spec.text, "audio": 4 * spec.audio, "vision": 4 * spec.vision}
        self.project = nn.ModuleDict(
            {m: nn.Sequential(nn.Linear(read[m], width), nn.ReLU(), nn.LayerNorm(width)) for m in MODALITIES}
        )
        self.invariant = nn.Linear(width, width)
        self.specific = nn.ModuleDict({m: nn.Linear(width, width) for m in MODALITIES})
        self.rebuild = nn.ModuleDict({m: nn.Linear(width, width) for m in MODALITIES})
        layer = nn.TransformerEncoderLayer(width, config.heads, config.hidden, config.attention_dropout)
        self.fusion = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)
        self.head = nn.Sequential(
            nn.Linear(6 * width, 3 * width), nn.Dropout(config.dropout), nn.ReLU(), nn.Linear(3 * width, 1)
        )

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self._run(batch).sentiment)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return task, similarity, difference and reconstruction losses, weighted."""
        config = self.config
        state = self._run(batch.input)
        pairs = list(combinations(range(len(MODALITIES)), 2))
        similarity = [central_moment_discrepancy(state.invariant[i], state.invariant[j], MOMENTS) for i, j in pairs]
        difference = [
            *(overlap(p, c) for p, c in zip(state.specific, state.invariant, strict=True)),
            *(overlap(state.specific[i], state.specific[j]) for i, j in pairs),
        ]
        rebuilt = [
            F.mse_loss(self.rebuild[m](p + c), u)
            for m, p, c, u in zip(MODALITIES, state.specific, state.invariant, state.utterance, strict=True)
        ]
        return {
            "task": F.mse_loss(state.sentiment, batch.label),
            "similarity": config.similarity_weight * torch.stack(similarity).mean(),
            "difference": config.difference_weight * torch.stack(difference).sum(),
            "reconstruction": config.reconstruction_weight * torch.stack(rebuilt).mean(),
        }

    def utterances(self, batch: Batch) -> list[Tensor]:
        """Return utterance vectors `u_m`, each `(B, d)`: the text's mean state, final states of audio and vision."""
        read = {m: self.readers[m](batch[m]) for m in ("audio", "vision")}
        read["text"] = masked_mean(batch.text.values, batch.text.padding)
        return [self.project[m](read[m]) for m in MODALITIES]

    def _run(self, batch: Batch) -> _State:
        utterance = self.utterances(batch)
        invariant = [torch.sigmoid(self.invariant(u)) for u in utterance]
        specific = [torch.sigmoid(self.specific[m](u)) for m, u in zip(MODALITIES, utterance, strict=True)]
        codes = torch.stack([*specific, *invariant])  # (6, B, d), the default order of torch's encoder
        fused = self.fusion(codes).transpose(0, 1).flatten(1)
        sentiment: Tensor = self.head(fused).squeeze(-1)
        return _State(utterance, invariant, specific, sentiment)


def overlap(first: Tensor, second: Tensor) -> Tensor:
    """Overlap of two codes: mean square of the `(d, d)` products of their coordinates over the batch.

    Args:
        first: `(B, d)`. Coordinates are centred over the batch, then each sample is scaled to unit length; the scale
            has no gradient.
        second: `(B, d)`.

    Returns:
        A scalar, 0 where every coordinate of one is orthogonal to every coordinate of the other.
    """
    left, right = (_unit_rows(values - values.mean(dim=0)) for values in (first, second))
    return (left.T @ right).square().mean()


def _unit_rows(values: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(values, dim=1, keepdim=True).detach()
    return values / (length + 1e-6)
