"""Central moment discrepancy."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.layers.moments import central_moment_discrepancy as cmd


def draw(samples: int, seed: int, width: int = 3) -> torch.Tensor:
    return torch.rand(samples, width, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 9), m=st.integers(1, 9), seed=st.integers(0, 999), moments=st.integers(1, 6))
def test_it_is_a_symmetric_distance_of_distributions(n: int, m: int, seed: int, moments: int) -> None:
    first, second = draw(n, seed), draw(m, seed + 1)
    value = cmd(first, second, moments)
    assert value > 0
    torch.testing.assert_close(value, cmd(second, first, moments))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(cmd(first[order], second, moments), value)
    assert cmd(first, first, moments) == 0


def test_it_is_the_formula_of_the_paper() -> None:
    first, second = draw(6, 0, 2).double(), draw(4, 1, 2).double()
    expected = (first.mean(0) - second.mean(0)).norm() / 2
    for order in (2, 3, 4):
        left, right = (((x - x.mean(0)) ** order).mean(0) for x in (first, second))
        expected = expected + (left - right).norm() / 2**order
    torch.testing.assert_close(cmd(first, second, 4, span=2.0), expected)


def test_higher_moments_tell_apart_what_the_mean_does_not() -> None:
    narrow, wide = torch.tensor([[0.4], [0.6]]), torch.tensor([[0.0], [1.0]])
    assert cmd(narrow, wide, 1) == pytest.approx(0, abs=1e-7)
    assert cmd(narrow, wide, 2) == pytest.approx(0.25 - 0.01, abs=1e-6)


@pytest.mark.parametrize("samples", [1, 4])
def test_the_gradient_is_finite_for_equal_samples_and_for_a_single_one(samples: int) -> None:
    first, second = draw(samples, 0).requires_grad_(), draw(samples, 0).requires_grad_()
    cmd(first, second).backward()  # type: ignore[no-untyped-call]
    assert first.grad is not None
    assert first.grad.isfinite().all()
