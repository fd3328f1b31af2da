"""Pooling of the valid steps of a sequence into one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def masked_mean(values: Tensor, padding: Tensor) -> Tensor:
    """Mean `(B, D)` of `(B, T, D)` over valid steps (`padding` is `(B, T)` bool; at least one step is valid)."""
    valid = (~padding).unsqueeze(-1).to(values.dtype)
    total = torch.where(padding.unsqueeze(-1), values.new_zeros(()), values).sum(dim=1)
    return total / valid.sum(dim=1)


class AttentionPooling(nn.Module):
    """Weighted mean over valid steps; each head weights its part of the width.

    The width must be divisible by the number of heads.
    """

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.score = nn.Linear(width, heads)

    def forward(self, values: Tensor, padding: Tensor) -> Tensor:
        """Pool `(B, T, d)` with `(B, T)` padding to `(B, d)`."""
        weights = self.score(values).masked_fill(padding.unsqueeze(-1), float("-inf")).softmax(dim=1)
        parts = torch.unflatten(values, -1, (self.heads, -1)).masked_fill(padding[:, :, None, None], 0.0)
        pooled: Tensor = torch.einsum("bth,bthd->bhd", weights, parts)
        return pooled.flatten(1)


class EventPooling(nn.Module):
    """Mean of all steps, and mean values at events, both shrunk to zero where few steps are present.

    A step is an event to a degree from 0 to 1, `g = sigmoid(gate(x))`, with the value `v = value(x)`. The outputs are

        sum(p x) / (n + a),    sum(p g v) / (sum(p g) + b),    sum(p g) / (n + a),    n = sum(p)

    with p the presence of a step. a and b are learned: the number of steps, and the amount of an event, at which the
    result has half its size. A result from few remaining steps is thus small.

    Args:
        width: Width D.
        units: Number of kinds of events in a group, E.
        groups: Number of groups of events that are pooled separately, G.
    """

    #: Initial values of a and b, in steps.
    NEEDED = (10.0, 1.0)
    #: Factor on the learned logarithms of a and b, so that both can change by their own size within an epoch.
    RATE = 8.0

    def __init__(self, width: int, units: int, groups: int = 1) -> None:
        super().__init__()
        self.groups = groups
        self.gate, self.value = nn.Linear(width, groups * units), nn.Linear(width, groups * units)
        nn.init.constant_(self.gate.bias, -1.0)  # most steps are not an event
        self.needed = nn.Parameter(torch.tensor(self.NEEDED).log() / self.RATE)

    def forward(self, values: Tensor, presence: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean `(B, D)` and the events `(B, G, 2 E)` (their mean values, then their amounts).

        Args:
            values: `(B, T, D)`.
            presence: `(B, T)` from 0 to 1, zero on padding.
        """
        presence = presence.unsqueeze(-1)
        there = presence.sum(dim=1)
        steps, event = (self.RATE * self.needed).exp()
        degree = self.gate(values).sigmoid() * presence
        amount = degree.sum(dim=1)
        shown = (degree * self.value(values)).sum(dim=1) / (amount + event)
        mean = (values * presence).sum(dim=1) / (there + steps)
        events = [torch.unflatten(part, 1, (self.groups, -1)) for part in (shown, amount / (there + steps))]
        return mean, torch.cat(events, dim=-1)
