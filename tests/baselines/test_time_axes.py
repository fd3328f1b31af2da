"""Resampling to another time axis, and recurrent encoders over sequences of different lengths."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import Choice, Interval, Sequences
from baselines.layers.alignment import align_to_text, resample
from baselines.layers.recurrent import RecurrentEncoder
from protocols import InputError
from tests.model_batches import make_batch, pad, rows


def sequence(values: list[float], total: int | None = None) -> Sequences:
    column = torch.zeros(1, total or len(values), 1)
    column[0, : len(values), 0] = torch.tensor(values)
    return Sequences(column, torch.tensor([len(values)]))


def test_equal_stretches_are_averaged_and_scarce_steps_repeated() -> None:
    six = sequence([1.0, 3.0, 5.0, 7.0, 9.0, 11.0])
    assert resample(six, torch.tensor([3]), 3).values[0, :, 0].tolist() == [2.0, 6.0, 10.0]
    assert resample(sequence([1.0, 2.0]), torch.tensor([4]), 4).values[0, :, 0].tolist() == [1.0, 1.0, 2.0, 2.0]


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 5))
def test_resampling_keeps_order_range_and_where_it_divides_the_mean(old: int, new: int, more: int) -> None:
    values = np.linspace(-1, 1, old).tolist()
    result = resample(sequence(values, old + more), torch.tensor([new]), new + more)
    steps = result.values[0, :new, 0]
    assert (steps.diff() >= -1e-6).all()
    assert steps.min() >= -1 - 1e-6
    assert steps.max() <= 1 + 1e-6
    assert not result.values[0, new:].view(torch.int32).any()  # not even the sign of a zero
    if old % new == 0:
        assert float(steps.mean()) == pytest.approx(float(np.mean(values)), abs=1e-6)
    if old == new:
        assert torch.equal(steps, torch.tensor(values))


def test_aligned_streams_share_the_axis_of_the_text_whatever_the_padding() -> None:
    batch = make_batch(5)
    text, audio, vision, length = align_to_text(batch)
    assert text.shape[1] == audio.shape[1] == vision.shape[1]
    assert torch.equal(length, batch.text.length)
    padded = align_to_text(pad(batch, 4))
    torch.testing.assert_close(padded[1][:, : audio.shape[1]], audio)
    torch.testing.assert_close(align_to_text(rows(batch, [3]))[2][:, : int(length[3])], vision[3:4, : int(length[3])])


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_recurrent_states_do_not_depend_on_padding_or_company(kind: str, bidirectional: bool) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(5, 4, 2, bidirectional=bidirectional, kind=kind)  # type: ignore[arg-type]
    audio = make_batch(6).audio
    states, final = encoder(audio)
    assert states.shape == (*audio.values.shape[:2], encoder.width)
    assert final.shape == (6, encoder.width)
    assert not states[audio.padding].any()
    for index in range(6):
        alone = rows(make_batch(6), [index]).audio
        torch.testing.assert_close(encoder(alone)[1], final[[index]])
    last = states[torch.arange(6), audio.length - 1, :4]
    torch.testing.assert_close(final[:, :4], last)


def test_search_spaces_refuse_what_cannot_be_searched() -> None:
    assert Interval(1, 8).whole
    assert not Interval(0.1, 8).whole
    assert Choice("a", 2).values == ("a", 2)
    with pytest.raises(InputError, match="at least one"):
        Choice()
    for low, high, log in ((1, 1, False), (2, 1, False), (0, 1, True)):
        with pytest.raises(InputError, match="low < high"):
            Interval(low, high, log=log)
