"""Streams out of step by a time in seconds: laws, refusals, and a golden hash."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import InputError, Layout, Modality, parse
from tests.protocols.layouts import golden_layout, layouts

STEP = 0.05


def timed(layout: Layout, jitter: float = 0.0, seed: int = 0) -> Layout:
    """The layout with frames every 50 ms, each late by up to `jitter` steps."""
    late = {m: np.random.default_rng([seed, i]).random(len(layout.observed[m])) for i, m in enumerate(layout.observed)}

    def times(m: Modality) -> np.ndarray:  # type: ignore[type-arg]
        return (STEP * (layout.position_in_sample(m) + jitter * late[m])).astype(np.float32).astype(np.float64)

    return replace(layout, times=times)


@settings(deadline=None, max_examples=40)
@given(layouts(), st.integers(-6, 6))
def test_a_regular_clock_gives_the_masks_of_steps(layout: Layout, steps: int) -> None:
    by_steps, by_seconds = (
        parse(text).masks(timed(layout)) for text in (f"shift(steps={steps})", f"shift(seconds={steps * STEP})")
    )
    assert by_seconds.sha256() == by_steps.sha256()


@settings(deadline=None, max_examples=40)
@given(layouts(), st.floats(-0.6, 0.6), st.integers(0, 9))
def test_content_is_of_the_nearest_time_in_the_same_sample(layout: Layout, seconds: float, seed: int) -> None:
    layout = timed(layout, 0.9, seed)
    masks = parse(f"shift(seconds={seconds!r})").masks(layout)
    for m in ("audio", "vision"):
        times, offsets = layout.times(m), layout.offsets[m]  # type: ignore[misc, index]
        for first, last in itertools.pairwise(offsets):
            own = times[first:last]
            for t in range(first, last):
                wanted = times[t] - seconds
                if not own[0] - 1e-3 <= wanted <= own[-1] + 1e-3:
                    assert not masks.observed[m][t]  # type: ignore[index]
                    continue
                source = masks.shifted[m].source[t] if m in masks.shifted else t  # type: ignore[index]
                assert first <= source < last
                assert abs(times[source] - wanted) == pytest.approx(np.abs(own - wanted).min())
                recorded = layout.observed[m][[source, t]].all()  # type: ignore[index]
                assert masks.observed[m][t] == recorded  # type: ignore[index]


def test_a_shift_of_one_modality_is_written_with_both() -> None:
    masks = parse("shift(seconds={audio: 0.1})").masks(timed(golden_layout()))
    assert set(masks.shifted) == {"audio"}
    assert str(parse("shift(seconds={audio: 0.1})")) == "shift(seconds={audio: 0.1, vision: 0})"


def test_frames_that_are_not_in_order_of_time_keep_their_places() -> None:
    layout = Layout.of_lengths("toy", ["a"], text=[1], audio=[3], vision=[1])
    layout = replace(layout, times=lambda m: np.array([0.2, 0.0, 0.1]) if m == "audio" else np.zeros(1))
    masks = parse("shift(seconds={audio: 0.1})").masks(layout)
    assert masks.observed["audio"].tolist() == [True, False, True]
    assert masks.shifted["audio"].source[[0, 2]].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shift(seconds=0.5)", r"no times of audio; use shift\(steps=...\) in place of seconds"),
        ("shift()", "give either steps or seconds"),
        ("shift(steps=1, seconds=1)", "give either steps or seconds"),
        ("shift(seconds={text: 1})", "audio and vision move, not text"),
        ("shift(seconds=soon)", "seconds must be a number"),
    ],
)
def test_impossible_shifts_are_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        parse(text).masks(golden_layout())
    assert "\n" not in str(error.value)


def test_no_time_is_needed_where_nothing_moves() -> None:
    layout = golden_layout()
    assert parse("shift(seconds=0)").masks(layout).sha256() == parse("complete").masks(layout).sha256()


def test_masks_do_not_change_under_their_version() -> None:
    masks = parse("shift(seconds=0.17)").masks(timed(golden_layout(), 0.9))
    assert masks.sha256() == "f118448aaff7f0af3808615ba96f2897c619fa25c6eb13fbeab199d072bcbc35"
