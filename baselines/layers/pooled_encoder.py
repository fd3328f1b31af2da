"""Encoder of a modality into one vector, for small training sets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.interface import Sequences
from baselines.layers.inputs import InputNorm, InputProjection
from baselines.layers.pooling import AttentionPooling, masked_mean
from baselines.layers.positions import sinusoidal_positions
from baselines.layers.transformer import TransformerEncoder


class PooledEncoder(nn.Module):
    """Mean of the input vectors, concatenated with attention pooling of a small Transformer's states.

    The mean is a strong summary of frozen encoder states; attention pooling adds to it.

    Without layers, the projected steps are pooled; `norm` and `patch` are those of `InputProjection`.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        layers: int = 0,
        heads: int = 4,
        dropout: float = 0.0,
        norm: InputNorm = "layer",
        patch: int = 1,
    ) -> None:
        super().__init__()
        self.input = InputProjection(input_width, width, norm, patch)
        self.mean = nn.Linear(input_width, width)
        self.positions = layers > 0
        self.transformer = TransformerEncoder(width, layers, heads, dropout=dropout, final_norm=True)
        self.pool = AttentionPooling(width, heads)
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequences: Sequences) -> Tensor:
        """Return one vector for each sample, `(B, 2 d)`: that of the mean, then that of attention pooling."""
        features = self.input.features(sequences)
        steps, padding = self.input.embed(features, sequences)
        if self.positions:
            steps = steps + sinusoidal_positions(steps.shape[1], steps.shape[2], steps)
        steps = self.transformer(steps, padding)
        mean = self.mean(self.dropout(masked_mean(features, sequences.padding)))
        return torch.cat([mean, self.dropout(self.pool(steps, padding))], dim=-1)
