"""Predictions from elsewhere that are missing: counted, and written down as rows to fill in."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmark.results.external import EvaluationSet, external_panel, template, write_template
from protocols import InputError
from tests.benchmark.fake_panel import leaderboard
from tests.benchmark.results.external.external_files import PROTOCOLS, filled, read_predictions, same, write


def test_a_hole_is_named_with_counts_and_has_no_aggregate(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set)
    never = (table["seed"] == 2) & table["scenario"].isin(["drop(rate=0.8)", "drop(rate=0.9)"])
    partly = (
        (table["seed"] == 0)
        & (table["scenario"] == "drop(rate=0.1)")
        & table["sample_id"].isin(toy_set.sample_ids[[4, 9, 10]])
    )
    path = write(table[~(never | partly)], tmp_path / "mine.csv")
    found = read_predictions(path, toy_set, PROTOCOLS)
    assert len(found.absent) == 2 * len(toy_set.sample_ids) + 3
    lines = {gap.seed: str(gap) for gap in found.missing}
    assert "not evaluated under drop(rate=0.8) and 1 more" in lines[2]
    assert f"lacks 3 of {len(toy_set.sample_ids)} predictions in 1 scenario" in lines[0]
    assert f"such as sample '{toy_set.sample_ids[4]}' under drop(rate=0.1)" in lines[0]
    table_drop = leaderboard(external_panel(found), "inter-drop", draws=20)
    row = next(r for r in table_drop.records() if str(r["model"]).startswith("mine"))
    assert row["mae"] in (None, "")
    assert "no aggregate" in table_drop.markdown()
    row = next(
        r
        for r in leaderboard(external_panel(found), "complete", draws=20).records()
        if str(r["model"]).startswith("mine")
    )
    assert isinstance(row["mae"], float)
    # the command that the gap names writes exactly the rows that make it whole
    lacking = tmp_path / "missing.csv"
    assert write_template(lacking, found) == len(found.absent)
    rest = pd.read_csv(lacking).drop(columns="prediction").merge(table, on=["sample_id", "scenario", "seed"])
    both = write(pd.concat([table[~(never | partly)], rest]), tmp_path / "both.csv")
    whole = read_predictions(write(table, tmp_path / "whole.csv"), toy_set, PROTOCOLS, name="m")
    assert same(read_predictions(both, toy_set, PROTOCOLS, name="m"), whole)
    with pytest.raises(InputError, match="nothing is missing"):
        write_template(tmp_path / "again.csv", whole)
    only = write(table.iloc[:5], tmp_path / "few.csv")
    with pytest.raises(InputError, match=r"no \(seed, scenario\) has all 20 samples"):
        read_predictions(only, toy_set, PROTOCOLS)


def test_a_filled_template_is_whole(toy_set: EvaluationSet, tmp_path: Path) -> None:
    path = tmp_path / "to" / "fill.csv"
    count = write_template(path, template(toy_set, PROTOCOLS, (0, 3)))
    table = pd.read_csv(path)
    assert len(table) == count == 2 * 11 * len(toy_set.sample_ids)
    assert table["prediction"].isna().all()
    found = read_predictions(write(table.assign(prediction=0.5), tmp_path / "f.csv"), toy_set, PROTOCOLS)
    assert found.missing == ()
    assert sorted(set(found.cells["seed"])) == [0, 3]
    with pytest.raises(InputError, match="already exists"):
        write_template(path, template(toy_set, PROTOCOLS))
    with pytest.raises(InputError, match=r"ends in \.csv"):
        write_template(tmp_path / "fill.txt", template(toy_set, PROTOCOLS))
