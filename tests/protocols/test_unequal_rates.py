"""Rates by modality, and stretches at a place."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import MODALITIES, InputError, Layout, get_protocol, parse
from tests.protocols.layouts import large, layouts

SETTINGS = settings(deadline=None, max_examples=60)
RATES = ((0.1, 0.4, 0.7), (0.7, 0.1, 0.4), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (0.9, 0.9, 0.2), (2 / 3, 2 / 3, 2 / 3))


def written(mechanism: str, rates: tuple[float, ...], factor: float = 1.0) -> str:
    parameter = "rate" if mechanism == "drop" else "ratio"
    pairs = ", ".join(f"{m}: {factor * r!r}" for m, r in zip(MODALITIES, rates, strict=True))
    return f"{mechanism}({parameter}={{{pairs}}})"


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("mechanism", ["drop", "missing_ratio"])
def test_each_modality_is_missing_at_its_rate_and_one_remains(mechanism: str, rates: tuple[float, ...]) -> None:
    gone = parse(written(mechanism, rates)).masks(large(6000)).integrity() == 0
    assert not gone.all(axis=1).any()
    expected = np.array(rates)
    assert (abs(gone.mean(axis=0) - expected) <= 4 * np.sqrt(expected * (1 - expected) / 6000) + 1e-12).all()


@SETTINGS
@given(layouts(), st.sampled_from(RATES), st.floats(0, 1), st.sampled_from(["drop", "missing_ratio"]))
def test_masks_are_nested_in_a_common_factor_and_leave_something(
    layout: Layout, rates: tuple[float, ...], factor: float, mechanism: str
) -> None:
    few = parse(written(mechanism, rates, factor)).masks(layout)
    many = parse(written(mechanism, rates)).masks(layout)
    for m in MODALITIES:
        assert (few.observed[m] | ~many.observed[m]).all()
    assert ((many.integrity() > 0).any(axis=1) == layout.present.any(axis=1)).all()


def test_equal_ratios_by_modality_are_the_law_of_one_ratio() -> None:
    layout = large(6000)
    one = parse("missing_ratio(ratio=0.5)").masks(layout).integrity() > 0
    each = parse(written("missing_ratio", (0.5, 0.5, 0.5))).masks(layout).integrity() > 0
    codes = [np.bincount(present @ np.array([1, 2, 4]), minlength=8) / 6000 for present in (one, each)]
    assert abs(codes[0] - codes[1]).max() < 4 * np.sqrt(2 * 0.25 / 6000)


def test_a_rate_by_modality_is_written_and_read_back() -> None:
    scenario = parse("drop(rate={vision: 0.7, text: 0.1})")
    assert str(scenario) == "drop(rate={text: 0.1, audio: 0, vision: 0.7})"
    assert parse(str(scenario)) == scenario


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("drop(rate={text: 0.9, audio: 0.9, vision: 0.9})", "the rates sum to 2 at most"),
        ("missing_ratio(ratio={text: 1.5})", "ratio of text must be a number from 0 to 1"),
        ("drop(rate={face: 0.1})", "unknown modality 'face'"),
        ("block(rate=0.5, place=end)", "unknown place of block 'end'; .*(front|middle|rear)"),
        ("block(rate=0.5, place=0.5)", "unknown place"),
    ],
)
def test_bad_rates_and_places_are_named(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse(text)


@SETTINGS
@given(layouts(), st.floats(0, 1), st.sampled_from(["front", "middle", "rear"]))
def test_a_placed_stretch_has_the_size_of_a_free_one_and_lies_there(layout: Layout, rate: float, place: str) -> None:
    layout = Layout.of_lengths("all observed", layout.sample_ids, **{m: layout.lengths(m).tolist() for m in MODALITIES})
    free, placed = (parse(f"block(rate={rate!r}{p})").masks(layout) for p in ("", f", place={place}"))
    for m in MODALITIES:
        for i, length in enumerate(layout.lengths(m).tolist()):
            gone = np.flatnonzero(~placed.of_sample(m, i))
            assert len(gone) == (~free.of_sample(m, i)).sum()
            if len(gone):
                before, after = gone[0], length - 1 - gone[-1]
                assert gone[-1] - gone[0] + 1 == len(gone)
                assert {"front": before == 0, "rear": after == 0, "middle": 0 <= after - before <= 1}[place]


@pytest.mark.parametrize("place", ["front", "middle", "rear"])
def test_placed_stretches_are_nested(place: str) -> None:
    lengths = list(range(1, 60))
    layout = Layout.of_lengths("nested", [f"s{t}" for t in lengths], text=lengths, audio=lengths, vision=lengths)
    curve = [parse(f"block(rate={r / 20}, place={place})").masks(layout).observed["text"] for r in range(21)]
    for less, more in itertools.pairwise(curve):
        assert (less | ~more).all()


def test_the_points_of_the_imbalanced_protocol_have_one_mean() -> None:
    layout = large(6000)
    for scenario in get_protocol("inter-imbalanced").scenarios:
        assert abs((scenario.masks(layout).integrity() == 0).mean() - 0.4) < 0.015
