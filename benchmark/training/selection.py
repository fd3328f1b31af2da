"""Selection of the checkpoint by validation errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class CheckpointSelector:
    """The weights selected so far: those of the lowest validation MAE, or with a tolerance of the latest tied epoch.

    With a tolerance (in standard errors), the rule of one standard error (Breiman et al., 1984) is applied to the
    length of training: of the epochs whose errors cannot be told from the lowest, the latest is kept. Chance decides
    between those, and the learning rate falls towards the end.

    Attributes:
        mae: Validation MAE of the selected weights; infinite before the first offer.
        epoch: Their epoch; 0 before the first offer.
        since: Epochs since the lowest MAE in this stage.
    """

    def __init__(self, modules: nn.Module, tolerance: float) -> None:
        self._modules, self._tolerance = modules, tolerance
        self._state: dict[str, Tensor] | None = None
        self._lowest: Tensor | None = None
        self.mae, self.epoch, self.since = math.inf, 0, 0

    def start_stage(self) -> None:
        """Count the epochs of patience from 0."""
        self.since = 0

    def offer(self, errors: Tensor, epoch: int) -> None:
        """Keep the current weights if their validation errors `(n,)` are the lowest, or tied with the lowest."""
        if self._lowest is None or errors.mean() < self._lowest.mean():
            self._lowest, self.since = errors, 0
        else:
            self.since += 1
            if not self._tied(errors - self._lowest):
                return
        self._state = {k: v.detach().clone() for k, v in self._modules.state_dict().items()}
        self.mae, self.epoch = float(errors.mean()), epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the selected weights, and what the next offers are compared with."""
        return {
            "weights": self._state,
            "lowest": self._lowest,
            "mae": self.mae,
            "epoch": self.epoch,
            "since": self.since,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self._state, lowest = state["weights"], state["lowest"]
        self._lowest = None if lowest is None else lowest.cpu()
        self.mae, self.epoch, self.since = state["mae"], state["epoch"], state["since"]

    def _tied(self, more: Tensor) -> bool:
        if self._tolerance == 0 or len(more) < 2:
            return False
        return bool(more.mean() <= self._tolerance * more.std() / math.sqrt(len(more)))

    def restore(self) -> None:
        """Restore the selected weights, if any were offered."""
        if self._state is not None:
            self._modules.load_state_dict(self._state)
