"""The one training loop, for all models: stages, parameter groups, warm-up and cosine, early stopping, selection.

A checkpoint is selected by validation MAE under the training regime's own corruption, with one fixed draw: the lowest,
or with a tolerance the latest of those that the validation part cannot tell from it. The test part is not within reach.
Everything random is a function of the seed and of torch's generator, which is forked and seeded for the run and left as
it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from baselines import Optimisation, SentimentModel, Stage, Step, TrainBatch, TrainingStatistics
from benchmark.data.batches import MaskedPart, batches_by_length
from benchmark.data.dataset import TrainingData
from benchmark.data.encoding import TextEncoder
from benchmark.data.states import StateCache
from protocols import Regime

#: Small enough that the longest sequences of a heavy model stay within a few hundred MB.
EVALUATION_BATCH = 32

#: Told after every epoch: (epochs done, epochs at most, validation MAE or None).
Progress = Callable[[int, int, float | None], None]

#: Told after every batch: (name of the stage, epochs done with the part of this one, epochs at most).
OnBatch = Callable[[str, float, int], None]

#: Told the number of every epoch from which the checkpoint may be chosen, while the model has its weights.
OnCandidate = Callable[[int], None]


class TrainingDiverged(RuntimeError):
    """A loss or a validation prediction is no longer finite: this run cannot go on, others can."""


@dataclass(frozen=True)
class TrainingOutcome:
    """What training did.

    Attributes:
        history: One record an epoch: stage, epoch, learning rate, mean of each loss term, validation MAE, seconds.
        best_epoch: The epoch (counted over all stages, from 1) whose weights the model now has; 0 without training.
        valid_mae: Validation MAE of those weights.
    """

    history: list[dict[str, float | str]] = field(default_factory=list)
    best_epoch: int = 0
    valid_mae: float = math.nan


@contextmanager
def forked_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Within it, torch's generators start from `seed`; after it, they are as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def train(
    model: SentimentModel,
    data: TrainingData,
    regime: Regime,
    optimisation: Optimisation,
    seed: int,
    text: StateCache | TextEncoder | None,
    device: torch.device,
    progress: Progress | None = None,
    on_candidate: OnCandidate | None = None,
    on_batch: OnBatch | None = None,
) -> TrainingOutcome:
    """Train a model in place and leave it with the selected weights.

    Args:
        model: A new model, on `device`.
        data: Training and validation parts.
        regime: What is erased in training and validation.
        optimisation: Rates, sizes, budget.
        seed: Of batches and dropout; also the replicate of the training draws, so that all models of one seed see the
            same corrupted samples.
        text: A cache of frozen states, an encoder to fine-tune, or None where text is values.
        device: Where to compute.
        progress: Told after every epoch.
        on_candidate: Told after every epoch of the stages that select, or, where none does, after the last (0 without
            training): the epoch that is selected is one of these. It must leave the model as it is.
        on_batch: Told after every batch.

    Raises:
        TrainingDiverged: when a loss term or the validation MAE is NaN or infinite.
    """
    train_part, valid_part = data.part("train"), data.part("valid")
    centre = model.spec.label_centre
    label, wanted = train_part.label - centre, valid_part.label.double()
    model.initialise(TrainingStatistics(label.to(device)))
    info = model.info
    valid = MaskedPart(valid_part, regime.validation_masks(data), text, device, info)
    stages = model.stages(optimisation.epochs)
    encoder = text if isinstance(text, TextEncoder) and text.config.mode == "finetune" else None
    candidate, count = on_candidate or (lambda _: None), on_batch or (lambda *_: None)
    if not any(stage.epochs for stage in stages):
        candidate(0)
        return TrainingOutcome(valid_mae=float(_errors(model, valid, wanted).mean()))
    complete = MaskedPart(train_part, None, text, device, info) if info.uses_complete_view else None
    modules = nn.ModuleList([model, *([encoder] if encoder else [])])
    keeper, average = _Keeper(modules, optimisation.tolerance), _Average(modules, optimisation.ema_decay)
    history: list[dict[str, float | str]] = []
    total, done, mae = sum(s.epochs for s in stages), 0, math.nan
    for stage in stages:
        batches = math.ceil(len(train_part) / optimisation.batch_size) * stage.epochs
        # A fine-tuned encoder is trained by the last sweep, where sentiment is predicted.
        encoders = [*([None] * (len(stage.sweeps) - 1)), encoder]
        sweeps = [
            _Sweep(model, stage, name, optimisation, tuned, batches)
            for name, tuned in zip(stage.sweeps, encoders, strict=True)
        ]
        keeper.start()
        for epoch in range(stage.epochs):
            started = time.perf_counter()
            draw = MaskedPart(train_part, regime.training_masks(data, seed, done), text, device, info)
            model.train()
            if encoder:
                encoder.train()
            means, seen = _Means(), 0
            for number, sweep in enumerate(sweeps):
                sweep.begin()
                shuffle = np.random.Generator(np.random.Philox(key=[seed, done]).jumped(number))
                for rows in batches_by_length(draw.inputs, optimisation.batch_size, shuffle):
                    terms = model.training_loss(_train_batch(draw, complete or draw, label, rows), sweep.step(epoch))
                    means.add(terms, len(rows))
                    sweep.update(terms, done + 1)
                    average.follow()
                    seen += len(rows)
                    count(stage.name, done + seen / (len(train_part) * len(sweeps)), total)
            done += 1
            with average.used():
                errors = _errors(model, valid, wanted)
                mae = float(errors.mean())
                if not math.isfinite(mae):
                    raise TrainingDiverged(f"validation MAE is not finite in stage {stage.name}, epoch {done}")
                seconds = time.perf_counter() - started
                if stage.selects:
                    candidate(done)
                    keeper.offer(errors, done)
            history.append(
                {
                    "stage": stage.name,
                    "epoch": done,
                    "valid_mae": mae,
                    "learning_rate": sweeps[-1].learning_rate,
                    "seconds": seconds,
                    **means.result(),
                }
            )
            if progress:
                progress(done, total, mae)
            if stage.selects and keeper.since >= optimisation.patience:
                break
    if not keeper.epoch:
        average.use()
        candidate(done)
    keeper.restore()
    return TrainingOutcome(history, keeper.epoch or done, keeper.mae if keeper.epoch else mae)


@torch.inference_mode()
def _errors(model: SentimentModel, part: MaskedPart, label: Tensor) -> Tensor:
    """`(n,)` float64 absolute errors of a model on a masked part, in its order."""
    return (predict_sentiment(model, part) - label).abs()


@torch.inference_mode()
def predict_sentiment(model: SentimentModel, part: MaskedPart) -> Tensor:
    """`(n,)` float64 predictions of sentiment, in the order of the part."""
    model.eval()
    if isinstance(part.text, TextEncoder):
        part.text.eval()
    result = torch.empty(len(part), dtype=torch.float64)
    for rows in batches_by_length(part.inputs, EVALUATION_BATCH):
        result[rows] = model(part.batch(rows)).sentiment.double().cpu()
    return result + model.spec.label_centre


def _train_batch(draw: MaskedPart, complete: MaskedPart, label: Tensor, rows: Tensor) -> TrainBatch:
    device_rows = rows.to(draw.device)
    given = draw.batch(rows)
    return TrainBatch(
        input=given,
        complete=given if complete is draw else complete.batch(rows),
        observed=draw.observed_positions(rows),
        integrity=draw.integrity[device_rows],
        complete_integrity=complete.integrity[device_rows],
        label=label[rows].to(draw.device),
        index=device_rows,
    )


class _Sweep:
    """The optimiser of one pass over the training part, and its schedule over all epochs of the stage."""

    def __init__(
        self,
        model: SentimentModel,
        stage: Stage,
        name: str,
        optimisation: Optimisation,
        encoder: TextEncoder | None,
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
        """Of the first group, now."""
        return float(self._schedule.get_last_lr()[0])

    def begin(self) -> None:
        """Gradients are worked out for what this sweep trains, and for nothing else."""
        for parameter in self._model.parameters():
            parameter.requires_grad_(id(parameter) in self._trained)

    def step(self, epoch: int) -> Step:
        """Where training stands."""
        return Step(self._stage, epoch, self._schedule.last_epoch / max(self._steps, 1), self._name)

    def update(self, terms: dict[str, Tensor], epoch: int) -> None:
        """One step down the gradient of the sum of the terms; raises TrainingDiverged where it is not finite."""
        loss = torch.stack(list(terms.values())).sum()
        if not math.isfinite(float(loss.detach())):
            values = ", ".join(f"{k} = {float(v.detach()):g}" for k, v in terms.items())
            raise TrainingDiverged(f"loss is not finite in stage {self._stage.name}, epoch {epoch}: {values}")
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        trained = [p for group in self._optimiser.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(trained, self._clip_norm)
        self._optimiser.step()
        self._schedule.step()


def _rate(step: int, steps: int, warmup: float, schedule: str = "cosine") -> float:
    """Factor on the learning rate: linear warm-up, then cosine to zero, or one."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


