"""Checks of predictions: their shapes, and that they are finite for all inputs."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from baselines import Batch, InputSpec, Prediction, SentimentModel, TrainBatch
from benchmark.authoring.conformance.batches import erased
from benchmark.authoring.conformance.check import check, require
from benchmark.authoring.conformance.subject import Subject, steps, total
from protocols import MODALITIES, Modality

#: Maximum lengths of text, audio and vision in the public files; text encoders read at most 512 tokens.
LONGEST_KNOWN = (512, 500, 500)


@check("shapes", "shapes, dtypes and ranges are those of the contract")
def shapes(subject: Subject) -> str:
    """Check one sample and several."""
    model, said = subject.practised(), []
    for samples in (1, 5):
        with torch.no_grad():
            prediction = model(subject.batch(samples))
        require(isinstance(prediction, Prediction), f"forward returns a {type(prediction).__name__}, not a Prediction")
        _of_form("sentiment", prediction.sentiment, (samples,), torch.float32)
        said = ["sentiment"]
        if prediction.integrity is not None:
            _of_form("integrity", prediction.integrity, (samples, 3), torch.float32)
            low, high = float(prediction.integrity.min()), float(prediction.integrity.max())
            require(low >= 0 and high <= 1, f"integrity is from {low:.3g} to {high:.3g}; expected 0..1")
            said.append("integrity")
        if prediction.dominant is not None:
            _of_form("dominant", prediction.dominant, (samples,), torch.int64)
            found = set(prediction.dominant.tolist())
            require(found <= {0, 1, 2}, f"dominant holds {sorted(found)}; expected 0, 1, 2")
            said.append("dominant")
    return ", ".join(said)


@check("missing", "finite whichever modalities are erased, all of them included")
def missing(subject: Subject) -> str:
    """Check all eight subsets of text, audio and vision."""
    model, batch = subject.practised(), subject.batch(4)
    subsets = [gone for count in range(len(MODALITIES) + 1) for gone in combinations(MODALITIES, count)]
    for gone in subsets:
        left = erased(batch, *gone) if gone else batch
        _finite(model, left, f"without {', '.join(gone)}" if gone else "with everything there")
    return f"{len(subsets)} subsets"


@check("short", "works on sequences of one step and vectors of one number")
def short(subject: Subject) -> str:
    """Check length 1 at the subject's widths, and at widths of 1."""
    for spec in (subject.spec, InputSpec(text=1, audio=1, vision=1, train_samples=subject.spec.train_samples)):
        model = subject.build(spec=spec)
        batch = subject.train_batch(3, spec=spec, longest=(1, 1, 1))
        where = f"length 1, widths {spec.text}, {spec.audio}, {spec.vision}"
        _finite_in_training(model, batch, where)
    return ""


@check("long", "works on text of 512, audio and vision of 500 steps")
def long(subject: Subject) -> str:
    """Check that no table of positions is shorter than the data."""
    model = subject.build()
    batch = subject.train_batch(2, longest=LONGEST_KNOWN, fixed=True)
    _finite_in_training(model, batch, f"lengths {LONGEST_KNOWN}")
    return ""


@check("huge", "finite for inputs 10,000 times too large")
def huge(subject: Subject) -> str:
    """Check each modality alone and all together."""
    model = subject.practised()
    for chosen in ((modality,) for modality in MODALITIES):
        _finite(model, _scaled(subject.batch(3), chosen), f"{chosen[0]} times 10,000")
    _finite(model, _scaled(subject.batch(3), MODALITIES), "everything times 10,000")
    return ""


def _scaled(batch: Batch, modalities: tuple[Modality, ...]) -> Batch:
    for modality in modalities:
        batch[modality].values.mul_(1e4)
    return batch


def _of_form(what: str, values: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    require(isinstance(values, Tensor), f"{what} is a {type(values).__name__}, not a tensor")
    require(tuple(values.shape) == shape, f"{what} has shape {tuple(values.shape)}; expected {shape}")
    require(values.dtype == dtype, f"{what} is {values.dtype}; expected {dtype}")


def _finite(model: SentimentModel, batch: Batch, where: str) -> None:
    with torch.no_grad():
        sentiment = model(batch).sentiment
    bad = int((~sentiment.isfinite()).sum())
    require(bad == 0, f"{where}: {bad} of {len(sentiment)} predictions are not finite")


def _finite_in_training(model: SentimentModel, batch: TrainBatch, where: str) -> None:
    """Require finite predictions, and a finite loss in every stage of training."""
    _finite(model, batch.input, where)
    model.train()
    for step in steps(model):
        value = float(total(model, batch, step).detach())
        require(abs(value) < float("inf"), f"{where}: loss is {value} in stage {step.stage.name}")
