"""Dropout from sixteen bits an element."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from baselines import create, resolve_config
from baselines.layers.dropout import Dropout, drop, kept
from tests.model_batches import SPEC

COUNT = 1_000_003  # not a multiple of four, the numbers of a draw


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_share_is_dropped_and_the_mean_stays(rate: float) -> None:
    torch.manual_seed(0)
    values = drop(torch.ones(COUNT), rate)
    share = float((values == 0).double().mean())
    assert share == pytest.approx(rate, abs=5 * (rate * (1 - rate) / COUNT) ** 0.5)  # five standard errors
    assert float(values.double().mean()) == pytest.approx(1.0, abs=0.02)
    assert values.unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)], rel=1e-4)


def test_elements_are_dropped_independently_of_their_neighbours() -> None:
    """This holds for neighbours whose bits come from the same number of the generator, too."""
    torch.manual_seed(0)
    mask = kept((COUNT,), 0.5).double() - 0.5
    for distance in (1, 2, 3, 4, 8, 64):
        assert abs(float((mask[distance:] * mask[:-distance]).mean())) < 5 * 0.25 / COUNT**0.5


def test_masks_follow_torchs_generator() -> None:
    torch.manual_seed(3)
    first, second = kept((4, 5), 0.5), kept((4, 5), 0.5)
    torch.manual_seed(3)
    assert torch.equal(kept((4, 5), 0.5), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("rate", [0.0, 1e-9, 1.0])
def test_rates_near_zero_and_of_one_drop_nothing_and_everything(rate: float) -> None:
    values = torch.ones(50)
    assert torch.equal(drop(values, rate), torch.zeros(50) if rate == 1 else values)


def test_the_gradient_passes_where_values_do() -> None:
    values = torch.ones(1000, requires_grad=True)
    dropped = drop(values, 0.3)
    dropped.sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


def test_every_dropout_of_a_model_is_of_this_class() -> None:
    model = create("misa", SPEC, resolve_config("misa", {}))
    found = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    assert found
    assert all(isinstance(module, Dropout) for module in found)
    layer = Dropout(0.5).eval()
    assert torch.equal(layer(torch.ones(9)), torch.ones(9))
