"""The light heads of stage 1: what the completed tokens say before they are fused (our reading)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from protocols import MODALITIES
from senti_ifusion.config import SentiIFusionConfig


class Readers(nn.Module):
    """A committee: each member reads its own part of the width, is trained to answer alone, and their mean counts.

    They start apart and share no weights, and the parts of the tokens that they read share few, so that their errors
    are not the same. Together they cost less than one that reads everything.
    """

    def __init__(self, config: SentiIFusionConfig) -> None:
        super().__init__()
        self.count = config.readers
        width = len(MODALITIES) * (config.tokens * config.width // self.count + 1)
        self.heads = nn.ModuleList(_Reader(width, config) for _ in range(self.count))

    def start_at(self, label: Tensor) -> None:
        """Every answer is the median of `label` at first, more or less."""
        with torch.no_grad():
            for head in self.heads:
                cast(_Reader, head).answer.bias.fill_(float(label.float().quantile(0.5)))

    def forward(self, completed: Tensor, integrity: Tensor) -> Tensor:
        """Each member's sentiment, `(B, readers)`, from C `(B, 3, K, d)` and I `(B, 3)`."""
        parts = completed.chunk(self.count, dim=-1)
        read = [torch.cat([part.flatten(1), integrity], dim=1) for part in parts]
        return torch.stack([head(own) for head, own in zip(self.heads, read, strict=True)], dim=1)


class _Reader(nn.Module):
    """A vector to a score: `RegressionHead` without its linear map, under the names that stored runs have."""

    def __init__(self, width: int, config: SentiIFusionConfig) -> None:
        super().__init__()
        hidden = config.reader_hidden
        self.read = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(config.dropout))
        self.answer = nn.Linear(hidden, 1)

    def forward(self, vector: Tensor) -> Tensor:
        """`(B, width)` to `(B,)`."""
        score: Tensor = self.answer(self.read(vector)).squeeze(-1)
        return score
