"""Mutual information of representations."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, Normal

from baselines.layers.contrastive import ConditionalGaussian, ContrastivePrediction, gaussian_entropy


def normal(samples: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(samples, width, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=25)
@given(samples=st.integers(1, 8), seed=st.integers(0, 999), scale=st.sampled_from([0.0, 1.0, 1e6]))
def test_contrast_depends_on_directions_alone_and_is_bounded_by_the_number_of_samples(
    samples: int, seed: int, scale: float
) -> None:
    torch.manual_seed(seed)
    contrast = ContrastivePrediction(3, 5)
    context, target = normal(samples, 3, seed), normal(samples, 5, seed + 1)
    loss = contrast(context, target)
    assert -1e-5 <= loss.item() <= math.log(samples) + 2 + 1e-5  # cosines are at most 2 apart
    torch.testing.assert_close(contrast(context, 7 * target), loss, atol=1e-4, rtol=1e-4)
    order = torch.randperm(samples, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(contrast(context[order], target[order]), loss, atol=1e-5, rtol=1e-5)
    assert contrast(context, scale * target).isfinite()


def test_contrast_falls_when_the_context_tells_its_target() -> None:
    contrast = ContrastivePrediction(4, 4)
    with torch.no_grad():
        contrast.predict.weight.copy_(torch.eye(4))
        contrast.predict.bias.zero_()
    target = torch.eye(4)
    told, mistold = contrast(target, target), contrast(target.roll(1, 0), target)
    assert told.item() == pytest.approx(math.log(math.e + 3) - 1, rel=1e-5)
    assert mistold.item() == pytest.approx(math.log(math.e + 3), rel=1e-5)


def test_negatives_are_the_targets_of_the_other_samples() -> None:
    contrast = ContrastivePrediction(2, 2)
    with torch.no_grad():
        contrast.predict.weight.copy_(torch.eye(2))
        contrast.predict.bias.zero_()
    context, target = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # both contexts choose between targets of cosine 1 and 0: one is right, one is wrong
    expected = math.log(math.e + 1) - 0.5
    assert contrast(context, target).item() == pytest.approx(expected, rel=1e-5)


def test_the_likelihood_is_that_of_the_gaussian() -> None:
    torch.manual_seed(0)
    q, x, y = ConditionalGaussian(5, 3), normal(6, 5), normal(6, 3, 1)
    with torch.no_grad():
        expected = Normal(q.mean(x), (0.5 * q.log_variance(x).tanh()).exp()).log_prob(y).sum(-1).mean()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(q(x, y), expected)


def test_training_the_likelihood_tightens_the_bound() -> None:
    torch.manual_seed(0)
    q, x = ConditionalGaussian(2, 2), normal(64, 2)
    y = x @ torch.tensor([[1.0, 0.5], [-0.5, 1.0]]) + 0.5 * normal(64, 2, 1)
    before = q(x, y).item()
    optimiser = torch.optim.Adam(q.parameters(), 1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        (-q(x, y)).backward()
        optimiser.step()
    after = q(x, y).item()
    assert after > before
    entropy = float(gaussian_entropy(y))
    assert after + entropy > 0.5  # x and y share information, and the bound says so
    shuffled = y[torch.randperm(64, generator=torch.Generator().manual_seed(2))]
    assert q(x, shuffled).item() + entropy < 0


def test_entropy_is_that_of_the_gaussian() -> None:
    root = torch.tensor([[1.0, 0.0], [0.7, 0.4]])
    samples = normal(20_000, 2) @ root.T
    expected = MultivariateNormal(torch.zeros(2), root @ root.T).entropy()  # type: ignore[no-untyped-call]
    assert float(gaussian_entropy(samples)) == pytest.approx(float(expected), abs=0.02)


def test_entropy_grows_with_the_spread_and_has_a_gradient_everywhere() -> None:
    samples = normal(20, 4)
    assert float(gaussian_entropy(2 * samples) - gaussian_entropy(samples)) == pytest.approx(4 * math.log(2), abs=0.01)
    for count in (1, 2, 5):
        few = normal(count, 4, 3).requires_grad_()
        gaussian_entropy(few).backward()  # type: ignore[no-untyped-call]
        assert few.grad is not None
        assert few.grad.isfinite().all()
