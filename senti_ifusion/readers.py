"""The light heads of stage 1: what the completed tokens say before they are fused (our reading)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from baselines.layers.regression_head import RegressionHead
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
        self.heads = nn.ModuleList(
            RegressionHead(width, config.reader_hidden, config.dropout, linear=False) for _ in range(self.count)
        )

    def start_at(self, label: Tensor) -> None:
        """Every answer is the median of `label` at first, more or less."""
        for head in self.heads:
            cast(RegressionHead, head).start_at(label)

    def forward(self, completed: Tensor, integrity: Tensor) -> Tensor:
        """Each member's sentiment, `(B, readers)`, from C `(B, 3, K, d)` and I `(B, 3)`."""
        parts = completed.chunk(self.count, dim=-1)
        read = [torch.cat([part.flatten(1), integrity], dim=1) for part in parts]
        return torch.stack([head(own) for head, own in zip(self.heads, read, strict=True)], dim=1)
