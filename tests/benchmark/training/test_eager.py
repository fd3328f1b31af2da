"""Torch without its compiler gives equal bits, and where the compiler is imported, torch is left alone."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import benchmark.training.eager
from benchmark.training.eager import eager_optimiser
from benchmark.training.operations import count_flops


def trained(algorithm: type[torch.optim.Adam], interrupted: bool) -> tuple[list[torch.Tensor], dict[str, Any]]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 1))
    groups = [{"params": list(net[0].parameters()), "lr": 0.01}, {"params": list(net[2].parameters()), "lr": 0.1}]
    optimiser = algorithm(groups, weight_decay=0.1, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (step + 1))
    for step in range(6):
        optimiser.zero_grad(set_to_none=True)
        net(torch.randn(4, 7)).square().mean().backward()
        optimiser.step()
        schedule.step()
        if interrupted and step == 2:
            optimiser.load_state_dict(optimiser.state_dict())
    return list(net.parameters()), optimiser.state_dict()


@pytest.mark.parametrize("algorithm", [torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("interrupted", [False, True])
def test_an_optimiser_without_the_compiler_gives_equal_bits(
    algorithm: type[torch.optim.Adam], interrupted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark.training.eager, "_compiler_is_imported", lambda: False)
    eager = eager_optimiser(algorithm)
    assert eager is not algorithm
    assert eager.step is not algorithm.step
    weights, state = trained(eager, interrupted)
    wanted, wanted_state = trained(algorithm, interrupted)
    assert all(torch.equal(a, b) for a, b in zip(weights, wanted, strict=True))
    assert state["param_groups"] == wanted_state["param_groups"]
    for number, moments in state["state"].items():
        assert all(torch.equal(moments[name], value) for name, value in wanted_state["state"][number].items())


def test_torch_is_left_alone_where_something_has_imported_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", ModuleType("torch._dynamo"))
    assert eager_optimiser(torch.optim.Adam) is torch.optim.Adam


def test_operations_are_counted_alike_with_and_without_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    net, values = nn.TransformerEncoderLayer(16, 2, 32), torch.randn(5, 3, 16)
    monkeypatch.setattr(benchmark.training.eager, "_compiler_is_imported", lambda: False)
    without = count_flops(lambda: net(values))
    monkeypatch.setattr(benchmark.training.eager, "_compiler_is_imported", lambda: True)
    assert count_flops(lambda: net(values)) == without > 2 * 15 * (4 * 16 * 16 + 2 * 16 * 32)
