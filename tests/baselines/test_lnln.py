"""LNLN beside its paper and its official code."""

from __future__ import annotations

import pytest
import torch

from baselines import InputSpec, Stage, Step, create
from baselines.lnln import Lnln
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Trainable parameters of Haoyu-ha/LNLN (commit 80a052c) with configs/train_mosi.yaml, text encoder excluded.
OFFICIAL_MOSI = 6_483_012
WIDTH, TOKENS = 128, 8


def small(**fields: object) -> Lnln:
    torch.manual_seed(0)
    model = create("lnln", SPEC, {"width": 32, **fields})
    assert isinstance(model, Lnln)
    return model


def test_parameters_are_those_of_the_official_code_but_for_the_named_differences() -> None:
    model = create("lnln", InputSpec(text=768, audio=5, vision=20))
    ours = sum(p.numel() for p in model.parameters())
    tables = (TOKENS + 50 + TOKENS + 375 + TOKENS + 500) * WIDTH  # learned positions of the three encoders
    unread = (2 * TOKENS + TOKENS + 1 + 1) * WIDTH  # extra proxy tokens and positions, positions of read-out tokens
    self_attention_layers = 3 * 2 + 2 + 2 + 3 * 2 + 2
    norms = self_attention_layers * 2 * 2 * WIDTH + 2 * 2 * WIDTH  # of key and value; of value in the fusion
    hyper_norms = 3 * 2 * WIDTH
    assert ours == 6_347_716
    assert ours + tables + unread + norms + hyper_norms == OFFICIAL_MOSI


def test_the_sentiment_gradient_into_the_generator_is_not_reversed() -> None:
    model, batch = small(), make_train_batch(8)
    sentiment = model(batch.input).sentiment
    gradient = torch.autograd.grad(torch.nn.functional.mse_loss(sentiment, batch.label), model.proxy_tokens)[0]
    before = float(torch.nn.functional.mse_loss(sentiment.detach(), batch.label))
    with torch.no_grad():
        model.proxy_tokens -= 0.1 * gradient / gradient.norm()
        after = float(torch.nn.functional.mse_loss(model(batch.input).sentiment, batch.label))
    assert after < before


def test_the_generator_works_against_the_discriminator() -> None:
    model, batch = small(), make_train_batch(8)
    step = Step(Stage("fit", 1), 0, 0.0)
    adversarial = model.training_loss(batch, step)["adversarial"]
    gradient = torch.autograd.grad(adversarial, model.proxy_tokens)[0]
    with torch.no_grad():
        model.proxy_tokens -= 0.1 * gradient / gradient.norm()
        assert model.training_loss(batch, step)["adversarial"] > adversarial


def test_complete_features_are_targets_without_gradient() -> None:
    model, batch = small(), make_train_batch(4)
    for sequences in (batch.complete.text, batch.complete.audio, batch.complete.vision):
        sequences.values.requires_grad_(True)
    torch.stack(list(model.training_loss(batch, Step(Stage("fit", 1), 0, 0.0)).values())).sum().backward()
    assert all(s.values.grad is None for s in (batch.complete.text, batch.complete.audio, batch.complete.vision))


def test_the_completeness_target_is_the_realised_integrity_of_the_text() -> None:
    model, batch = small(adversarial_weight=0, reconstruction_weight=0, task_weight=0), make_train_batch(4)
    terms = model.training_loss(batch, Step(Stage("fit", 1), 0, 0.0))
    completeness = model._run(batch.input).completeness
    expected = 0.9 * (completeness - batch.integrity[:, 0]).square().mean()
    torch.testing.assert_close(terms["completeness"], expected)


@pytest.mark.parametrize("layers", [2, 4])
def test_the_published_depths_of_fusion(layers: int) -> None:
    assert small(fusion_layers=layers)(make_batch(2)).sentiment.isfinite().all()
