"""Training in two stages, of which the second selects the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from baselines.interface import ParameterGroup, Stage


def two_stages(epochs: int, share: float, first: str, second: str) -> list[Stage]:
    """Divide a budget: `share` of the epochs for the first stage, the rest for the second.

    A budget of one epoch is a single stage, `joint`, in which both are trained at once.
    """
    early = max(1, round(share * epochs))
    if epochs <= early:
        return [Stage("joint", epochs)]
    return [Stage(first, early, selects=False), Stage(second, epochs - early)]


def all_but(model: nn.Module, left_out: Iterable[nn.Module]) -> list[ParameterGroup]:
    """Return one group of all parameters of a model but those of some of its parts."""
    theirs = {id(p) for part in left_out for p in part.parameters()}
    return [ParameterGroup([p for p in model.parameters() if id(p) not in theirs])]
