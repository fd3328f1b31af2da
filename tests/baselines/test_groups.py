"""Groups of similar length within a batch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines import Sequences
from baselines.layers import groups
from baselines.layers.groups import groups_of, in_groups
from baselines.layers.token_encoder import TokenEncoder

LENGTHS = torch.tensor([7, 40, 1, 12, 5, 33, 2, 7])


@pytest.mark.parametrize("steps", [1, 30, 40, 100, 10_000])
def test_groups_hold_all_rows_once_from_short_to_long_and_a_bounded_number_of_steps(steps: int) -> None:
    found = list(groups_of(LENGTHS, steps))
    assert sorted(torch.cat(found).tolist()) == list(range(len(LENGTHS)))
    assert LENGTHS[torch.cat(found)].tolist() == sorted(LENGTHS.tolist())
    assert all(len(rows) == 1 or len(rows) * int(LENGTHS[rows].max()) <= steps for rows in found)
    # each group is as large as it may be
    assert all((len(a) + 1) * int(LENGTHS[b[0]]) > steps for a, b in pairwise(found))


def results(encoder: TokenEncoder, values: Tensor, known: Tensor | None) -> list[Tensor]:
    values = values.clone().requires_grad_()
    tokens = encoder(Sequences(values, LENGTHS, known))
    loss = (tokens * torch.arange(tokens.numel()).view_as(tokens).sin()).sum()
    return [tokens.detach(), *torch.autograd.grad(loss, [values, *encoder.parameters()])]


def test_an_encoder_of_tokens_gives_the_same_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    encoder = TokenEncoder(6, 16, tokens=3, heads=4)
    monkeypatch.setattr(groups, "STEPS", 50)
    slots: list[int] = []
    encoder.input.register_forward_hook(lambda _, given, __: slots.append(given[0].values[..., 0].numel()))
    values = torch.randn(len(LENGTHS), 40, 6)
    found, expected = results(encoder, values, LENGTHS), results(encoder, values, None)
    *grouped, whole = slots
    assert sum(grouped) < 0.6 * whole
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_a_small_batch_is_one_group() -> None:
    calls: list[Any] = []
    sequences = Sequences(torch.zeros(2, 3, 4), torch.tensor([3, 1]), torch.tensor([3, 1]))
    in_groups(lambda given: calls.append(given) or given.values[:, 0], sequences)  # type: ignore[func-returns-value]
    assert calls == [sequences]
