"""A moving average of the weights over the steps of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """A moving average of the weights (Polyak and Juditsky, 1992); with a decay of 0 it is the weights themselves.

    The decay grows to its value with the steps taken, so that a short training is not weighed down by where it began.
    Only parameters are averaged: statistics that a model keeps as buffers are averages already.
    """

    def __init__(self, modules: nn.Module, decay: float) -> None:
        self._weights = [p for p in modules.parameters() if p.is_floating_point()] if decay else []
        self._mean = [p.detach().clone() for p in self._weights]
        self._decay, self._steps = decay, 0

    @torch.no_grad()
    def follow(self) -> None:
        """Move the average towards the weights; called after every step of the optimiser."""
        if self._weights:
            decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
            torch.optim.swa_utils.get_ema_multi_avg_fn(decay)(self._mean, self._weights, 0)  # type: ignore[no-untyped-call]
            self._steps += 1

    @contextmanager
    def used(self) -> Iterator[None]:
        """Give the model the average within the block, and its own weights after it."""
        own = [p.detach().clone() for p in self._weights]
        self.use()
        try:
            yield
        finally:
            _copy(own, self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the average and the number of steps."""
        return {"mean": self._mean, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        _copy(state["mean"], self._mean)
        self._steps = state["steps"]

    def use(self) -> None:
        """Set the average as the model's weights."""
        _copy(self._mean, self._weights)


@torch.no_grad()
def _copy(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    for mine, theirs in zip(target, source, strict=True):
        mine.copy_(theirs)
