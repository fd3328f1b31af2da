"""Gaps that are filled, and streams out of step: the laws of their masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import MODALITIES, InputError, Layout, parse
from tests.protocols.layouts import golden_layout, large, layouts, take

SETTINGS = settings(deadline=None, max_examples=40)


def with_training(layout: Layout, training: Layout | None = None) -> Layout:
    training = training or golden_layout()
    return replace(layout, donors=lambda: training)


@pytest.mark.parametrize("fill", ["run", "hold"])
@SETTINGS
@given(layout=layouts(), rate=st.floats(0, 1))
def test_every_gap_of_the_scenario_is_filled_and_nothing_else(layout: Layout, rate: float, fill: str) -> None:
    layout = with_training(layout)
    marked = parse(f"random_positions(rate={rate!r})").masks(layout)
    masks = parse(f"random_positions(rate={rate!r}) + unmarked(fill={fill})").masks(layout)
    for m in MODALITIES:
        gone = layout.observed[m] & ~masks.observed[m]
        assert (masks.observed[m] == marked.observed[m]).all()  # integrity stays
        assert (masks.filled[m].where == gone).all() if m in masks.filled else not gone.any()


@SETTINGS
@given(layout=layouts(), rate=st.floats(0, 1))
def test_a_held_frame_is_the_last_one_or_else_the_next(layout: Layout, rate: float) -> None:
    masks = parse(f"random_positions(rate={rate!r}) + unmarked(fill=hold)").masks(with_training(layout))
    for m, filling in masks.filled.items():
        held = np.flatnonzero(filling.own >= 0)
        assert m != "text" or not len(held)
        owner, observed = layout.sample_of_position(m), masks.observed[m]
        for position in held.tolist():
            source = int(filling.own[position])
            assert observed[source]
            assert owner[source] == owner[position]
            start = int(layout.offsets[m][owner[position]])
            between = observed[source + 1 : position] if source < position else observed[start:source]
            assert not between.any()
        if m != "text":  # nothing is held only where the whole stream is gone
            for position in np.flatnonzero(filling.donor >= 0).tolist():
                start, stop = layout.offsets[m][owner[position] : owner[position] + 2]
                assert not observed[start:stop].any()


def test_a_run_is_consecutive_recorded_frames_of_one_sample_of_another_video() -> None:
    training = golden_layout()
    rng = np.random.Generator(np.random.Philox(key=[0, 1]))
    gaps = {m: rng.random(len(o)) > 0.2 for m, o in training.observed.items()}
    training = replace(training, observed=gaps)
    layout = with_training(take(training, list(range(10))), training)
    layout = replace(layout, video_ids=training.video_ids[:10])
    masks = parse("drop(rate=1) + unmarked(fill=run)").masks(layout)
    for m, filling in masks.filled.items():
        recorded = np.cumsum(training.observed[m])
        for i in range(10):
            source = filling.donor[slice(*layout.offsets[m][i : i + 2])]
            place = np.flatnonzero(source >= 0)  # gaps of the data are not filled
            source = source[place]
            assert training.observed[m][source].all()
            owner = training.sample_of_position(m)[source]
            same = owner[1:] == owner[:-1]
            assert (np.diff(recorded[source]) == np.diff(place))[same].all()
            videos = {training.video_ids[k] for k in owner}
            assert layout.video_ids[i] not in videos


def test_samples_longer_than_all_donors_get_several_in_a_row() -> None:
    layout = with_training(Layout.of_lengths("long", ["a"], text=[80], audio=[100], vision=[1]))
    masks = parse("drop(rate=1) + random_positions(rate=1) + unmarked(fill=run)").masks(layout)
    owners = golden_layout().sample_of_position("audio")[masks.filled["audio"].donor]
    assert (masks.filled["audio"].donor >= 0).all()
    assert len(set(owners.tolist())) >= 4


def test_content_does_not_depend_on_the_rate_other_samples_or_the_order_of_the_training_part() -> None:
    training, layout = golden_layout(), large(200)
    reordered = take(training, list(range(50))[::-1])
    reordered = replace(reordered, video_ids=training.video_ids[::-1])
    few = parse("random_positions(rate=0.2) + unmarked(fill=run)").masks(with_training(layout))
    many = parse("random_positions(rate=0.6) + unmarked(fill=run)").masks(with_training(layout))
    alone = parse("random_positions(rate=0.2) + unmarked(fill=run)").masks(with_training(take(layout, [7])))
    other = parse("random_positions(rate=0.2) + unmarked(fill=run)").masks(with_training(layout, reordered))
    for m in MODALITIES:
        where = few.filled[m].where
        assert (few.filled[m].donor[where] == many.filled[m].donor[where]).all()
        mine = slice(*layout.offsets[m][7:9])
        if m in alone.filled:
            assert (few.filled[m].donor[mine] == alone.filled[m].donor).all()

        def named(layout: Layout, donor: np.ndarray, m: str = m) -> list[tuple[str, int]]:  # type: ignore[type-arg]
            owner, place = layout.sample_of_position(m), layout.position_in_sample(m)  # type: ignore[arg-type]
            return [(layout.sample_ids[owner[p]], int(place[p])) for p in donor]

        assert named(training, few.filled[m].donor[where]) == named(reordered, other.filled[m].donor[where])


def test_donors_enter_the_hash_of_the_masks() -> None:
    layout, scenario = large(50), parse("random_positions(rate=0.2) + unmarked(fill=run)")
    training = golden_layout()
    renamed = replace(training, sample_ids=tuple(f"x{i}" for i in training.sample_ids))
    assert scenario.masks(with_training(layout)).sha256() != scenario.masks(with_training(layout, renamed)).sha256()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("unmarked(fill=run) + drop(rate=0.5)", "name it last, and once"),
        ("unmarked() + unmarked()", "name it last, and once"),
        ("unmarked(fill=copy)", "unknown fill of unmarked 'copy'"),
        ("shift(steps=0.5)", "steps must be whole"),
        ("shift(steps={text: 2})", "steps must be whole numbers for audio and vision"),
    ],
)
def test_bad_parameters_are_named(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse(text)


def test_too_few_donors_or_videos_are_refused() -> None:
    scenario, layout = parse("drop(rate=1) + unmarked(fill=run)"), large(20)
    with pytest.raises(InputError, match="load a data set"):
        scenario.masks(layout)
    with pytest.raises(InputError, match="20 training samples have recorded"):
        scenario.masks(with_training(layout, take(golden_layout(), list(range(20)))))
    one_video = replace(golden_layout(), video_ids=("v",) * 50)
    with pytest.raises(InputError, match="hardly any training sample"):
        scenario.masks(with_training(replace(layout, video_ids=("v",) * 20), one_video))


@SETTINGS
@given(layout=layouts(), steps=st.integers(-20, 20))
def test_a_shift_shows_what_belongs_to_earlier_positions(layout: Layout, steps: int) -> None:
    masks = parse(f"shift(steps={steps})").masks(layout)
    assert (masks.observed["text"] == layout.observed["text"]).all()
    assert "text" not in masks.shifted
    for m in ("audio", "vision"):
        for i, length in enumerate(layout.lengths(m).tolist()):  # type: ignore[arg-type]
            first = int(layout.offsets[m][i])  # type: ignore[index]
            for t in range(length):
                inside = 0 <= t - steps < length
                recorded = inside and bool(layout.observed[m][first + t - steps])  # type: ignore[index]
                assert masks.observed[m][first + t] == (recorded and layout.observed[m][first + t])  # type: ignore[index]
                if steps and inside:
                    assert masks.shifted[m].source[first + t] == first + t - steps  # type: ignore[index]


def test_one_stream_may_be_early_and_the_other_in_step() -> None:
    masks = parse("shift(steps={audio: -2})").masks(golden_layout())
    assert set(masks.shifted) == {"audio"}
    assert str(parse("shift(steps={audio: -2})")) == ("shift(steps={audio: -2, vision: 0})")
