"""Encoder of a modality into a few tokens, for small training sets: its mean, and means at its events."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import Sequences
from baselines.layers.inputs import InputFeatures, InputNorm
from baselines.layers.pooling import EventPooling


class EventTokens(InputFeatures):
    """K tokens of a modality: the first is the mean of its present steps, each other one describes a group of events.

    Tokens are linear maps of `EventPooling`; attention was worse on a few hundred samples.

    Args:
        input_width: Width D of the modality's vectors.
        width: Width d of a token.
        tokens: Number of tokens K, at least 2.
        events: Kinds of events for each token after the first.
        norm: See `InputFeatures`.
        neighbours: Number of steps on either side whose average with a step is concatenated to it; 0: none. The average
            separates lasting values from outliers.
        dropout: Dropout on the inputs of the mean and of the events.
    """

    #: Number of present steps at which a neighbourhood's average has half its weight.
    NEEDED = 0.3

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        tokens: int = 2,
        events: int = 32,
        norm: InputNorm = "layer",
        neighbours: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(input_width, norm)
        self.neighbours = neighbours
        read = input_width * (2 if neighbours else 1)
        self.pool = EventPooling(read, events, groups=tokens - 1)
        self.mean = nn.Linear(read, width)
        self.shown = nn.ModuleList(nn.Linear(2 * events, width) for _ in range(tokens - 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequences: Sequences, presence: Tensor | None = None) -> Tensor:
        """Return `(B, K, d)`; steps are weighted by their presence, `(B, T)` from 0 to 1, equally if it is None."""
        values = self.features(sequences)
        there = torch.ones_like(values[..., 0]) if presence is None else presence
        there = there.masked_fill(sequences.padding, 0.0)
        if self.neighbours:
            values = torch.cat([values, self._around(values, there)], dim=-1)
        mean, events = self.pool(values, there)
        shown = [tell(self.dropout(read)) for tell, read in zip(self.shown, events.unbind(dim=1), strict=True)]
        return torch.stack([self.mean(self.dropout(mean)), *shown], dim=1)

    def _around(self, values: Tensor, presence: Tensor) -> Tensor:
        """Mean of every step and its neighbours by presence, `(B, T, D)`, shrunk to zero where few are present."""
        weight = presence.unsqueeze(1)
        window = 2 * self.neighbours + 1
        weighted = torch.cat([values.transpose(1, 2) * weight, weight], dim=1)
        total = window * F.avg_pool1d(weighted, window, stride=1, padding=self.neighbours)
        return (total[:, :-1] / (total[:, -1:] + self.NEEDED)).transpose(1, 2)
