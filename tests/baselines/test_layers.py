"""The shared layers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from baselines import Sequences
from baselines.layers.inputs import InputProjection, signed_log
from baselines.layers.pooled_encoder import PooledEncoder
from baselines.layers.pooling import AttentionPooling, masked_mean
from baselines.layers.positions import sinusoidal_positions
from baselines.layers.reversal import reverse_gradient
from baselines.layers.token_encoder import TokenEncoder
from baselines.layers.transformer import Attention, TransformerEncoder


def test_positions_depend_on_the_step_alone_and_differ() -> None:
    like = torch.zeros(())
    long, short = sinusoidal_positions(300, 16, like), sinusoidal_positions(7, 16, like)
    assert torch.equal(long[:7], short)
    assert torch.pdist(long).min() > 1e-3
    assert sinusoidal_positions(3, 5, like).shape == (3, 5)


def test_attention_equals_that_of_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(16, 4), nn.MultiheadAttention(16, 4, batch_first=True, bias=False)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.to_query.weight, ours.to_key_value.weight]))
        theirs.out_proj.weight.copy_(ours.to_output.weight)
        ours.to_output.bias.zero_()
    queries, source = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    padding = torch.tensor([[False] * 5, [False, False, True, True, True]])
    expected, _ = theirs(queries, source, source, key_padding_mask=padding)
    torch.testing.assert_close(ours(queries, source, padding), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("final_norm", [False, True])
def test_keeping_the_first_steps_changes_nothing(layers: int, final_norm: bool) -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(16, layers, 2, head_width=12, final_norm=final_norm).eval()
    values, padding = torch.randn(3, 6, 16), torch.arange(6)[None, :] >= torch.tensor([[6], [4], [2]])
    torch.testing.assert_close(encoder(values, padding, keep=2), encoder(values, padding)[:, :2], atol=1e-6, rtol=1e-5)


def test_the_states_of_an_encoder_end_with_its_output() -> None:
    torch.manual_seed(0)
    encoder, values = TransformerEncoder(16, 2, 2), torch.randn(2, 4, 16)
    states = encoder.states(values)
    assert len(states) == 3
    assert torch.equal(states[0], values)
    torch.testing.assert_close(states[-1], encoder(values))


@settings(deadline=None, max_examples=30)
@given(length=st.integers(1, 6), more=st.integers(0, 4), seed=st.integers(0, 1000))
def test_pooling_reads_valid_steps_only(length: int, more: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(1, length + more, 8, generator=generator)
    padding = torch.arange(length + more)[None, :] >= length
    torch.testing.assert_close(masked_mean(values, padding), values[:, :length].mean(1))
    pool = AttentionPooling(8, heads=2)
    whole = pool(values, padding)
    torch.testing.assert_close(whole, pool(values[:, :length], padding[:, :length]), atol=1e-6, rtol=1e-5)
    assert whole.amax() <= values[:, :length].amax() + 1e-6  # a mean stays within its values


def test_the_reversed_gradient_is_the_negative() -> None:
    values = torch.tensor([1.0, -2.0], requires_grad=True)
    result = reverse_gradient(values, 0.5)
    assert torch.equal(result, values)
    (result * torch.tensor([3.0, 4.0])).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [-1.5, -2.0]


def test_signed_log_is_odd_and_rising() -> None:
    values = torch.linspace(-300, 300, 601)
    assert torch.equal(signed_log(-values), -signed_log(values))
    assert (signed_log(values).diff() > 0).all()


@pytest.mark.parametrize("norm", ["layer", "log", "none"])
def test_one_feature_still_says_something(norm: str) -> None:
    torch.manual_seed(0)
    project = InputProjection(1, 8, norm)  # type: ignore[arg-type]
    steps, _ = project(Sequences(torch.tensor([[[1.0]], [[2.0]]]), torch.tensor([1, 1])))
    assert not torch.allclose(steps[0], steps[1])


@pytest.mark.parametrize("patch", [1, 3])
def test_tokens_do_not_depend_on_padding(patch: int) -> None:
    torch.manual_seed(0)
    encoder = TokenEncoder(5, 16, tokens=3, heads=2, norm="layer", patch=patch).eval()
    length = torch.tensor([4, 1])
    values = torch.randn(2, 4, 5) * (torch.arange(4)[None, :] < length[:, None])[..., None]
    padded = torch.cat([values, torch.randn(2, 5, 5)], dim=1)  # even where padding is not zero
    tokens = encoder(Sequences(values, length))
    assert tokens.shape == (2, 3, 16)
    torch.testing.assert_close(encoder(Sequences(padded, length)), tokens, atol=1e-6, rtol=1e-5)


def test_tokens_see_the_order_of_steps() -> None:
    torch.manual_seed(0)
    encoder = TokenEncoder(5, 16, tokens=2, heads=2).eval()
    values, length = torch.randn(1, 6, 5), torch.tensor([6])
    assert not torch.allclose(encoder(Sequences(values, length)), encoder(Sequences(values.flip(1), length)), atol=1e-4)


def test_a_pooled_encoder_does_not_see_padding() -> None:
    torch.manual_seed(0)
    encoder = PooledEncoder(3, 8, norm="none", layers=1, patch=2).eval()
    values, length = torch.randn(2, 5, 3), torch.tensor([5, 3])
    padded = torch.cat([values, torch.full((2, 3, 3), 9.0)], dim=1)
    short, long = (encoder(Sequences(v, length)) for v in (values, padded))
    assert short.shape == (2, 16)
    torch.testing.assert_close(short, long)
