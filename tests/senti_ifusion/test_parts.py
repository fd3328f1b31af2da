"""Laws of the parts of Senti-iFusion."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from senti_ifusion.completion import CrossModalCompletion, availability
from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.fusion import AdaptiveFusion
from senti_ifusion.integrity import IntegrityEstimator, NoiseMitigation, blend
from senti_ifusion.losses import (
    SemanticValidation,
    consistency_loss,
    distance,
    feature_loss,
    integrity_loss,
    private_loss,
    weighted_mean,
)

CONFIG = SentiIFusionConfig(width=16, tokens=3, heads=2)
integrities = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(lambda i: torch.tensor([i], dtype=torch.float32))


def tokens(samples: int = 1, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(samples, 3, CONFIG.tokens, CONFIG.width, generator=generator)


@pytest.fixture
def completion() -> CrossModalCompletion:
    torch.manual_seed(0)
    return CrossModalCompletion(CONFIG).eval()


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e6])
def test_integrity_stays_inside_zero_and_one(scale: float) -> None:
    torch.manual_seed(0)
    estimator = IntegrityEstimator(CONFIG).eval()
    with torch.no_grad():
        for parameter in estimator.head.parameters():
            parameter.mul_(1e3)  # far into saturation
        estimate = estimator(tokens(8, scale=scale))
    assert estimate.shape == (8, 3)
    assert ((estimate > 0) & (estimate < 1)).all()


@settings(deadline=None, max_examples=30)
@given(integrity=integrities)
def test_mitigation_lies_between_the_tokens_and_the_prior(integrity: Tensor) -> None:
    mitigation, given_tokens = NoiseMitigation(CONFIG), tokens()
    mixed = mitigation(given_tokens, integrity)
    prior = mitigation.prior.expand_as(given_tokens)
    assert (mixed <= torch.maximum(given_tokens, prior) + 1e-5).all()
    assert (mixed >= torch.minimum(given_tokens, prior) - 1e-5).all()
    assert torch.equal(blend(given_tokens, prior, torch.ones(1, 3)), given_tokens)


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


def test_what_a_dead_donor_holds_does_not_matter(completion: CrossModalCompletion) -> None:
    integrity, prior = torch.tensor([[0.0, 1.0, 0.0]]), torch.zeros(3, CONFIG.tokens, CONFIG.width)
    one, other = tokens(seed=1), tokens(seed=1)
    other[:, 2] = tokens(seed=2)[:, 2]
    first, second = completion(one, integrity, prior), completion(other, integrity, prior)
    torch.testing.assert_close(first.tokens[:, 0], second.tokens[:, 0], atol=1e-5, rtol=1e-5)


def test_completed_is_observed_where_whole_and_proxy_where_gone(completion: CrossModalCompletion) -> None:
    mitigated, prior = tokens(2), torch.randn(3, CONFIG.tokens, CONFIG.width)
    result = completion(mitigated, torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.5]]), prior)
    assert torch.equal(result.tokens[0, 0], mitigated[0, 0])
    assert torch.equal(result.tokens[0, 1], result.proxy[0, 1])
    assert torch.equal(result.tokens[1, 0], result.proxy[1, 0])
    torch.testing.assert_close(result.tokens[1, 2], 0.5 * mitigated[1, 2] + 0.5 * result.proxy[1, 2])


def test_with_every_donor_gone_the_proxy_is_the_prior(completion: CrossModalCompletion) -> None:
    prior = torch.randn(3, CONFIG.tokens, CONFIG.width)
    result = completion(tokens(2), torch.zeros(2, 3), prior)
    torch.testing.assert_close(result.proxy, prior.expand(2, -1, -1, -1))
    torch.testing.assert_close(result.tokens, prior.expand(2, -1, -1, -1))


def test_no_gradient_is_nan_with_everything_gone(completion: CrossModalCompletion) -> None:
    mitigated = tokens(2).requires_grad_(True)
    integrity = torch.zeros(2, 3, requires_grad=True)
    completion(mitigated, integrity, torch.zeros(3, CONFIG.tokens, CONFIG.width)).tokens.sum().backward()
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
    assert distance(3 * made, made).max() < 1e-4  # no loss is gained or lost by scale
    assert weighted_mean(torch.ones(4, 3), torch.zeros(4, 3)) == 0


def test_the_integrity_loss_sums_over_modalities() -> None:
    estimated, true = torch.tensor([[0.5, 0.5, 0.5], [1.0, 1.0, 1.0]]), torch.tensor([[1.0, 0.0, 0.5], [1.0, 1.0, 1.0]])
    assert float(integrity_loss(estimated, true)) == pytest.approx((0.25 + 0.25) / 2)


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


@settings(deadline=None, max_examples=30)
@given(integrity=integrities, seed=st.integers(0, 50))
def test_the_dominant_modality_is_the_most_reliable(integrity: Tensor, seed: int) -> None:
    torch.manual_seed(seed)
    fused = AdaptiveFusion(CONFIG).eval()(tokens(seed=seed), integrity)
    assert ((fused.quality > 0) & (fused.quality < 1)).all()
    torch.testing.assert_close(fused.reliability, integrity * fused.quality)
    assert int(fused.dominant) == int(fused.reliability.argmax())
    assert fused.sentiment.isfinite().all()


def test_the_choice_is_hard_forwards_and_soft_backwards() -> None:
    fusion = AdaptiveFusion(CONFIG)
    reliability = torch.tensor([[0.2, 0.7, 0.5]], requires_grad=True)
    lead, weight, dominant = fusion.choose(reliability)
    assert lead.tolist() == [pytest.approx([0, 1, 0], abs=1e-6)]
    assert weight.tolist() == [pytest.approx([0.2, 0, 0.5])]
    assert dominant.tolist() == [1]
    (gradient,) = torch.autograd.grad(lead[0, 1], reliability)
    assert gradient[0, 1] > 0


def test_what_an_unreliable_modality_holds_does_not_matter() -> None:
    torch.manual_seed(0)
    fusion = AdaptiveFusion(CONFIG).eval()
    fusion.quality.forward = lambda completed: torch.ones(len(completed), 3)  # type: ignore[method-assign]
    one, other = tokens(seed=1), tokens(seed=1)
    other[:, 2] = tokens(seed=2)[:, 2]
    integrity = torch.tensor([[1.0, 0.5, 0.0]])
    torch.testing.assert_close(fusion(one, integrity).sentiment, fusion(other, integrity).sentiment)


@pytest.mark.parametrize(
    ("fields", "lead"), [({"dominant": "text"}, [1, 0, 0]), ({"adaptive_fusion": False}, [1 / 3] * 3)]
)
def test_the_variants_of_the_choice(fields: dict[str, object], lead: list[float]) -> None:
    fusion = AdaptiveFusion(SentiIFusionConfig(width=16, heads=2, **fields))  # type: ignore[arg-type]
    assert fusion.choose(torch.tensor([[0.1, 0.9, 0.5]]))[0].tolist() == [pytest.approx(lead)]
