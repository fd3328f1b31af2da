"""The cross-modal Transformer."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import Sequences
from baselines.layers import attending, cross_modal
from baselines.layers.cross_modal import (
    CrossModalLayer,
    CrossModalTransformer,
    TemporalConvolution,
    fitting_heads,
    last_step,
)


def padding_of(length: torch.Tensor, steps: int) -> torch.Tensor:
    return torch.arange(steps)[None, :] >= length[:, None]


@settings(deadline=None, max_examples=50)
@given(width=st.integers(1, 400), heads=st.integers(1, 12))
def test_heads_divide_the_width_and_no_larger_number_within_the_limit_does(width: int, heads: int) -> None:
    found = fitting_heads(width, heads)
    assert width % found == 0
    assert found <= heads
    assert all(width % more for more in range(found + 1, min(heads, width) + 1))


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("steps", [1, 2, 6])
def test_a_convolution_keeps_the_length_and_never_sees_padding(kernel: int, steps: int) -> None:
    torch.manual_seed(0)
    layer = TemporalConvolution(3, 4, kernel)
    values, length = torch.randn(2, steps, 3), torch.tensor([steps, 1])
    values = values * ~padding_of(length, steps)[..., None]
    result = layer(Sequences(values, length))
    longer = layer(Sequences(torch.nn.functional.pad(values, (0, 0, 0, 4)), length))
    assert result.shape == (2, steps, 4)
    torch.testing.assert_close(longer[:, :steps], result)
    assert not longer[:, steps:].any()
    assert not result[1, 1:].any()


def test_a_convolution_over_three_steps_is_that_of_the_equation() -> None:
    layer = TemporalConvolution(1, 1, 3)
    with torch.no_grad():
        layer.convolution.weight.copy_(torch.tensor([[[100.0, 10.0, 1.0]]]))
    values = torch.tensor([[[1.0], [2.0], [3.0]]])
    assert layer(Sequences(values, torch.tensor([3]))).flatten().tolist() == [12.0, 123.0, 230.0]


@pytest.mark.parametrize("short", [0, 10**9], ids=["rows", "padded"])
def test_padding_of_the_source_changes_nothing(short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attending, "_SHORT", short)
    torch.manual_seed(0)
    model = CrossModalTransformer(12, 2, 3).eval()
    target, source = torch.randn(3, 5, 12), torch.randn(3, 7, 12)
    hidden = padding_of(torch.tensor([7, 1, 4]), 7)
    other = torch.where(hidden[..., None], torch.full_like(source, 50.0), source)
    torch.testing.assert_close(model(target, source, hidden), model(target, other, hidden))


def test_without_positions_the_order_of_the_source_does_not_matter_and_with_them_it_does() -> None:
    torch.manual_seed(0)
    target, source = torch.randn(2, 4, 12), torch.randn(2, 6, 12)
    for positions in (False, True):
        model = CrossModalTransformer(12, 2, 3, positions=positions).eval()
        same = torch.allclose(model(target, source), model(target, source.flip(1)), atol=1e-5)
        assert same == (not positions)


def test_without_a_source_a_sequence_attends_to_itself() -> None:
    torch.manual_seed(0)
    model, values = CrossModalTransformer(12, 2, 3).eval(), torch.randn(2, 4, 12)
    own = CrossModalLayer(12, 3).eval()
    torch.testing.assert_close(own(values, None, None), own(values, values, None))
    # over layers they differ: a source stays low-level, the sequence itself does not
    assert not torch.allclose(model(values), model(values, values), atol=1e-3)


def test_every_layer_reads_the_low_level_source() -> None:
    torch.manual_seed(0)
    model = CrossModalTransformer(12, 3, 3).eval()
    seen: list[torch.Tensor] = []
    for layer in model.layers:
        layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[1]))
    source = torch.randn(2, 30, 12)
    model(torch.randn(2, 40, 12), source)
    assert len(seen) == 3
    assert all(torch.equal(values, model.embed(source).flatten(0, 1)) for values in seen)


def gradients(model: CrossModalTransformer, *, itself: bool) -> list[torch.Tensor]:
    """Result and gradients of input and weights, on sequences of different lengths, without the target's padding."""
    torch.manual_seed(1)
    target, source = torch.randn(3, 9, 12, requires_grad=True), torch.randn(3, 7, 12, requires_grad=True)
    no_target, no_source = padding_of(torch.tensor([9, 1, 4]), 9), padding_of(torch.tensor([2, 7, 4]), 7)
    result = model(target, padding=no_target) if itself else model(target, source, no_source, no_target)
    result = result.masked_fill(no_target[..., None], 0.0)
    inputs = [target, *model.parameters()] if itself else [target, source, *model.parameters()]
    return [result, *torch.autograd.grad((result * torch.randn(result.shape)).sum(), inputs)]


@pytest.mark.parametrize("long", [False, True], ids=["weights kept", "weights computed again"])
@pytest.mark.parametrize("itself", [False, True])
def test_steps_without_padding_give_what_padded_ones_give(
    itself: bool, long: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = CrossModalTransformer(12, 2, 3)
    monkeypatch.setattr(attending, "_KEPT", 8 if long else 10**9)
    monkeypatch.setattr(attending, "_SHORT", 0)
    found = gradients(model, itself=itself)
    monkeypatch.setattr(cross_modal, "runs_packed", lambda *_: False)
    for mine, theirs in zip(found, gradients(model, itself=itself), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("long", [False, True], ids=["weights kept", "weights computed again"])
def test_dropout_of_weights_passes_the_gradient_of_what_it_left(long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attending, "_KEPT", 8 if long else 10**9)
    attention = torch.nn.MultiheadAttention(4, 2, 0.4, batch_first=True).double()
    lengths = attending.Lengths([3, 5], [4, 1])

    def act(target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)
        return attending.attend(attention, target, source, lengths)

    target, source = (torch.randn(n, 4, dtype=torch.double, requires_grad=True) for n in (8, 5))
    assert torch.autograd.gradcheck(act, (target, source))
    dropped = act(target, source)
    attention.eval()
    assert not torch.allclose(dropped, act(target, source))


def test_the_last_step_is_the_last_valid_one() -> None:
    values = torch.arange(12.0).reshape(2, 3, 2)
    assert last_step(values, torch.tensor([3, 1])).tolist() == [[4.0, 5.0], [6.0, 7.0]]
