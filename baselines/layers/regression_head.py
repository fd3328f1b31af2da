"""The last step of a small model: a vector to a sentiment score."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RegressionHead(nn.Module):
    """A vector to a score: a small MLP, with a linear map beside it or without.

    On 640 generated training samples the linear map helped models that pool by attention, and did not help on event
    tokens: `senti_ifusion/README.md` has the figures.

    Args:
        width: Of the vector.
        hidden: Width inside the MLP.
        dropout: Inside the MLP.
        linear: Whether a linear map stands beside the MLP, so that what is linear need not be learned by the MLP.
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
        """`(..., width)` to `(...)`."""
        score: Tensor = self.nonlinear(vector)
        if self.linear is not None:
            score = self.linear(vector) + score
        return score.squeeze(-1)
