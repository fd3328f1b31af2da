"""Laws of the parts of Senti-iFusion."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from baselines import Batch, Sequences, Step
from protocols import MODALITIES
from senti_ifusion.completion import CrossModalCompletion, Prior, availability
from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.encoders import ModalityEncoders
from senti_ifusion.integrity import IntegrityEstimator, Trust, blend
from senti_ifusion.losses import (
    SemanticValidation,
    consistency_loss,
    distance,
    feature_loss,
    integrity_loss,
    presence_loss,
    private_loss,
    weighted_mean,
)
from senti_ifusion.model import SentiIFusion
from tests.model_batches import SPEC, erased, make_batch, make_train_batch

CONFIG = SentiIFusionConfig(width=16, tokens=3, heads=2)
integrities = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda i: torch.tensor([i], dtype=torch.float32))


def tokens(samples: int = 1, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(samples, 3, CONFIG.tokens, CONFIG.width, generator=generator)


@pytest.fixture
def completion() -> CrossModalCompletion:
    torch.manual_seed(0)
    return CrossModalCompletion(CONFIG).eval()


def estimator_and_encoders() -> tuple[IntegrityEstimator, ModalityEncoders]:
    torch.manual_seed(0)
    return IntegrityEstimator(SPEC, CONFIG).eval(), ModalityEncoders(SPEC, CONFIG).eval()


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_integrity_stays_inside_zero_and_one(scale: float) -> None:
    estimator, encoders = estimator_and_encoders()
    with torch.no_grad():
        for parameter in estimator.parameters():
            parameter.mul_(scale)  # far into saturation
        for batch in (make_batch(8), erased(make_batch(8), "text", "audio", "vision")):
            estimate = estimator(batch, encoders)
            assert estimate.integrity.shape == (8, 3)
            assert ((estimate.integrity > 0) & (estimate.integrity < 1)).all()
            assert all(((p > 0) & (p < 1)).all() for p in estimate.presence.values())


def test_the_estimate_does_not_depend_on_padding() -> None:
    estimator, encoders = estimator_and_encoders()
    batch = make_batch(6)
    padded = Batch(*(Sequences(F.pad(batch[m].values, (0, 0, 0, 5)), batch[m].length) for m in MODALITIES))
    with torch.no_grad():
        torch.testing.assert_close(estimator(padded, encoders).integrity, estimator(batch, encoders).integrity)


def test_positions_judged_absent_have_no_weight_in_the_encoders() -> None:
    _, encoders = estimator_and_encoders()
    batch = make_batch(4)
    presence = {m: (torch.rand(batch[m].values.shape[:2]) < 0.5).float() for m in MODALITIES}
    presence = {m: p.index_fill(1, torch.tensor([0]), 1.0) for m, p in presence.items()}
    other = make_batch(4)
    for m, there in presence.items():
        other[m].values.add_(7 * (1 - there).unsqueeze(-1))  # type: ignore[index]
    with torch.no_grad():
        first, second = (encoders(b, presence) for b in (batch, other))
    torch.testing.assert_close(first, second, atol=5e-3, rtol=0)
    with torch.no_grad():
        assert not torch.allclose(encoders(batch), encoders(other), atol=5e-2)


def test_the_estimate_leaves_the_encoders_alone() -> None:
    estimator, encoders = estimator_and_encoders()
    batch = make_train_batch(6)
    estimate = estimator(batch.input, encoders)
    loss = integrity_loss(estimate.integrity, batch.integrity) + presence_loss(estimate.logits, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in encoders.parameters())
    assert all(p.grad is not None and p.grad.any() for p in estimator.parameters())


@pytest.mark.parametrize("known", [True, False])
def test_the_loss_of_presence_is_that_of_the_valid_positions(known: bool) -> None:
    batch = make_train_batch(6)
    parts = {m: replace(batch.input[m], known=batch.input[m].length if known else None) for m in MODALITIES}
    batch = replace(batch, input=Batch(parts["text"], parts["audio"], parts["vision"]))
    logits = {m: parts[m].values[..., 0].clone().requires_grad_() for m in MODALITIES}
    wanted = []
    for m, valid in ((m, ~parts[m].padding) for m in MODALITIES):
        flags = batch.observed[m][valid].float()
        wanted.append(F.binary_cross_entropy_with_logits(logits[m][valid], flags))
    grads = torch.autograd.grad(torch.stack(wanted).mean(), list(logits.values()))
    loss = presence_loss(logits, batch)
    assert torch.equal(loss, torch.stack(wanted).mean())
    for found, right in zip(torch.autograd.grad(loss, list(logits.values())), grads, strict=True):
        assert torch.equal(found, right)
    assert any(parts[m].padding.any() for m in MODALITIES)


def trusting(*growth: float) -> Trust:
    trust = Trust(CONFIG)
    with torch.no_grad():
        trust.growth.copy_(torch.tensor(growth)[:, None].expand_as(trust.growth))
    return trust


@settings(deadline=None, max_examples=30)
@given(first=st.floats(0, 1), second=st.floats(0, 1), growth=st.floats(-0.5, 0.5))
def test_trust_rises_from_nothing_to_all(first: float, second: float, growth: float) -> None:
    trust = trusting(growth, 0.0, -growth)
    with torch.no_grad():
        low, high = (trust(torch.full((1, 3), i)) for i in sorted((first, second)))
        assert low.shape == (1, 3, CONFIG.tokens)
        assert ((low >= 0) & (low <= high + 1e-6) & (high <= 1 + 1e-6)).all()
        assert trust(torch.zeros(1, 3)).max() == 0
        torch.testing.assert_close(trust(torch.ones(1, 3)), torch.ones(1, 3, CONFIG.tokens))


def test_trust_starts_at_a_half_about_the_configured_integrity_and_is_learned() -> None:
    trust = Trust(CONFIG)
    at_half = trust(torch.full((1, 3), CONFIG.trust_half))
    torch.testing.assert_close(at_half, torch.full_like(at_half, (1 + CONFIG.trust_half) / 2))
    at_half.sum().backward()
    assert trust.growth.grad is not None
    assert (trust.growth.grad < 0).all()  # a larger h is less trust


@settings(deadline=None, max_examples=30)
@given(share=integrities)
def test_a_blend_lies_between_its_two(share: Tensor) -> None:
    one, other = tokens(), tokens(seed=1)
    shares = share.unsqueeze(-1)
    mixed = blend(one, other, shares)
    assert (mixed <= torch.maximum(one, other) + 1e-5).all()
    assert (mixed >= torch.minimum(one, other) - 1e-5).all()
    assert torch.equal(blend(one, other, torch.ones(1, 3, 1)), one)


@settings(deadline=None, max_examples=40)
@given(integrity=integrities, seed=st.integers(0, 100))
def test_donor_weights_are_a_distribution_over_the_others(integrity: Tensor, seed: int) -> None:
    torch.manual_seed(0)
    weights = CrossModalCompletion(CONFIG).donor_weights(tokens(seed=seed), integrity)
    assert weights.shape == (1, 3, 3)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 3))
    assert (weights.diagonal(dim1=1, dim2=2) == 0).all()


@pytest.mark.parametrize("dead", [0, 1, 2])
@pytest.mark.parametrize("alive", [0.05, 1.0])
def test_dead_donors_are_ignored(completion: CrossModalCompletion, dead: int, alive: float) -> None:
    integrity = torch.full((4, 3), alive)
    integrity[:, dead] = 0.0
    assert completion.donor_weights(tokens(4), integrity)[:, :, dead].max() < 1e-6


def test_the_content_of_a_missing_donor_does_not_matter(completion: CrossModalCompletion) -> None:
    integrity, prior = torch.tensor([[0.0, 1.0, 0.0]]), torch.zeros(3, CONFIG.tokens, CONFIG.width)
    one, other = tokens(seed=1), tokens(seed=1)
    other[:, 2] = tokens(seed=2)[:, 2]
    first, second = completion(one, integrity, prior), completion(other, integrity, prior)
    torch.testing.assert_close(first.proxy[:, 0], second.proxy[:, 0], atol=1e-5, rtol=1e-5)


def test_completed_is_observed_where_whole_and_proxy_where_gone() -> None:
    torch.manual_seed(0)
    model, batch = SentiIFusion(SPEC, CONFIG).eval(), make_batch(2)
    integrity = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.5]])
    with torch.no_grad():
        made = model.represent(batch, integrity)
        share = float(Trust(CONFIG)(torch.full((1, 3), 0.5))[0, 0, 0])
    assert made.completion is not None
    torch.testing.assert_close(made.completed[0, 0], made.tokens[0, 0])
    torch.testing.assert_close(made.completed[0, 1], made.completion.proxy[0, 1])
    torch.testing.assert_close(made.completed[1, 0], made.completion.proxy[1, 0])
    mixed = share * made.tokens[1, 2] + (1 - share) * made.completion.proxy[1, 2]
    torch.testing.assert_close(made.completed[1, 2], mixed)


def test_the_proxy_does_not_train_the_encoders(completion: CrossModalCompletion) -> None:
    given_tokens = tokens(2).requires_grad_(True)
    prior = torch.zeros(3, CONFIG.tokens, CONFIG.width)
    completion(given_tokens, torch.full((2, 3), 0.5), prior).proxy.sum().backward()
    assert given_tokens.grad is None


def test_with_every_donor_gone_the_proxy_is_the_prior(completion: CrossModalCompletion) -> None:
    prior = torch.randn(3, CONFIG.tokens, CONFIG.width)
    result = completion(tokens(2), torch.zeros(2, 3), prior)
    torch.testing.assert_close(result.proxy, prior.expand(2, -1, -1, -1))


def test_the_prior_starts_at_the_mean_complete_tokens_and_follows_them() -> None:
    prior, weight = Prior(CONFIG), torch.tensor([[1.0, 1.0, 0.0], [0.5, 0.0, 0.0]])
    first = tokens(2, seed=1)
    prior.follow(first, weight)
    torch.testing.assert_close(prior()[0], (first[0, 0] + 0.5 * first[1, 0]) / 1.5)
    torch.testing.assert_close(prior()[1], first[0, 1])
    assert torch.equal(prior()[2], torch.zeros_like(prior()[2]))  # never seen
    constant = tokens(2, seed=2)[:1].expand(2, -1, -1, -1)
    for _ in range(200):
        prior.follow(constant, torch.ones(2, 3))
    torch.testing.assert_close(prior(), constant[0], atol=1e-3, rtol=0)
    prior.follow(torch.full_like(constant, 1e6), torch.zeros(2, 3))  # nothing is there to be followed
    torch.testing.assert_close(prior(), constant[0], atol=1e-3, rtol=0)
    again = Prior(CONFIG)
    again.load_state_dict(prior.state_dict())
    assert torch.equal(again(), prior())


def test_training_keeps_the_mean_complete_tokens() -> None:
    torch.manual_seed(0)
    model, batch = SentiIFusion(SPEC, CONFIG).train(), make_train_batch(8)
    assert model.prior is not None
    with torch.no_grad():
        target = model.complete_view(model.encoders, batch.complete, model.complete_presence(batch.complete))
    model.training_loss(batch, Step(model.stages(10)[0], 0, 0.0))
    weight = batch.complete_integrity
    mean = torch.einsum("bm,bmkd->mkd", weight, target) / weight.sum(dim=0)[:, None, None]
    torch.testing.assert_close(model.prior.mean, mean)
    assert not model.prior.mean.requires_grad


def test_no_gradient_is_nan_with_everything_gone(completion: CrossModalCompletion) -> None:
    mitigated = tokens(2).requires_grad_(True)
    integrity = torch.zeros(2, 3, requires_grad=True)
    proxy = completion(mitigated, integrity, torch.zeros(3, CONFIG.tokens, CONFIG.width)).proxy
    blend(mitigated, proxy, Trust(CONFIG)(integrity)).sum().backward()
    assert mitigated.grad is not None
    assert integrity.grad is not None
    assert mitigated.grad.isfinite().all()
    assert integrity.grad.isfinite().all()


def test_availability_is_of_the_others() -> None:
    assert availability(torch.tensor([[0.9, 0.2, 0.4]])).tolist() == [
        pytest.approx([0.4, 0.9, 0.9]),
    ]


def test_targets_receive_no_gradient() -> None:
    made, target = tokens(4).requires_grad_(True), tokens(4, seed=1).requires_grad_(True)
    ones = torch.ones(4, 3)
    semantic = SemanticValidation(CONFIG.width)
    loss = feature_loss(made, target, ones) + semantic(made, target, torch.zeros(4), ones)
    loss = loss + private_loss(made, made * 0.5, target, ones)
    loss.backward()
    assert target.grad is None
    assert made.grad is not None
    assert made.grad.any()


def test_losses_are_zero_at_their_aim() -> None:
    made = tokens(4)
    assert integrity_loss(torch.full((4, 3), 0.3), torch.full((4, 3), 0.3)) == 0
    assert distance(made, made).max() == 0
    other = tokens(4, seed=1)
    torch.testing.assert_close(distance(3 * other, 3 * made), distance(other, made))  # scale gains and loses nothing
    assert (distance(0.3 * other, made) < distance(other, made)).all()  # what is not known is better left out
    assert weighted_mean(torch.ones(4, 3), torch.zeros(4, 3)) == 0


def test_the_integrity_loss_sums_over_modalities() -> None:
    estimated, true = torch.tensor([[0.5, 0.5, 0.5], [1.0, 1.0, 1.0]]), torch.tensor([[1.0, 0.0, 0.5], [1.0, 1.0, 1.0]])
    assert float(integrity_loss(estimated, true)) == pytest.approx((0.25 + 0.25) / 2)


def test_a_weighted_mean_is_a_mean_however_small_the_weights() -> None:
    values = torch.full((1, 3), 2.0)
    assert float(weighted_mean(values, torch.full((1, 3), 0.1))) == pytest.approx(2.0)
    assert float(weighted_mean(values, torch.zeros(1, 3))) == 0.0


def test_absent_modalities_are_left_out_of_the_losses() -> None:
    made, target, weight = tokens(4), tokens(4, seed=1), torch.ones(4, 3)
    weight[:, 2] = 0
    other = target.clone()
    other[:, 2] = 7 * torch.randn_like(other[:, 2])
    torch.testing.assert_close(feature_loss(made, target, weight), feature_loss(made, other, weight))
    torch.testing.assert_close(consistency_loss(target, weight, 0.2), consistency_loss(other, weight, 0.2))


def test_agreeing_samples_have_a_lower_consistency_loss_than_shuffled_ones() -> None:
    shared = tokens(8)[:, :1].expand(-1, 3, -1, -1)
    shuffled = torch.cat([shared[:, :1], shared[:, 1:].roll(1, dims=0)], dim=1)
    weight = torch.ones(8, 3)
    assert consistency_loss(shared, weight, 0.2) < consistency_loss(shuffled, weight, 0.2)
