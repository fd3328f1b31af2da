"""Attention over features instead of steps, for sequences of any length.

It compares the courses of features over time: `out = V softmax(temperature K^T Q)`, where the columns of Q and K have
unit length over time (cross-covariance attention, El-Nouby et al., NeurIPS 2021). Its parameters do not depend on the
length of a sequence, unlike attention whose tokens are features and whose width is a padded length.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FeatureLayer(nn.Module):
    """Pre-norm attention over features and a feed-forward of four times the width, each with a residual.

    Heads are groups of features with separate attention; their number must divide the width.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.to_query_key_value = nn.Linear(width, 3 * width)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.to_output = nn.Linear(width, width)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, padding: Tensor) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`; `padding` is `(B, T)`."""
        projected = self.to_query_key_value(self.norm_attention(values)).masked_fill(padding.unsqueeze(-1), 0.0)
        query, key, value = projected.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 4, 1)  # (B, h, d / h, T)
        scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        attended = (self.temperature * scores).softmax(dim=-1) @ value
        values = values + self.dropout(self.to_output(attended.permute(0, 3, 1, 2).flatten(2)))
        result: Tensor = values + self.dropout(self.feed(self.norm_feed(values)))
        return result


class FeatureTransformer(nn.Module):
    """Layers of attention over features, and a LayerNorm at the end."""

    def __init__(self, width: int, layers: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(FeatureLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, values: Tensor, padding: Tensor) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`; `padding` is `(B, T)`. Values on padding have no meaning."""
        for layer in self.layers:
            values = layer(values, padding)
        normed: Tensor = self.norm(values)
        return normed
