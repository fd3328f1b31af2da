"""The LSTM of training gives the bits of torch's: results, gradients, and weights after steps of models."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from baselines import Sequences, Stage, Step, create, resolve_config
from baselines.layers import recurrent
from baselines.layers.recurrent import RecurrentEncoder
from tests.model_batches import SPEC, make_train_batch

LENGTHS = [7, 12, 1, 12, 5, 9]


def with_torch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recurrent, "runs_as_packed", lambda packed: False)


def read(encoder: RecurrentEncoder, values: Tensor, length: list[int], *, states: bool) -> list[Tensor]:
    """Results of an encoder, and the gradients of input and weights for a loss that weights every result."""
    torch.manual_seed(1)  # dropout
    values = values.clone().requires_grad_()
    result = encoder(Sequences(values, torch.tensor(length)))
    torch.manual_seed(2)
    losses = [(r * torch.randn(r.shape)).sum() for r in (result if states else result[1:])]
    found = torch.autograd.grad(torch.stack(losses).sum(), [values, *encoder.parameters()])
    return [r.detach() for r in result] + list(found)


@pytest.mark.parametrize("states", [True, False], ids=["states", "last state only"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("width", "layers"), [(5, 1), (16, 1), (33, 2)])
def test_results_and_gradients_are_those_of_torch(
    monkeypatch: pytest.MonkeyPatch, width: int, layers: int, bidirectional: bool, states: bool
) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(6, width, layers, bidirectional=bidirectional, dropout=0.4)
    values = torch.randn(len(LENGTHS), 12, 6)
    found = read(encoder, values, LENGTHS, states=states)
    with_torch(monkeypatch)
    expected = read(encoder, values, LENGTHS, states=states)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("length", [[4, 4, 4], [6], [1, 1]])
def test_equal_lengths_are_left_to_torch(length: list[int]) -> None:
    """Torch reads these with another kernel, whose bits differ."""
    encoder, values = RecurrentEncoder(6, 8), torch.randn(len(length), max(length), 6)
    states, _ = encoder(Sequences(values, torch.tensor(length)))
    assert torch.equal(states, encoder.cell(values)[0])


@pytest.mark.parametrize("name", ["misa", "self-mm", "emt-dlfr", "ef-lstm"])
def test_a_step_of_training_leaves_the_weights_that_torch_leaves(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def gradients() -> list[Tensor]:
        torch.manual_seed(0)
        model = create(name, SPEC, resolve_config(name, {})).train()
        terms = model.training_loss(make_train_batch(6), Step(Stage("fit", 2), 0, 0.0))
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        return [torch.zeros(()) if p.grad is None else p.grad for p in model.parameters()]

    found = gradients()
    with_torch(monkeypatch)
    assert all(torch.equal(a, b) for a, b in zip(found, gradients(), strict=True))
