"""Rows of models that are told where their gaps are, and the price of not knowing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation.panel import TOLD, Panel
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.statistics import compare
from benchmark.figures.curves import curve_data, difference_data
from benchmark.figures.emphasis import emphasised
from benchmark.figures.style import styles
from benchmark.tables.by_scenario import grid_table, scenarios_table
from benchmark.tables.by_seed import seeds_table
from benchmark.tables.leaderboard import leaderboard_table
from tests.benchmark.fake_panel import fake_panel

MODELS, MODEL = ("constant", "late-fusion-dropout", "senti-ifusion"), "senti-ifusion"


def told_panel(*protocols: str, gain: float = 0.2) -> Panel:
    """A panel in which one model knows part of its errors when it is told."""
    panel = fake_panel(MODELS, protocols=protocols, samples=200, videos=20)
    own = np.flatnonzero(panel.cells["model"] == MODEL)
    hidden = own[panel.cells["scenario"].iloc[own].str.contains("unmarked")]
    cells = panel.cells.iloc[hidden]
    better = panel.predictions[hidden] + gain * (panel.label - panel.predictions[hidden])
    both = dataclasses.replace(
        panel,
        cells=pd.concat([cells, cells.assign(model=f"{MODEL}{TOLD}")], ignore_index=True),
        predictions=np.concatenate([panel.predictions[hidden], better]),
    )
    return dataclasses.replace(panel, told=both)


@pytest.fixture(scope="module")
def results() -> ProtocolResults:
    return ProtocolResults.of(told_panel("intra-random", "intra-unmarked"), "intra-unmarked", draws=200)


def test_the_row_is_a_bound_and_not_ranked(results: ProtocolResults) -> None:
    assert set(results.contest) == set(MODELS)
    assert results.bounds == (f"{MODEL}{TOLD}",)
    table = leaderboard_table(results)
    names = [row.cells[1].text for row in table.rows]
    assert names[-1] == f"{MODEL}{TOLD}"
    assert table.rows[-1].rule
    assert table.rows[-1].cells[0].text == "–"
    assert any("told which positions were filled" in note.text for note in table.footnotes)
    assert scenarios_table(results).rows[-1].cells[0].text == f"{MODEL}{TOLD}"


def test_the_price_is_the_paired_difference_and_a_dash_where_a_model_cannot_be_told(results: ProtocolResults) -> None:
    table = leaderboard_table(results)
    place = [column.name for column in table.columns].index("not_knowing")
    cells = {row.cells[1].text: row.cells[place] for row in table.rows}
    assert {name for name, cell in cells.items() if cell.text == "–"} == {*MODELS[:2], f"{MODEL}{TOLD}"}
    found = results.not_knowing(MODEL, "mae")
    assert found is not None
    assert cells[MODEL].text == f"+{found['difference']:.3f}"
    assert found["low"] > 0
    by_name = {row.cells[1].text: row.cells[place - 1].value for row in table.rows}
    assert found["difference"] == pytest.approx(by_name[MODEL] - by_name[f"{MODEL}{TOLD}"])  # type: ignore[operator]
    both = results.panel.told
    assert both is not None
    apart = both.estimates(results.scenarios, draws=200)
    unpaired = compare(apart[MODEL], apart[f"{MODEL}{TOLD}"], "mae", results.scenarios)
    assert found["high"] - found["low"] <= unpaired["high"] - unpaired["low"]  # a seed is one training


def test_other_protocols_have_neither(results: ProtocolResults) -> None:
    marked = ProtocolResults.of(results.panel, "intra-random", draws=50)
    assert marked.told == {}
    assert "not_knowing" not in [column.name for column in leaderboard_table(marked).columns]


def test_a_model_that_is_not_chosen_has_no_row() -> None:
    panel = told_panel("intra-unmarked")
    others = panel.cells["model"] != MODEL
    panel = dataclasses.replace(
        panel, cells=panel.cells[others].reset_index(drop=True), predictions=panel.predictions[others]
    )
    assert ProtocolResults.of(panel, draws=20).told == {}


def test_a_grid_has_the_row_in_every_block() -> None:
    table = grid_table(ProtocolResults.of(told_panel("uncertain-unmarked"), draws=20))
    assert sum(row.cells[1].text == f"{MODEL}{TOLD}" for row in table.rows) == 4


def test_a_told_row_has_the_runs_of_its_model(results: ProtocolResults) -> None:
    rows = [[cell.text for cell in row.cells[1:3]] for row in seeds_table(results).rows if TOLD in row.cells[0].text]
    own = results.panel.runs.query("model == @MODEL")
    assert rows == [[str(seed), runs] for seed, runs in zip(own["seed"], own["runs"], strict=True)]


def test_curves_show_the_told_row_in_the_colour_of_its_model() -> None:
    panel = told_panel("intra-random", "intra-unmarked")
    data = curve_data(panel, "intra-unmarked", ["mae"], draws=20)
    told, own = (data[data["model"] == name].set_index("order")["mean"] for name in (f"{MODEL}{TOLD}", MODEL))
    assert (told < own).all()
    assert f"{MODEL}{TOLD}" not in set(curve_data(panel, "intra-random", ["mae"], draws=20)["model"])
    apart = difference_data(panel, "intra-unmarked", "late-fusion-dropout", ["mae"], draws=20)
    assert set(apart["model"]) == {MODEL}
    found = styles([f"{MODEL}{TOLD}", MODEL])
    assert found[f"{MODEL}{TOLD}"].colour == found[MODEL].colour
    assert found[f"{MODEL}{TOLD}"].line != found[MODEL].line
    many = [f"m{i}" for i in range(12)]
    assert emphasised([MODEL, f"{MODEL}{TOLD}", "m0, told", *many])[:2] == [MODEL, f"{MODEL}{TOLD}"]
    assert "m0, told" not in emphasised([MODEL, f"{MODEL}{TOLD}", "m0, told", *many])
