"""Laws of event pooling and of the tokens that are made of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from baselines import Sequences
from baselines.layers.event_tokens import EventTokens
from baselines.layers.pooling import EventPooling


def pooled(values: Tensor, presence: Tensor, groups: int = 1) -> Tensor:
    torch.manual_seed(0)
    with torch.no_grad():
        mean, events = EventPooling(values.shape[-1], 4, groups)(values, presence)
    assert events.shape == (len(values), groups, 2 * 4)
    return torch.cat([mean, events.flatten(1)], dim=1)


def encoder(tokens: int = 2, neighbours: int = 0) -> EventTokens:
    torch.manual_seed(0)
    return EventTokens(3, 8, tokens=tokens, events=4, norm="none", neighbours=neighbours).eval()


def encoded(made: EventTokens, values: Tensor, presence: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        tokens: Tensor = made(Sequences(values, torch.full((len(values),), values.shape[1])), presence)
    return tokens


def half_there() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    values, presence = torch.randn(5, 6, 3), torch.ones(5, 6)
    presence[:, 4:] = 0
    return values, presence


def test_events_leave_out_what_is_not_there() -> None:
    values, presence = half_there()
    other = torch.where(presence[..., None] > 0, values, torch.tensor(7.0))
    torch.testing.assert_close(pooled(values, presence), pooled(other, presence))
    torch.testing.assert_close(pooled(values, presence), pooled(values[:, :4], presence[:, :4]))


def test_the_less_is_there_the_less_events_say() -> None:
    values = torch.randn(1, 1, 3).expand(1, 40, 3)  # all steps say the same
    said = [pooled(values[:, :steps], torch.ones(1, steps)).abs() for steps in (1, 5, 40)]
    assert (said[0] < said[1]).all()
    assert (said[1] < said[2]).all()
    assert not pooled(values, torch.zeros(1, 40)).any()
    # a step weighs 1 / 11 against the ten that are asked for, forty weigh 40 / 50
    torch.testing.assert_close(said[0][:, :3] * 11, said[2][:, :3] * 50 / 40)


def test_groups_of_events_are_read_apart() -> None:
    values, presence = half_there()
    first, second = pooled(values, presence, groups=2)[:, 3:].chunk(2, dim=1)
    assert not torch.allclose(first, second, atol=1e-3)


def test_events_tell_what_no_mean_of_the_vectors_holds() -> None:
    pairs = torch.tensor([[[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]], [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]]])  # equal means
    tokens = encoded(encoder(), pairs)
    torch.testing.assert_close(tokens[0, 0], tokens[1, 0])
    assert not torch.allclose(tokens[0, 1], tokens[1, 1], atol=1e-3)


@pytest.mark.parametrize("neighbours", [0, 1])
@pytest.mark.parametrize("tokens", [2, 3])
def test_tokens_leave_out_what_is_not_there(tokens: int, neighbours: int) -> None:
    values, presence = half_there()
    other = torch.where(presence[..., None] > 0, values, torch.tensor(7.0))
    made = encoder(tokens, neighbours)
    assert encoded(made, values).shape == (5, tokens, 8)
    torch.testing.assert_close(encoded(made, values, presence), encoded(made, other, presence))
    assert not torch.allclose(encoded(made, values), encoded(made, other))


def test_a_step_in_doubt_counts_in_proportion() -> None:
    values, presence = half_there()[0], torch.rand(5, 6)
    made = encoder()
    steps = float((EventPooling.RATE * made.pool.needed.detach()[0]).exp())
    mean = (values * presence[..., None]).sum(dim=1) / (presence.sum(dim=1, keepdim=True) + steps)
    with torch.no_grad():
        torch.testing.assert_close(encoded(made, values, presence)[:, 0], made.mean(mean))


@pytest.mark.parametrize("neighbours", [0, 2])
def test_tokens_do_not_see_padding(neighbours: int) -> None:
    made = encoder(neighbours=neighbours)
    values, length = torch.randn(2, 5, 3), torch.tensor([5, 3])
    padded = torch.cat([values, torch.full((2, 3, 3), 9.0)], dim=1)
    with torch.no_grad():
        short, long = (made(Sequences(v, length)) for v in (values, padded))
        alone = made(Sequences(values[1:, :3], length[1:]))
    torch.testing.assert_close(short, long)
    torch.testing.assert_close(short[1:], alone)
    everything = torch.ones(2, 5)  # a presence on padding counts for nothing
    with torch.no_grad():
        torch.testing.assert_close(made(Sequences(values, length), everything), short)


def test_neighbours_are_the_mean_of_what_is_there_around_a_step() -> None:
    made = encoder(neighbours=1)
    values = torch.tensor([[[3.0], [5.0], [7.0], [9.0]]]).expand(1, 4, 3)
    presence = torch.tensor([[1.0, 0.0, 1.0, 1.0]])
    around = made._around(values, presence)[0, :, 0]
    asked = EventTokens.NEEDED
    expected = [3 / (1 + asked), (3 + 7) / (2 + asked), (7 + 9) / (2 + asked), (7 + 9) / (2 + asked)]
    assert around.tolist() == pytest.approx(expected)
    assert not made._around(values, torch.zeros(1, 4)).any()


def test_lasting_values_are_distinguished_from_scattered_ones() -> None:
    scattered = torch.zeros(1, 12, 3)
    scattered[:, ::4] = 2.0
    lasting = torch.zeros(1, 12, 3)
    lasting[:, 4:7] = 2.0
    alone, beside = encoder(), encoder(neighbours=1)
    torch.testing.assert_close(encoded(alone, scattered), encoded(alone, lasting))
    assert not torch.allclose(encoded(beside, scattered)[:, 1], encoded(beside, lasting)[:, 1], atol=1e-3)
