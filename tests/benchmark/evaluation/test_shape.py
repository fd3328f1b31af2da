"""Positions of the points of a protocol on its axes."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from benchmark.evaluation.shape import ProtocolShape
from tests.benchmark.fake_panel import fake_panel

#: Kinds of the views of a protocol, and which of curves, grid, named and subsets it is.
SHAPES = {
    "complete": ([], ""),
    "inter-drop": (["curve"], "curves"),
    "inter-subsets": (["map"], "named subsets"),
    "intra-random": (["curve"], "curves"),
    "uncertain": (["grid", "map"], "grid"),
    "noise": (["curve", "curve"], "curves"),
}


@pytest.fixture(scope="module")
def points() -> pd.DataFrame:
    return fake_panel(("constant",), 1, tuple(SHAPES), samples=8, videos=2).points


@pytest.mark.parametrize("protocol", SHAPES)
def test_shapes_of_the_standard_protocols(points: pd.DataFrame, protocol: str) -> None:
    own = points[points["protocol"] == protocol]
    shape = ProtocolShape(own)
    kinds, answers = SHAPES[protocol]
    assert [view["kind"] for view in shape.views] == kinds
    said = ("curves", "grid", "named", "subsets")
    assert " ".join(name for name in said if getattr(shape, name)) == answers
    if kinds:
        assert sorted(i for view in shape.views for i in view["points"]) == list(range(len(own)))


def test_rates_are_in_the_order_of_the_points(points: pd.DataFrame) -> None:
    def shape(name: str) -> ProtocolShape:
        return ProtocolShape(points[points["protocol"] == name])

    assert shape("inter-drop").rates == pytest.approx([rate / 10 for rate in range(10)])
    assert shape("noise").rates is None
    noise = points[points["protocol"] == "noise"].reset_index(drop=True)
    assert noise.loc[shape("noise").views[0]["points"], "x"].tolist() == [-5, 0, 5, 10, 20]  # of a chart: by value


def made(*places: tuple[str, float, str, float]) -> ProtocolShape:
    rows = [(f"scenario {i}", *place) for i, place in enumerate(places)]
    return ProtocolShape(pd.DataFrame(rows, columns=["scenario", "axis", "x", "axis2", "y"]))


def test_two_points_in_one_place_are_no_curve() -> None:
    assert [view["kind"] for view in made(*[("rate", 0.5, "", math.nan)] * 2).views] == ["map"]
    shape = made(("rate", 0.6, "", math.nan), ("rate", 0.5, "", math.nan))
    assert shape.views == [{"kind": "curve", "axis": "rate", "points": [1, 0]}]
    assert shape.rates == (0.6, 0.5)


def test_a_grid_may_have_points_beside_it_without_an_axis() -> None:
    corners = [("drop", x, "rate", y) for x in (0.0, 0.5) for y in (0.0, 0.25)]
    grid = made(("", math.nan, "", math.nan), *corners).grid
    assert grid is not None
    assert grid.axes == ("drop", "rate")
    assert list(grid.places.items())[1] == ((0.0, 0.25), "scenario 2")
    assert made(*corners[:2]).grid is None  # one value on the first axis
    assert made(*corners, corners[0]).grid is None  # two scenarios in one place
