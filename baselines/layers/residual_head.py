"""Residual block with a score: the last layers of MulT (ACL 2019), DMD (CVPR 2023) and IMDer (NeurIPS 2023)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class HeadOutput(NamedTuple):
    """Result of a head: hidden layer `(B, h)`, enriched vector `(B, d)`, score `(B,)`."""

    hidden: Tensor
    enriched: Tensor
    score: Tensor


class ResidualHead(nn.Module):
    """`y = x + W_2 dropout(relu(W_1 x))`, and a linear map of y to a score.

    Args:
        width: Width d of the vectors.
        dropout: Dropout on the hidden layer.
        hidden: Width h of the hidden layer; d when None.
    """

    def __init__(self, width: int, dropout: float, hidden: int | None = None) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Linear(width, hidden or width), nn.ReLU())
        self.leave = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden or width, width))
        self.score = nn.Linear(width, 1)

    def forward(self, vector: Tensor) -> HeadOutput:
        """Run the head on `(B, d)`."""
        hidden = self.enter(vector)
        enriched = vector + self.leave(hidden)
        return HeadOutput(hidden, enriched, self.score(enriched).squeeze(-1))
