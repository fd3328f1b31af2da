"""Convolution over words with maximum over time (Kim, EMNLP 2014, arXiv 1408.5882)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import Sequences


class TextConvolution(nn.Module):
    """Convolutions of several heights, ReLU, maximum over time, dropout, a linear layer with ReLU.

    A text shorter than a convolution is read as if zeros followed it, independently of its padding.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        channels: int = 128,
        heights: Sequence[int] = (3, 4, 5),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.heights = tuple(heights)
        self.convolutions = nn.ModuleList(nn.Conv1d(input_width, channels, height) for height in heights)
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(len(self.heights) * channels, width), nn.ReLU())

    def forward(self, sequences: Sequences) -> Tensor:
        """Return `(B, d)` from `(B, T, D)`."""
        values = sequences.values.transpose(1, 2)
        values = F.pad(values, (0, max(0, max(self.heights) - values.shape[2])))
        maxima = []
        for height, convolution in zip(self.heights, self.convolutions, strict=True):
            response = torch.relu(convolution(values))
            windows = (sequences.length - height + 1).clamp(min=1)
            beyond = torch.arange(response.shape[2], device=response.device)[None, :] >= windows[:, None]
            # responses are not negative, so a zero never exceeds a valid one
            maxima.append(response.masked_fill(beyond[:, None, :], 0.0).amax(dim=2))
        projected: Tensor = self.project(torch.cat(maxima, dim=-1))
        return projected
