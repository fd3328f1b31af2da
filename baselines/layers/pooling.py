"""One vector from the valid steps of a sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
    """

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.score = nn.Linear(width, heads)

    def forward(self, values: Tensor, padding: Tensor) -> Tensor:
        """Pool `(B, T, d)` with `(B, T)` padding to `(B, d)`."""
        scores = self.score(values).masked_fill(padding.unsqueeze(-1), float("-inf"))
        weights = scores.softmax(dim=1)
        parts = torch.unflatten(values, -1, (self.heads, -1))
        pooled: Tensor = torch.einsum("bth,bthd->bhd", weights, parts.masked_fill(padding[:, :, None, None], 0.0))
        return pooled.flatten(1)
