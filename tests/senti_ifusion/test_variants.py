"""The ablation: names made from config alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from baselines import (
    Batch,
    SentimentModel,
    Step,
    TrainBatch,
    create,
    model_class,
    models,
    register_variant,
    resolve_config,
)
from protocols import MODALITIES, InputError
from senti_ifusion.ablation import ABLATION
from senti_ifusion.framework import Framework
from senti_ifusion.model import SentiIFusion
from tests.model_batches import SPEC, make_batch, make_train_batch


def told(batch: Batch, integrity: torch.Tensor) -> Batch:
    """The batch, told that everything is observed and what the integrity is."""
    return replace(batch, observed={m: ~batch[m].padding for m in MODALITIES}, integrity=integrity)


SMALL = {"width": 16, "tokens": 2}
VARIANTS = [name for name in ABLATION if name != "senti-ifusion"]
VALIDATIONS = ("senti-ifusion", "senti-ifusion-without-semantic-validation")


def test_the_list_is_that_of_the_design_and_is_registered() -> None:
    assert len(VARIANTS) == 9
    assert set(VARIANTS) == {name for name, cls in models().items() if cls.info.variant_of == "senti-ifusion"}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_the_model_with_one_field_changed(name: str) -> None:
    whole, changed = resolve_config("senti-ifusion").model_dump(), resolve_config(name).model_dump()
    assert len([field for field in whole if whole[field] != changed[field]]) == 1
    cls = model_class(name)
    assert issubclass(cls, SentiIFusion)
    assert cls.name == name
    assert model_class("senti-ifusion").name == "senti-ifusion"
    assert cls.info.mask_informed == (name == "senti-ifusion-true-integrity")
    torch.manual_seed(0)
    made = create(name, SPEC, SMALL).eval()
    torch.manual_seed(0)
    same = create("senti-ifusion", SPEC, {**SMALL, **{k: changed[k] for k in changed if whole[k] != changed[k]}}).eval()
    batch = told(make_batch(4), torch.rand(4, 3))
    with torch.no_grad():
        assert torch.equal(made(batch).sentiment, same(batch).sentiment)


def test_the_true_integrity_is_used_and_must_be_told() -> None:
    torch.manual_seed(0)
    model = create("senti-ifusion-true-integrity", SPEC, SMALL).eval()
    batch = make_batch(4)
    with torch.no_grad():
        whole, poor = (model(told(batch, torch.full((4, 3), v))).sentiment for v in (1.0, 0.1))
    assert not torch.allclose(whole, poor)
    with pytest.raises(InputError, match="does not give"):
        model(batch)


def losses_of(
    name: str, batch: TrainBatch, fields: dict[str, object]
) -> tuple[SentimentModel, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    model = create(name, SPEC, {**SMALL, "dropout": 0.0, "event_dropout": 0.0, "integrity_dropout": 0.0, **fields})
    return model, model.training_loss(batch, Step(model.stages(10)[-1], 0, 0.0))


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize(
    "name", ["senti-ifusion", "senti-ifusion-without-completion", "senti-ifusion-without-integrity"]
)
def test_leaving_a_part_out_does_not_make_the_validation_train_the_encoders(name: str, trains: bool) -> None:
    model, terms = losses_of(name, make_train_batch(6), {"validate_encoders": trains})
    assert isinstance(model, Framework)
    for level in ("feature", "semantic"):
        model.zero_grad()
        if terms[level].requires_grad:
            terms[level].backward(retain_graph=True)  # type: ignore[no-untyped-call]
        reached = any(p.grad is not None and bool(p.grad.any()) for p in model.encoders.parameters())
        assert reached == trains


def test_without_semantic_validation_nothing_else_is_left_out() -> None:
    whole, reduced = (set(losses_of(name, make_train_batch(6), {})[1]) for name in VALIDATIONS)
    assert whole - reduced == {"semantic"}


def test_told_the_true_integrity_the_targets_are_read_by_it_too() -> None:
    model = create("senti-ifusion-true-integrity", SPEC, SMALL).eval()
    assert isinstance(model, Framework)
    batch = told(make_batch(4), torch.ones(4, 3))
    with torch.no_grad():
        target = model.complete_view(model.encoders, batch, model.complete_presence(batch))
        assert torch.equal(target, model.represent(batch).tokens)


#: Parts whose parameters a variant leaves out.
LEFT_OUT = {
    "senti-ifusion-without-integrity": ("estimator.",),
    "senti-ifusion-true-integrity": ("estimator.",),
    "senti-ifusion-without-completion": ("completion.",),
    "senti-ifusion-without-fusion": ("fusion.guidance.",),
    "senti-ifusion-text-dominant": tuple(f"fusion.guidance.{scale}.keys.0." for scale in range(4)),
    "senti-ifusion-without-disentanglement": ("completion.to_private.",),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_an_ablation_leaves_out_its_part_and_nothing_else(name: str) -> None:
    """All other parts have the same initial weights, bit for bit."""
    weights = []
    for model in ("senti-ifusion", name):
        torch.manual_seed(5)
        weights.append(create(model, SPEC, SMALL).state_dict())
    whole, reduced = weights
    gone = {key for key in whole if key.startswith(LEFT_OUT.get(name, ()))}
    assert set(reduced) == set(whole) - gone
    assert bool(gone) == (name in LEFT_OUT)
    assert all(torch.equal(reduced[key], whole[key]) for key in reduced)


def test_without_integrity_everything_counts_as_complete_and_training_still_drops_modalities() -> None:
    torch.manual_seed(0)
    model = create("senti-ifusion-without-integrity", SPEC, {**SMALL, "integrity_dropout": 0.9})
    assert isinstance(model, Framework)
    batch = make_batch(40)
    assert model.eval().represent(batch).integrity.eq(1).all()
    assert model(batch).integrity is None
    assert model.train().represent(batch).integrity.eq(0).any()


def test_a_variant_of_an_unknown_field_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean use_integrity"):
        register_variant("broken-variant-of-test", SentiIFusion, {"use_integrty": False}, title="x")
    assert "broken-variant-of-test" not in models()
