"""Model under check, built as often as checks need it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from baselines import Batch, InputSpec, ModelConfig, SentimentModel, Stage, Step, TrainBatch, TrainingStatistics
from benchmark.authoring.conformance.batches import SPEC, make_batch, make_train_batch, with_encoder

#: Training labels that `initialise` is given.
LABELS = (-1.0, 0.25, 2.0)
#: Learning rates at which overfitting is tried, in turn: for wide models first.
RATES = (1e-3, 3e-3, 3e-4, 1e-2)


@dataclass(eq=False)
class Subject:
    """Class of a model with the config and the sizes it is checked at.

    Attributes:
        cls: Class of the model.
        config: Config of the model.
        spec: Input sizes, without an encoder: models that need one get a toy.
        seconds: Time limit for overfitting sixteen samples.
        rates: Learning rates to try, in turn.
    """

    cls: type[SentimentModel]
    config: ModelConfig
    spec: InputSpec = SPEC
    seconds: float = 40.0
    rates: tuple[float, ...] = RATES
    _practised: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    def untouched(self, seed: int = 0, spec: InputSpec | None = None) -> SentimentModel:
        """Return a new model, as the constructor leaves it."""
        torch.manual_seed(seed)
        return self.cls(with_encoder(self.cls, spec or self.spec), self.config)

    def build(self, seed: int = 0, spec: InputSpec | None = None) -> SentimentModel:
        """Return a new model that was given the training labels, in eval mode."""
        model = self.untouched(seed, spec)
        model.initialise(TrainingStatistics(torch.tensor(LABELS)))
        return model.eval()

    def practised(self) -> SentimentModel:
        """Return a new model after a few updates, in eval mode, always with the same weights.

        Most properties are checked on this one: weights that start at zero hide later behaviour.
        """
        if not self._practised:
            with torch.inference_mode(False), torch.enable_grad():  # also for callers who want no gradients
                other = self.build()
                practise(other, self.train_batch(8, seed=50))
            self._practised = {k: v.detach().clone() for k, v in tensors(other)}
        model = self.build()
        take_tensors(model, self._practised)
        return model

    def quiet(self) -> SentimentModel:
        """Return a new model without dropout: config fields named so are 0, and so are torch's dropout layers."""
        fields = type(self.config).model_fields
        changes = {k: 0.0 for k in fields if "dropout" in k and isinstance(getattr(self.config, k), float)}
        config = self.config
        with suppress(ValidationError):  # a config that requires dropout keeps it
            config = type(config).model_validate({**config.model_dump(), **changes})
        model = Subject(self.cls, config, self.spec).build()
        for module in model.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.p = 0.0
            elif isinstance(module, nn.RNNBase | nn.MultiheadAttention):
                module.dropout = 0.0
        return model

    @property
    def _sizes(self) -> dict[str, object]:
        return {"spec": self.spec, "informed": self.cls.info.mask_informed}

    def batch(self, samples: int = 6, **options: object) -> Batch:
        """Make random samples of the subject's sizes; options of `batches.make_batch`."""
        return make_batch(samples, **{**self._sizes, **options})  # type: ignore[arg-type]

    def train_batch(self, samples: int = 6, **options: object) -> TrainBatch:
        """Make random training samples of the subject's sizes; options of `batches.make_train_batch`."""
        return make_train_batch(samples, **{**self._sizes, **options})  # type: ignore[arg-type]


def steps(model: SentimentModel, epochs: int = 4, epoch: int = 0) -> list[Step]:
    """Return the steps of training: every sweep of every stage, in one epoch of it; one stage if a model names none."""
    stages = model.stages(epochs) or [Stage("fit", epochs)]
    return [
        Step(stage, min(epoch, max(stage.epochs - 1, 0)), min(epoch / max(stage.epochs, 1), 1.0), sweep)
        for stage in stages
        for sweep in stage.sweeps
    ]


def early_and_late(model: SentimentModel) -> Iterator[Step]:
    """Yield the steps of every stage, in its first epoch and in a late one."""
    for epoch in (0, 3):
        yield from steps(model, epoch=epoch)


def total(model: SentimentModel, batch: TrainBatch, step: Step) -> Tensor:
    """Return the sum of the terms, which training minimises."""
    return torch.stack(list(model.training_loss(batch, step).values())).sum()


def optimisers(model: SentimentModel, stage: Stage, rate: float) -> dict[str, torch.optim.Optimizer]:
    """Return by sweep the model's groups at one rate, without weight decay; sweeps without parameters are left out."""
    found: dict[str, torch.optim.Optimizer] = {}
    for sweep in stage.sweeps:
        groups = [
            {"params": list(g.parameters), "lr": rate * g.scale}
            for g in model.parameter_groups(stage, sweep)
            if g.parameters
        ]
        if groups:
            found[sweep] = torch.optim.AdamW(groups, weight_decay=0.0)
    return found


def update(model: SentimentModel, batch: TrainBatch, step: Step, optimiser: torch.optim.Optimizer) -> None:
    """Update only the parameters of the optimiser, as the suite's training loop does."""
    trained = [p for group in optimiser.param_groups for p in group["params"]]
    theirs = {id(p) for p in trained}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in theirs)
    optimiser.zero_grad(set_to_none=True)
    total(model, batch, step).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(trained, 1.0)
    optimiser.step()


def practise(model: SentimentModel, batch: TrainBatch, updates: int = 3) -> None:
    """Make a few updates of every sweep of every stage; leaves the model in train mode."""
    model.train()
    for stage in model.stages(2 * updates):
        trained = optimisers(model, stage, 3e-3)
        for epoch in range(min(updates, stage.epochs)):
            for sweep, optimiser in trained.items():
                update(model, batch, Step(stage, epoch, epoch / max(stage.epochs, 1), sweep), optimiser)
    for parameter in model.parameters():
        parameter.grad = None


def tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Return every parameter and buffer by name, including those that are not saved."""
    yield from model.named_parameters()
    yield from model.named_buffers()


def take_tensors(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy parameters and buffers from another model of the same class, by name, whatever a buffer's size."""
    with torch.no_grad():
        for name, tensor in list(tensors(model)):
            if tensor.shape == values[name].shape:
                tensor.copy_(values[name])
                continue
            owner, _, leaf = name.rpartition(".")
            model.get_submodule(owner)._buffers[leaf] = values[name].clone()
