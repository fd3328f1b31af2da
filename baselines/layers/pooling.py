"""One vector from the valid steps of a sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.layers.transformer import FAINTEST


def masked_mean(values: Tensor, padding: Tensor) -> Tensor:
    """`(B, D)`: mean of `(B, T, D)` over the steps that are not padding (`(B, T)` bool; at least one a sample)."""
    valid = (~padding).unsqueeze(-1).to(values.dtype)
    total = torch.where(padding.unsqueeze(-1), values.new_zeros(()), values).sum(dim=1)
    return total / valid.sum(dim=1)


class AttentionPooling(nn.Module):
    """Weighted mean over valid steps, each head with its own weights on its own part of the width.

    Args:
        width: d; must be divisible by `heads`.
        heads: How many sets of weights.
        queries: How many pooled vectors, each with weights of its own.
    """

    def __init__(self, width: int, heads: int = 4, queries: int = 1) -> None:
        super().__init__()
        self.heads = heads
        self.score = nn.Linear(width, heads * queries)

    def forward(self, values: Tensor, padding: Tensor, presence: Tensor | None = None) -> Tensor:
        """Pool `(B, T, d)` with `(B, T)` padding to `(B, queries * d)`.

        With a presence, `(B, T)` from 0 to 1, weights are in proportion to it.
        """
        scores = self.score(values)
        if presence is not None:
            scores = scores + presence.clamp(min=FAINTEST).log().unsqueeze(-1)
        weights = scores.masked_fill(padding.unsqueeze(-1), float("-inf")).softmax(dim=1)
        parts = torch.unflatten(values, -1, (self.heads, -1)).masked_fill(padding[:, :, None, None], 0.0)
        pooled: Tensor = torch.einsum("btqh,bthd->bqhd", torch.unflatten(weights, -1, (-1, self.heads)), parts)
        return pooled.flatten(1)
