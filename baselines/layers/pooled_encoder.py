"""A modality as one vector, built for small training sets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.interface import Sequences
from baselines.layers.inputs import InputNorm, InputProjection
from baselines.layers.pooling import AttentionPooling, EventPooling, masked_mean
from baselines.layers.positions import sinusoidal_positions
from baselines.layers.transformer import TransformerEncoder


class PooledEncoder(nn.Module):
    """Mean of the input vectors beside attention pooling of a small Transformer's states.

    The mean alone already is a strong reading of frozen encoder states; what attention adds is learned beside it.
    Events (`EventPooling`) add what no mean of vectors holds: what is seen where something happens, how much happens.

    Args:
        input_width: D of the modality's vectors.
        width: d.
        layers: Depth of the Transformer before attention pooling; 0 pools the projected steps.
        heads: Heads of attention and of pooling.
        dropout: On the pooled vectors and inside the Transformer.
        norm: See `InputProjection`.
        patch: See `InputProjection`.
        queries: Vectors of attention pooling.
        events: Kinds of events read beside the mean, which then is drawn to zero where little is there; 0: none.
        event_dropout: On what is read of the mean and of events; None: `dropout`.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        layers: int = 0,
        heads: int = 4,
        dropout: float = 0.0,
        norm: InputNorm = "layer",
        patch: int = 1,
        queries: int = 1,
        events: int = 0,
        event_dropout: float | None = None,
    ) -> None:
        super().__init__()
        self.input = InputProjection(input_width, width, norm, patch)
        self.events = EventPooling(input_width, events) if events else None
        self.mean = nn.Linear(self.events.width if self.events else input_width, width)
        self.positions = layers > 0
        self.transformer = TransformerEncoder(width, layers, heads, dropout=dropout, final_norm=True)
        self.pool = AttentionPooling(width, heads, queries)
        self.dropout = nn.Dropout(dropout)
        self.read_dropout = nn.Dropout(event_dropout if events and event_dropout is not None else dropout)

    def forward(self, sequences: Sequences, presence: Tensor | None = None) -> Tensor:
        """The vectors of a batch, `(B, (1 + queries) d)`: the mean's, then attention's.

        With a presence, `(B, T)` from 0 to 1, what is not there counts for nothing in either.
        """
        features = self.input.features(sequences)
        if presence is not None:
            presence = presence.masked_fill(sequences.padding, 0.0)
        steps, padding = self.input.embed(_present(features, presence), sequences)
        if self.positions:
            steps = steps + sinusoidal_positions(steps.shape[1], steps.shape[2], steps)
        joined = None if presence is None else self.input.joined(presence)
        steps = self.transformer(steps, padding, presence=joined)
        mean = self.mean(self.read_dropout(self._read(features, sequences, presence)))
        return torch.cat([mean, self.dropout(self.pool(steps, padding, joined))], dim=-1)

    def _read(self, features: Tensor, sequences: Sequences, presence: Tensor | None) -> Tensor:
        """What is read of all steps alike, `(B, R)`: their mean, and events beside it."""
        if self.events is not None:
            there = (~sequences.padding).to(features.dtype) if presence is None else presence
            read: Tensor = self.events(features, there)
            return read
        if presence is None:
            return masked_mean(features, sequences.padding)
        total: Tensor = _present(features, presence).sum(dim=1) / (presence.sum(dim=1, keepdim=True) + 0.5)
        return total


def _present(features: Tensor, presence: Tensor | None) -> Tensor:
    return features if presence is None else features * presence.unsqueeze(-1)
