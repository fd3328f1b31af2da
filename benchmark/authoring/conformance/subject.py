"""The model under check, built as often as checks need it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from baselines import (
    Batch,
    InputSpec,
    ModelConfig,
    SentimentModel,
    Stage,
    Step,
    TrainBatch,
    TrainingStatistics,
)
from benchmark.authoring.conformance.batches import SPEC, make_batch, make_train_batch, with_encoder

#: Labels of the training part that `initialise` is told of.
LABELS = (-1.0, 0.25, 2.0)
#: Learning rates at which learning by heart is tried, in turn: for wide models first.
RATES = (1e-3, 3e-3, 3e-4, 1e-2)


@dataclass(eq=False)
class Subject:
    """A model's class with the config and the sizes it is checked at.

    Attributes:
        cls: The class.
        config: Its config.
        spec: Input sizes, without an encoder: models that need one get a toy.
        seconds: Time that learning by heart may take.
        rates: Learning rates that it is tried at, in turn.
    """

    cls: type[SentimentModel]
    config: ModelConfig
    spec: InputSpec = SPEC
    seconds: float = 40.0
    rates: tuple[float, ...] = RATES
    _practised: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    def untouched(self, seed: int = 0, spec: InputSpec | None = None) -> SentimentModel:
        """A new model, as the constructor leaves it.

        Args:
            seed: Of torch's generator when it is built.
            spec: Other sizes than the subject's.
        """
        torch.manual_seed(seed)
        return self.cls(with_encoder(self.cls, spec or self.spec), self.config)

    def build(self, seed: int = 0, spec: InputSpec | None = None) -> SentimentModel:
        """A new model that has been told the training labels, in eval mode."""
        model = self.untouched(seed, spec)
        model.initialise(TrainingStatistics(torch.tensor(LABELS)))
        return model.eval()

    def practised(self) -> SentimentModel:
        """A new model after a few updates, in eval mode, always with the same weights.

        Properties are asked of this one: weights that start at zero hide what a model will do later.
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
        """A new model without dropout: config fields named so are 0, and so are torch's dropout layers."""
        fields = type(self.config).model_fields
        changes = {k: 0.0 for k in fields if "dropout" in k and isinstance(getattr(self.config, k), float)}
        config = self.config
        with suppress(ValidationError):  # a config that insists on dropout keeps it
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
        """Random samples of the subject's sizes; options of `batches.make_batch`."""
        return make_batch(samples, **{**self._sizes, **options})  # type: ignore[arg-type]

    def train_batch(self, samples: int = 6, **options: object) -> TrainBatch:
        """Random training samples of the subject's sizes; options of `batches.make_train_batch`."""
        return make_train_batch(samples, **{**self._sizes, **options})  # type: ignore[arg-type]


def steps(model: SentimentModel, epochs: int = 4, epoch: int = 0) -> list[Step]:
    """Where training may stand: every sweep of every stage, in one epoch of it; one stage where a model names none."""
    stages = model.stages(epochs) or [Stage("fit", epochs)]
    return [
        Step(stage, min(epoch, max(stage.epochs - 1, 0)), min(epoch / max(stage.epochs, 1), 1.0), sweep)
        for stage in stages
        for sweep in stage.sweeps
    ]


def total(model: SentimentModel, batch: TrainBatch, step: Step) -> Tensor:
    """The sum of the terms, which training minimises."""
    return torch.stack(list(model.training_loss(batch, step).values())).sum()


def optimisers(model: SentimentModel, stage: Stage, rate: float) -> dict[str, torch.optim.Optimizer]:
    """By sweep: the model's groups at one rate, without weight decay. Sweeps that train nothing are left out."""
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
    """One update of what the optimiser trains, and of nothing else, as the suite's training loop makes it."""
    trained = [p for group in optimiser.param_groups for p in group["params"]]
    theirs = {id(p) for p in trained}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in theirs)
    optimiser.zero_grad(set_to_none=True)
    total(model, batch, step).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(trained, 1.0)
    optimiser.step()


def practise(model: SentimentModel, batch: TrainBatch, updates: int = 3, rate: float = 3e-3) -> None:
    """A few updates of every sweep of every stage; leaves the model in train mode."""
    model.train()
    for stage in model.stages(2 * updates):
        trained = optimisers(model, stage, rate)
        for epoch in range(min(updates, stage.epochs)):
            for sweep, optimiser in trained.items():
                update(model, batch, Step(stage, epoch, epoch / max(stage.epochs, 1), sweep), optimiser)
    for parameter in model.parameters():
        parameter.grad = None


def tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer by name, those that are not saved as well."""
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
