"""Scenarios of published points."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.papers.reported import aggregate_of, load, plain_scenario, same, wanted_aggregate
from protocols import MODALITIES, get_protocol


def test_every_point_in_the_files_is_about_scenarios_of_its_protocol() -> None:
    rows = load()
    for protocol, point in rows[["protocol", "point"]].drop_duplicates().itertuples(index=False):
        known = {plain_scenario(str(s)) for s in get_protocol(protocol).scenarios}
        beyond = {"random_positions(rate=1)"} if point == "auilc 0..1" else set()
        assert set(aggregate_of(protocol, point).scenarios) <= known | beyond | {"complete"}


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["intra-random", "intra-block", "intra-aligned"]), st.integers(0, 9))
def test_rates(protocol: str, step: int) -> None:
    found = aggregate_of(protocol, f"rate={step / 10}")
    assert found.kind == "single"
    assert found.scenarios == (plain_scenario(str(get_protocol(protocol).scenarios[step])),)


def test_the_last_ratio_is_the_clipped_one() -> None:
    clipped = aggregate_of("inter-ratio", "ratio=0.7").scenarios[0]
    assert "0.666" in clipped
    area = aggregate_of("inter-ratio", "auilc 0..0.7")
    assert area.scenarios[-1] == clipped
    assert area.length == pytest.approx(0.7)  # the axis that a paper's area is over


@settings(deadline=None, max_examples=20)
@given(st.permutations(MODALITIES))
def test_the_order_of_modalities_does_not_matter(names: list[str]) -> None:
    assert aggregate_of("inter-subsets", "available=" + "+".join(names)).scenarios == ("complete",)
    two = aggregate_of("inter-subsets", f"available={names[0]}+{names[1]}").scenarios
    assert two == aggregate_of("inter-subsets", f"available={names[1]}+{names[0]}").scenarios


def test_mean_incomplete_leaves_out_the_whole() -> None:
    found = aggregate_of("inter-subsets", "mean incomplete").scenarios
    assert len(found) == 6
    assert "complete" not in found


def test_conventions_are_distinguished() -> None:
    mean, area = aggregate_of("intra-random", "mean 0..0.9"), aggregate_of("intra-random", "auilc 0..0.9")
    assert set(mean.scenarios) == set(area.scenarios)
    assert not same(mean, area)
    assert same(mean, wanted_aggregate("intra-random"))
    assert not same(aggregate_of("intra-random", "mean 0..0.8"), wanted_aggregate("intra-random"))
    assert not same(aggregate_of("inter-subsets", "mean incomplete"), wanted_aggregate("inter-subsets"))
    assert not same(aggregate_of("intra-block", "mean 0..0.9"), wanted_aggregate("intra-random"))


def test_nothing_missing_is_the_same_however_it_is_written() -> None:
    for protocol, point in (("intra-random", "rate=0"), ("inter-drop", "drop=0.0"), ("inter-ratio", "ratio=0")):
        assert same(aggregate_of(protocol, point), wanted_aggregate("complete"))
    for text in ("block(rate=0)", "drop(rate=0) + random_positions(rate=0)", "subset(available=(audio, text, vision))"):
        assert aggregate_of("intra-block", text).scenarios == ("complete",)
    assert "complete" not in aggregate_of("intra-block", "mean incomplete").scenarios
    assert len(aggregate_of("intra-block", "mean incomplete").scenarios) == 9
    assert plain_scenario("of_a_plugin(rate=0)") == "of_a_plugin(rate=0)"


@pytest.mark.parametrize(("point", "length"), [("auilc 0..1", 1.0), ("auilc 0..0.5", 0.5), ("rate=0.3", 1.0)])
def test_length_of_the_axis(point: str, length: float) -> None:
    assert aggregate_of("intra-random", point).length == pytest.approx(length)
