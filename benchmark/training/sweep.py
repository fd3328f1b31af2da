"""Sweeps: the passes over the training part that an epoch consists of, each with its own optimiser and schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from baselines import Optimisation, SentimentModel, Stage, Step, TrainBatch
from benchmark.training.eager import eager_optimiser
from protocols import InputError


class TrainingDiverged(RuntimeError):
    """A loss or a validation prediction is no longer finite: this run cannot go on, others can."""


class EpochLosses:
    """Sample-weighted means of the loss terms of an epoch, for the history.

    Attributes:
        samples: Samples seen by all sweeps so far.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._unread: list[tuple[list[str], Tensor, int]] = []

    def add(self, terms: Mapping[str, Tensor], loss: Tensor, samples: int) -> None:
        """Add the terms of a batch and their sum, which stay on the device until they are read."""
        self.samples += samples
        self._unread.append((list(terms), torch.stack([*terms.values(), loss]).detach(), samples))

    def read(self, where: str) -> None:
        """Read all that was added, at once; raises TrainingDiverged for the first loss that is not finite."""
        values = iter(torch.cat([given for _, given, _ in self._unread]).tolist() if self._unread else [])
        for names, _, samples in self._unread:
            terms = dict(zip(names, values, strict=False))
            if not math.isfinite(next(values)):
                listed = ", ".join(f"{name} = {value:g}" for name, value in terms.items())
                raise TrainingDiverged(f"loss is not finite in {where}: {listed}")
            for name, value in terms.items():
                self._sums[name] = self._sums.get(name, 0.0) + value * samples
                self._counts[name] = self._counts.get(name, 0) + samples
        self._unread.clear()

    def result(self) -> dict[str, float]:
        """Return the means of what was read."""
        return {f"loss_{name}": total / max(self._counts[name], 1) for name, total in self._sums.items()}


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
        algorithm = eager_optimiser(torch.optim.AdamW if optimisation.algorithm == "adamw" else torch.optim.Adam)
        self._optimiser = algorithm(groups, fused=True)  # four times as fast on a processor
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda step: _rate(step, steps, optimisation.warmup, optimisation.schedule)
        )

    @property
    def learning_rate(self) -> float:
        """Learning rate that the schedule now gives to the first parameter group."""
        return float(self._schedule.get_last_lr()[0])

    def train(self, batches: Iterable[TrainBatch], epoch: int, done: int, losses: EpochLosses) -> Iterator[None]:
        """Train on the batches of an epoch, add the loss terms of each to `losses`, and yield after each.

        Epochs are counted from 0 within the stage; `done` were done in all stages. Raises TrainingDiverged after the
        last batch: reading a loss after each would make the processor wait for an accelerator.
        """
        for parameter in self._model.parameters():
            parameter.requires_grad_(id(parameter) in self._trained)
        where = f"stage {self._stage.name}, epoch {done + 1}"
        try:
            for batch in batches:
                step = Step(self._stage, epoch, self._schedule.last_epoch / max(self._steps, 1), self._name)
                terms = checked_terms(self._model.training_loss(batch, step))
                loss = torch.stack(list(terms.values())).sum()
                losses.add(terms, loss, len(batch.index))
                self._descend(loss)
                yield
        except Exception:
            losses.read(where)  # a model may fail because its weights are NaN since an earlier batch
            raise
        losses.read(where)

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


def checked_terms(terms: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return the loss terms; raises InputError unless they are scalars by name."""
    if isinstance(terms, Mapping) and terms:
        wrong = [name for name, term in terms.items() if not isinstance(term, Tensor) or term.ndim]
        found = f"something else for {', '.join(map(repr, wrong))}" if wrong else ""
    else:
        found = "an empty dictionary" if isinstance(terms, Mapping) else f"a {type(terms).__name__}"
    if found:
        raise InputError(f"training_loss must return scalar tensors by name, such as {{'task': loss}}; found {found}")
    return terms


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