class _Keeper:
    """The weights selected so far.

    With a tolerance, the rule of one standard error (Breiman et al., 1984) for the length of training: of the epochs
    whose errors cannot be told from the lowest, the latest is kept. Chance decides between those, and the rate of
    learning falls towards the end.
    """

    def __init__(self, modules: nn.Module, tolerance: float) -> None:
        self._modules, self._tolerance = modules, tolerance
        self._state: dict[str, Tensor] | None = None
        self._lowest: Tensor | None = None
        self.mae, self.epoch, self.since = math.inf, 0, 0

    def start(self) -> None:
        """A new stage: patience starts anew."""
        self.since = 0

    def offer(self, errors: Tensor, epoch: int) -> None:
        """Keep the current weights if their errors `(n,)` say so; `since` counts the epochs since the lowest MAE."""
        if self._lowest is None or errors.mean() < self._lowest.mean():
            self._lowest, self.since = errors, 0
        else:
            self.since += 1
            if not self._tied(errors - self._lowest):
                return
        self._state = {k: v.detach().clone() for k, v in self._modules.state_dict().items()}
        self.mae, self.epoch = float(errors.mean()), epoch

    def _tied(self, more: Tensor) -> bool:
        if self._tolerance == 0 or len(more) < 2:
            return False
        return bool(more.mean() <= self._tolerance * more.std() / math.sqrt(len(more)))

    def restore(self) -> None:
        if self._state is not None:
            self._modules.load_state_dict(self._state)


class _Average:
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
        """One step towards the weights."""
        if self._weights:
            decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
            torch.optim.swa_utils.get_ema_multi_avg_fn(decay)(self._mean, self._weights, 0)  # type: ignore[no-untyped-call]
            self._steps += 1

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within it, the model has the average; after it, its own weights."""
        own = [p.detach().clone() for p in self._weights]
        self.use()
        try:
            yield
        finally:
            _copy(own, self._weights)

    def use(self) -> None:
        """The model has the average from now on."""
        _copy(self._mean, self._weights)


@torch.no_grad()
def _copy(source: list[Tensor], target: list[nn.Parameter]) -> None:
    for mine, theirs in zip(target, source, strict=True):
        mine.copy_(theirs)


class _Means:
    """Sample-weighted means of the loss terms of an epoch, for the history."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._samples: dict[str, int] = {}

    def add(self, terms: dict[str, Tensor], samples: int) -> None:
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach()) * samples
            self._samples[name] = self._samples.get(name, 0) + samples

    def result(self) -> dict[str, float]:
        return {f"loss_{name}": total / max(self._samples[name], 1) for name, total in self._sums.items()}
