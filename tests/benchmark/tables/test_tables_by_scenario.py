"""Tables with one metric under every scenario: subsets of modalities and grids of two rates."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from benchmark.evaluation.metrics import score
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.tables.by_scenario import grid_table, scenarios_table, subsets_table
from benchmark.tables.by_seed import seeds_table
from benchmark.tables.table import Table
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel, without

MODELS = ("constant", "late-fusion-dropout", "senti-ifusion", "oracle")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel(MODELS, samples=150, videos=10, protocols=("inter-drop", "inter-subsets", "uncertain"))


def results(panel: Panel, protocol: str) -> ProtocolResults:
    return ProtocolResults.of(panel, protocol, draws=100)


def rows(table: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.csv())))


def mean(panel: Panel, model: str, scenario: str, metric: str) -> float:
    chosen = panel.cells.query("model == @model and scenario == @scenario").index
    return float(np.mean([score(panel.label, panel.predictions[i])[metric] for i in chosen]))


def test_every_scenario_has_its_mean_over_seeds_and_an_interval(panel: Panel) -> None:
    own = results(panel, "inter-drop")
    table = scenarios_table(own, "acc7")
    row = next(r for r in rows(table) if r["model"] == "senti-ifusion")
    for scenario in own.scenarios:
        assert float(row[scenario]) == pytest.approx(mean(panel, "senti-ifusion", scenario, "acc7"), abs=1e-12)
        assert float(row[f"{scenario}_low"]) <= float(row[scenario]) <= float(row[f"{scenario}_high"])
    assert float(row["mean"]) == pytest.approx(np.mean([float(row[s]) for s in own.scenarios]))
    assert "in per cent" in table.title
    assert {c.group for c in table.columns} == {"", "drop rate"}


def test_every_training_has_a_row_with_its_run_and_the_leaderboard_is_their_mean(panel: Panel) -> None:
    own = results(panel, "inter-drop")
    table = seeds_table(own)
    trainings = [row for row in rows(table) if row["model"] == "senti-ifusion"]
    known = panel.runs[panel.runs["model"] == "senti-ifusion"]
    assert [(int(r["seed"]), r["runs"]) for r in trainings] == list(zip(known["seed"], known["runs"], strict=True))
    cell = panel.cells.query("model == 'senti-ifusion' and scenario == @own.scenarios[3] and seed == 1").index[0]
    error = np.abs(panel.predictions[cell] - panel.label).mean()
    assert float(trainings[1][own.scenarios[3]]) == pytest.approx(error, abs=1e-12)
    shown = next(row for row in rows(scenarios_table(own)) if row["model"] == "senti-ifusion")
    assert np.mean([float(row["mean"]) for row in trainings]) == pytest.approx(float(shown["mean"]), abs=1e-12)
    assert [row.cells[0].text for row in table.rows if row.rule] == ["oracle"]
    assert not {c.name for c in table.columns if c.by_default} & set(own.scenarios)


def test_points_with_names_are_printed_training_by_training(panel: Panel) -> None:
    own = results(panel, "inter-subsets")
    table = seeds_table(own)
    titles = {c.name: c.title for c in table.columns if c.by_default}
    assert titles["subset(available=(text, vision))"] == "text+vision"
    assert set(own.scenarios) <= set(titles)


def test_subsets_are_columns_and_both_means_have_their_own(panel: Panel) -> None:
    own = results(panel, "inter-subsets")
    table = subsets_table(own)
    titles = [c.title for c in table.columns if c.group == "available modalities"]
    assert titles == ["{t}", "{a}", "{v}", "{t,a}", "{t,v}", "{a,v}", "{t,a,v}"]
    row = next(r for r in rows(table) if r["model"] == "late-fusion-dropout")
    values = [float(row[s]) for s in own.scenarios]
    assert float(row["mean"]) == pytest.approx(np.mean(values))
    assert float(row["mean_incomplete"]) == pytest.approx(np.mean(values[:-1]))
    assert own.shape.subsets
    assert not results(panel, "inter-drop").shape.subsets
    with pytest.raises(InputError, match="use inter-subsets"):
        subsets_table(results(panel, "uncertain"))


def test_a_grid_compares_models_within_each_rate(panel: Panel) -> None:
    own = results(panel, "uncertain")
    table = grid_table(own, "mae")
    found = rows(table)
    assert [r["x"] for r in found[:: len(MODELS)]] == ["0.0", "0.25", "0.5", "0.75"]
    assert [row.space for row in table.rows[: len(MODELS) + 1]] == [True, False, False, False, True]
    assert all(r["model"] == "oracle" for r in found[len(MODELS) - 1 :: len(MODELS)])
    row = next(r for r in found if r["model"] == "senti-ifusion" and r["x"] == "0.25")
    for rate in ("0", "0.25", "0.5", "0.75"):
        scenario = next(s for s in own.scenarios if s.endswith(f"=0.25) + random_positions(rate={rate})"))
        assert float(row[rate]) == pytest.approx(mean(panel, "senti-ifusion", scenario, "mae"))
    assert float(row["mean"]) == pytest.approx(np.mean([float(row[r]) for r in ("0", "0.25", "0.5", "0.75")]))
    assert "random_rates(clean=0.25)" in "".join(f.text for f in table.footnotes)
    assert sum(cell.bold for row in table.rows for cell in row.cells) >= 4 * 5  # a best in each column of each block
    assert not any(cell.bold for row in table.rows[len(MODELS) - 1 :: len(MODELS)] for cell in row.cells)  # no bound
    assert own.shape.grid
    assert not results(panel, "inter-subsets").shape.grid
    with pytest.raises(InputError, match="use uncertain"):
        grid_table(results(panel, "inter-drop"))


def test_a_hole_is_one_dash_where_it_is(panel: Panel) -> None:
    lacking = "drop(rate=0.25) + random_positions(rate=0.5)"
    found = rows(grid_table(results(without(panel, model="senti-ifusion", seed=0, scenario=lacking), "uncertain")))
    row = next(r for r in found if r["model"] == "senti-ifusion" and r["x"] == "0.25")
    assert row["0.5"] == row["mean"] == ""
    assert float(row["0.75"]) > 0
    other = next(r for r in found if r["model"] == "senti-ifusion" and r["x"] == "0.5")
    assert float(other["mean"]) > 0


@pytest.mark.parametrize("make", [scenarios_table, subsets_table, grid_table])
def test_an_unknown_metric_is_one_line(panel: Panel, make: object) -> None:
    assert callable(make)
    protocol = "inter-subsets" if make is subsets_table else "uncertain"
    with pytest.raises(InputError, match="did you mean mae"):
        make(results(panel, protocol), "maee")
