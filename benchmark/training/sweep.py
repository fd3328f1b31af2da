"""Sweeps: the passes over the training part that an epoch consists of, each with its own optimiser and schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from baselines import Optimisation, SentimentModel, Stage, Step, TrainBatch


class TrainingDiverged(RuntimeError):
    """A loss or a validation prediction is no longer finite: this run cannot go on, others can."""


class Sweep:
    """The optimiser of one pass over the training part, and its schedule over the steps of all epochs of the stage."""

    def __init__(
        self,
        model: SentimentModel,
        stage: Stage,
        name: str,
        optimisation: Optimisation,
        encoder: nn.Module | None,
        steps: int,
    ) -> None:
        self._model, self._stage, self._name = model, stage, name
        self._clip_norm, self._steps = optimisation.clip_norm, steps
        groups = []
        self._trained: set[int] = set()
        for group in model.parameter_groups(stage, name):
            decay = optimisation.weight_decay if group.weight_decay is None else group.weight_decay
            rate = optimisation.encoder_learning_rate if group.encoder else optimisation.learning_rate
            groups.append({"params": list(group.parameters), "lr": rate * group.scale, "weight_decay": decay})
            self._trained |= {id(p) for p in group.parameters}
        if encoder is not None:
            rate, decay = optimisation.encoder_learning_rate, optimisation.weight_decay
            groups.append({"params": list(encoder.parameters()), "lr": rate, "weight_decay": decay})
        algorithm = torch.optim.AdamW if optimisation.algorithm == "adamw" else torch.optim.Adam
        self._optimiser = algorithm(groups, fused=True)  # four times as fast on a processor
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda step: _rate(step, steps, optimisation.warmup, optimisation.schedule)
        )

    @property
    def learning_rate(self) -> float:
        """Learning rate that the schedule now gives to the first parameter group."""
        return float(self._schedule.get_last_lr()[0])

    def train(self, batches: Iterable[TrainBatch], epoch: int, done: int) -> Iterator[tuple[dict[str, float], int]]:
        """Train on the batches of an epoch and yield the loss terms and the number of samples of each.

        Epochs are counted from 0 within the stage; `done` were done in all stages. Raises TrainingDiverged.
        """
        for parameter in self._model.parameters():
            parameter.requires_grad_(id(parameter) in self._trained)
        for batch in batches:
            step = Step(self._stage, epoch, self._schedule.last_epoch / max(self._steps, 1), self._name)
            terms = self._model.training_loss(batch, step)
            values = {name: float(term.detach()) for name, term in terms.items()}
            loss = torch.stack(list(terms.values())).sum()
            if not math.isfinite(float(loss.detach())):
                listed = ", ".join(f"{name} = {value:g}" for name, value in values.items())
                raise TrainingDiverged(f"loss is not finite in stage {self._stage.name}, epoch {done + 1}: {listed}")
            self._descend(loss)
            yield values, len(batch.index)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the optimiser and of its schedule."""
        return {"optimiser": self._optimiser.state_dict(), "schedule": self._schedule.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])

    def _descend(self, loss: Tensor) -> None:
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        trained = [p for group in self._optimiser.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(trained, self._clip_norm)
        self._optimiser.step()
        self._schedule.step()


def sweeps_of(
    model: SentimentModel, stage: Stage, optimisation: Optimisation, encoder: nn.Module | None, batches: int
) -> list[Sweep]:
    """The sweeps of a stage with that number of batches an epoch.

    An encoder is trained by the last sweep, where sentiment is predicted.
    """
    steps, last = batches * stage.epochs, len(stage.sweeps) - 1
    return [
        Sweep(model, stage, name, optimisation, encoder if number == last else None, steps)
        for number, name in enumerate(stage.sweeps)
    ]


def _rate(step: int, steps: int, warmup: float, schedule: str = "cosine") -> float:
    """Factor on the learning rate: linear warm-up, then cosine to zero, or one."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
