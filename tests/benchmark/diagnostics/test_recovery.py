"""Recovery in tables: a ratio of distances, by depth, with an interval where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.diagnostics.recovery_data import CONSTANT, DEPTHS, FEATURE, SEMANTIC, recovery_data
from benchmark.diagnostics.recovery_table import recovery_table
from protocols import InputError
from tests.benchmark.diagnostics.made_examination import made_points, made_recovery


@settings(deadline=None, max_examples=5)
@given(factor=st.floats(0.05, 5), scale=st.tuples(*3 * [st.floats(0.1, 10)]))
def test_the_ratio_is_that_of_the_distances_whatever_their_unit(factor: float, scale: tuple[float, ...]) -> None:
    found = recovery_data(made_recovery(factor, scale=scale), made_points("inter-drop", "intra-random"), draws=40)
    assert np.allclose(found[["ratio", "low", "high"]], factor)
    assert set(zip(found["protocol"], found["lost"], strict=True)) == {
        ("inter-drop", "whole"), ("inter-drop", "any"), ("intra-random", "part"), ("intra-random", "any")
    }  # fmt: skip
    bold = [cell.bold for row in recovery_table(found, "x").rows for cell in row.cells[2:] if cell.text != "–"]
    row = [factor < 1 - 1e-9] * 3
    assert bold == [*row, False, False, False, *row] * 2  # no reference is bold


def test_both_depths_are_named_in_data_table_and_caption() -> None:
    found = recovery_data(made_recovery(0.5, semantic=1.25), made_points("inter-drop", "intra-random"), draws=40)
    assert np.allclose(found["ratio"], found["depth"].map({FEATURE: 0.5, CONSTANT: 0.5, SEMANTIC: 1.25}))
    sizes = found.groupby("depth")["samples"].sum()
    assert sizes[FEATURE] > 0
    assert sizes[SEMANTIC] > 0
    for protocol in (None, "inter-drop"):
        table = recovery_table(found, "x", protocol)
        assert [row.cells[1].text for row in table.rows] == list(DEPTHS) * (len(table.rows) // 3)
        for row in table.rows:
            numbers = [cell for cell in row.cells[2:] if cell.text != "–"]
            assert numbers
            assert {cell.text for cell in numbers} == {"1.250" if row.cells[1].text == SEMANTIC else "0.500"}
            assert all(cell.bold == (row.cells[1].text == FEATURE) for cell in numbers)
        names = [row["protocol" if protocol is None else "point"] for row in table.records()]
        assert names[::3] == names[1::3] == names[2::3]  # for machines, every row says what it is about
        assert "Feature level: smooth L1 between tokens" in table.caption
        assert "semantic level: difference between what the shared sentiment head reads" in table.caption


def test_recovery_over_few_videos_has_no_interval_and_nothing_lost_is_an_error() -> None:
    table = made_recovery(0.5)
    few = recovery_data(table[table["video_id"].isin(["v0", "v1"])], made_points(), draws=40)
    assert few["low"].isna().all()
    assert set(few["flag"]) == {"few videos"}
    assert "(a)" in str(recovery_table(few, "x").plain())
    with pytest.raises(InputError, match="no sample loses anything"):
        recovery_data(table[:0], made_points())


def test_seeds_that_disagree_widen_the_interval_of_recovery() -> None:
    table = made_recovery(0.5)
    apart = table.assign(completed=table["completed"] * np.asarray([0.6, 1.0, 1.4])[table["seed"]])
    whole = recovery_data(apart, made_points(), draws=400).query("scenario == '' and lost == 'any'")
    assert (whole["low"] < 0.4).all()
    assert (whole["high"] > 0.55).all()
