"""An LSTM and a GRU give on a processor what torch's give over packed sequences: results and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from baselines import Sequences
from baselines.layers import recurrent
from baselines.layers.recurrent import RecurrentEncoder

LENGTHS = [7, 12, 1, 12, 5, 9]


def read(encoder: RecurrentEncoder, values: Tensor, lengths: list[int], *, states: bool) -> list[Tensor]:
    """Results of an encoder, and the gradients of input and weights for a loss that weights every result."""
    values = values.clone().requires_grad_()
    result = encoder(Sequences(values, torch.tensor(lengths), torch.tensor(lengths)))
    torch.manual_seed(2)
    losses = [(r * torch.randn(r.shape)).sum() for r in (result if states else result[1:])]
    found = torch.autograd.grad(torch.stack(losses).sum(), [values, *encoder.parameters()])
    return [r.detach() for r in result] + list(found)


@pytest.mark.parametrize("states", [True, False], ids=["states", "last state only"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("group", [16, 2048], ids=["in groups", "at once"])
@pytest.mark.parametrize(("width", "layers"), [(5, 1), (33, 2), (128, 1)])
def test_results_and_gradients_are_those_of_packed_sequences(
    monkeypatch: pytest.MonkeyPatch, width: int, layers: int, bidirectional: bool, states: bool, group: int
) -> None:
    monkeypatch.setattr(recurrent, "_GROUP", group)
    torch.manual_seed(0)
    encoder = RecurrentEncoder(6, width, layers, bidirectional=bidirectional)
    values = torch.randn(len(LENGTHS), 12, 6)
    found = read(encoder, values, LENGTHS, states=states)
    assert not found[2][torch.arange(12) >= torch.tensor(LENGTHS)[:, None]].any()  # no gradient reaches padding
    monkeypatch.setattr(recurrent, "reads_padding", lambda cell, values: False)
    monkeypatch.setattr(recurrent, "runs_as_packed", lambda packed: False)
    for mine, theirs in zip(found, read(encoder, values, LENGTHS, states=states), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("states", [True, False], ids=["states", "last state only"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("lengths", [LENGTHS, [20, 19, 18, 18, 2, 2]], ids=["unsorted", "sorted"])
@pytest.mark.parametrize(("width", "layers"), [(5, 1), (36, 3)])
def test_a_gru_gives_the_bits_of_torch(
    monkeypatch: pytest.MonkeyPatch, width: int, layers: int, lengths: list[int], bidirectional: bool, states: bool
) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(6, width, layers, bidirectional=bidirectional, kind="gru")
    values = torch.randn(len(lengths), max(lengths), 6)
    found = read(encoder, values, lengths, states=states)
    monkeypatch.setattr(recurrent, "runs_as_packed", lambda packed: False)
    for mine, theirs in zip(found, read(encoder, values, lengths, states=states), strict=True):
        assert torch.equal(mine, theirs)


def test_dropout_acts_between_layers_and_only_in_training() -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(6, 8, 2, dropout=0.5)
    sequences = Sequences(torch.randn(6, 12, 6), torch.tensor(LENGTHS))
    assert not torch.equal(encoder(sequences)[1], encoder(sequences)[1])
    encoder.eval()
    assert torch.equal(encoder(sequences)[1], encoder(sequences)[1])
