"""A modality as a few tokens, built for small training sets: its mean, and what its events show."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import Sequences
from baselines.layers.inputs import InputFeatures, InputNorm
from baselines.layers.pooling import EventPooling


class EventTokens(InputFeatures):
    """K tokens of a modality: the first is the mean of what is there, each of the others what events of its own show.

    Read by linear maps of `EventPooling` and not by attention, which was worse on a few hundred samples.

    Args:
        input_width: D of the modality's vectors.
        width: d of a token.
        tokens: K, at least 2.
        events: Kinds of events for each token after the first.
        norm: See `InputFeatures`.
        neighbours: So many steps on either side of a step, averaged with it, stand beside it; 0: steps stand alone.
            What lasts is then told from what stands out by chance.
        dropout: On what is read of the mean and of events.
    """

    #: Steps that a neighbourhood must have before half of what it says is believed.
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
        """`(B, K, d)`; steps count in proportion to their presence, `(B, T)` from 0 to 1, all alike without one."""
        values = self.features(sequences)
        there = torch.ones_like(values[..., 0]) if presence is None else presence
        there = there.masked_fill(sequences.padding, 0.0)
        if self.neighbours:
            values = torch.cat([values, self._around(values, there)], dim=-1)
        mean, events = self.pool(values, there)
        shown = [tell(self.dropout(read)) for tell, read in zip(self.shown, events.unbind(dim=1), strict=True)]
        return torch.stack([self.mean(self.dropout(mean)), *shown], dim=1)

    def _around(self, values: Tensor, presence: Tensor) -> Tensor:
        """Mean of every step and its neighbours by presence, `(B, T, D)`: drawn to zero where hardly one is there."""
        weight = presence.unsqueeze(1)
        window = 2 * self.neighbours + 1
        found = torch.cat([values.transpose(1, 2) * weight, weight], dim=1)
        total = window * F.avg_pool1d(found, window, stride=1, padding=self.neighbours)
        mean: Tensor = (total[:, :-1] / (total[:, -1:] + self.NEEDED)).transpose(1, 2)
        return mean
