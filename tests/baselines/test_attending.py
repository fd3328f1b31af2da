"""Attention that is worked out again in the backward pass."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from baselines.layers import attending


def gradients(length: int, rate: float) -> list[Tensor]:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, rate, batch_first=True)
    target, source = torch.randn(2, length, 8, requires_grad=True), torch.randn(2, length, 8)
    padding = torch.arange(length) >= torch.tensor([[length], [length - 3]])
    found = attending.attend(attention, target, source, padding)
    found.square().sum().backward()
    grads = [found.detach(), target.grad, *(p.grad for p in attention.parameters())]
    return [g for g in grads if g is not None]


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_working_it_out_again_changes_no_number(rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    again = gradients(130, rate)
    monkeypatch.setattr(attending, "_LONG", 10**9)
    kept = gradients(130, rate)
    assert len(again) == len(kept) == 6
    assert all(torch.equal(a, b) for a, b in zip(again, kept, strict=True))


def test_long_attention_holds_no_weights_for_the_backward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def largest() -> int:
        attention = nn.MultiheadAttention(8, 2, 0.1, batch_first=True)
        held: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: held.append(t.numel()) or t, lambda t: t):
            attending.attend(attention, torch.randn(2, 130, 8, requires_grad=True), torch.randn(2, 130, 8), None)
        return max(held, default=0)

    assert largest() < 130 * 130
    monkeypatch.setattr(attending, "_LONG", 10**9)
    assert largest() >= 2 * 2 * 130 * 130
