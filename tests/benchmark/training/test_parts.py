"""Training parts under a regime: draws, and the complete view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines import InputSpec, Sequences, Step, create, model_class, models
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, TrainingData, build_dataset
from benchmark.data.encoding import TextEncoder
from benchmark.training.parts import TrainingParts
from protocols import MODALITIES, get_regime
from tests.samples import make_samples

CPU = torch.device("cpu")
COMPLETE_VIEW = [name for name in models() if model_class(name).info.uses_complete_view]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return build_dataset(make_samples(words=False), "official", None)


def parts(data: Dataset, regime: str, name: str = "lnln") -> TrainingParts:
    model = create(name, InputSpec(text=12, audio=5, vision=7))
    return TrainingParts(model, TrainingData(data), get_regime(regime), 0, None, CPU)


def test_a_frozen_regime_draws_once_a_seed_and_shows_nothing_complete(data: Dataset) -> None:
    frozen, drawn = (parts(data, f"{name}(random_positions(rate=0.5))") for name in ("frozen", "matched"))
    for m in MODALITIES:
        assert (frozen.draw(0).observed[m] == frozen.draw(7).observed[m]).all()
        assert (drawn.draw(0).observed[m] != drawn.draw(7).observed[m]).any()
    for given in (frozen, drawn):
        batch = next(given.batches(given.draw(0), 0, 0, 16))
        same = all(torch.equal(batch.complete[m].values, batch.input[m].values) for m in MODALITIES)
        assert same == (given is frozen)
        assert torch.equal(batch.complete_integrity, batch.integrity) == (given is frozen)


def test_seeds_and_regimes_of_frozen_draws_differ(data: Dataset) -> None:
    frozen, matched = (get_regime(f"{name}(random_positions(rate=0.5))") for name in ("frozen", "matched"))
    assert frozen.fingerprint != matched.fingerprint
    a, b = (frozen.training_masks(data, seed, 0).observed["audio"] for seed in (0, 1))
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("name", COMPLETE_VIEW)
def test_models_that_want_a_complete_view_train_without_one(data: Dataset, name: str) -> None:
    model = create(name, InputSpec(text=12, audio=5, vision=7, train_samples=len(data.part("train"))))
    given = TrainingParts(model, TrainingData(data), get_regime("frozen(drop(rate=0.5))"), 0, None, CPU)
    batch = next(given.batches(given.draw(0), 0, 0, 16))
    for stage in model.stages(3):
        losses = model.training_loss(batch, Step(stage, 0, 0.0))
        assert all(torch.isfinite(loss).all() for loss in losses.values())


@pytest.mark.parametrize("name", COMPLETE_VIEW)
def test_models_say_whether_the_complete_view_needs_a_gradient(data: Dataset, name: str) -> None:
    given = parts(data, "matched(random_positions(rate=0.5))", name)
    batch, needed = next(given.batches(given.draw(0), 0, 0, 16)), False
    text = Sequences(batch.complete.text.values.clone().requires_grad_(), batch.complete.text.length)
    batch = replace(batch, complete=replace(batch.complete, text=text))
    model = create(name, InputSpec(text=12, audio=5, vision=7, train_samples=len(given))).train()
    for stage in model.stages(3):
        for sweep in stage.sweeps:
            loss = torch.stack(list(model.training_loss(batch, Step(stage, 0, 0.0, sweep)).values())).sum()
            needed |= loss.requires_grad and torch.autograd.grad(loss, text.values, allow_unused=True)[0] is not None
    assert needed != model_class(name).info.complete_is_target


@pytest.mark.parametrize(("name", "carries"), [("lnln", False), ("mmin", True)])
def test_a_complete_view_without_a_gradient_keeps_nothing_of_its_text(
    tiny_encoder: Path, name: str, carries: bool
) -> None:
    text = TextEncoder(EncoderConfig(name=str(tiny_encoder), mode="finetune"))
    words = build_dataset(make_samples(), "official", text)
    model = create(name, InputSpec(text=16, audio=5, vision=7))
    given = TrainingParts(model, TrainingData(words), get_regime("uncertain"), 0, text, CPU)
    batch = next(given.batches(given.draw(0), 0, 0, 16))
    assert batch.input.text.values.requires_grad
    assert batch.complete.text.values.requires_grad is carries
