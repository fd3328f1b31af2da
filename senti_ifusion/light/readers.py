"""Light heads of stage 1: predictions from the completed tokens before fusion (our reading)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from baselines.layers.regression_head import RegressionHead
from protocols import MODALITIES
from senti_ifusion.light.config import LightConfig


class Readers(nn.Module):
    """Committee of light heads: each reads its part of the width and is trained separately; the result is their mean.

    They differ in initial weights and in the parts of the tokens that they read, so that their errors differ. Together
    they cost less than one head that reads everything.
    """

    def __init__(self, config: LightConfig) -> None:
        super().__init__()
        self.count = config.readers
        width = len(MODALITIES) * (config.tokens * config.width // self.count + 1)
        self.heads = nn.ModuleList(
            RegressionHead(width, config.reader_hidden, config.dropout, linear=False) for _ in range(self.count)
        )

    def start_at(self, label: Tensor) -> None:
        """Initialise every head's prediction near the median of `label`."""
        for head in self.heads:
            cast(RegressionHead, head).start_at(label)

    def forward(self, completed: Tensor, integrity: Tensor) -> Tensor:
        """Predict each head's sentiment, `(B, readers)`, from C `(B, 3, K, d)` and I `(B, 3)`."""
        parts = completed.chunk(self.count, dim=-1)
        inputs = [torch.cat([part.flatten(1), integrity], dim=1) for part in parts]
        return torch.stack([head(x) for head, x in zip(self.heads, inputs, strict=True)], dim=1)
