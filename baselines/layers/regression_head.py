"""Regression head: maps a vector to a sentiment score."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RegressionHead(nn.Module):
    """Small MLP from a vector to a score, with an optional linear map in parallel.

    On 640 generated training samples the linear map helped models that pool by attention, but not models of event
    tokens: `senti_ifusion/README.md` has the figures.

    Args:
        width: Width of the vector.
        hidden: Width inside the MLP.
        dropout: Dropout inside the MLP.
        linear: True adds a linear map, so that the MLP need not learn the linear part.
    """

    def __init__(self, width: int, hidden: int, dropout: float, *, linear: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1) if linear else None
        self.nonlinear = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1, bias=not linear),
        )

    def start_at(self, label: Tensor) -> None:
        """Set the bias to the median of `label`."""
        bias = self.get_parameter("nonlinear.4.bias" if self.linear is None else "linear.bias")
        with torch.no_grad():
            bias.fill_(float(label.float().quantile(0.5)))

    def forward(self, vector: Tensor) -> Tensor:
        """Map `(..., width)` to `(...)`."""
        score: Tensor = self.nonlinear(vector)
        if self.linear is not None:
            score = self.linear(vector) + score
        return score.squeeze(-1)
