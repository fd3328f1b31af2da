"""Heat maps, confusion matrices, cost, ranks: what they show is what was measured, and it can be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from benchmark.evaluation.metrics import score
from benchmark.evaluation.panel import Panel
from benchmark.figures.confusion import confusion_data, plot_confusion
from benchmark.figures.cost import cost_data, pareto_front, plot_cost
from benchmark.figures.grid import grid_data, plot_grid
from benchmark.figures.heatmap import better_is_darker
from benchmark.figures.overview import overview_data, plot_overview
from benchmark.figures.ranks import plot_ranks, rank_data
from benchmark.figures.subsets import plot_subsets, subset_data
from benchmark.figures.writing import COLUMN_WIDTH, TEXT_WIDTH, figure_style, read_table
from protocols import InputError
from tests.benchmark.fake_panel import MODELS, fake_panel, without
from tests.benchmark.figures.figure_checks import assert_nothing_clipped, texts

PROTOCOLS = ("complete", "inter-subsets", "uncertain", "intra-random")
MANY = (*MODELS, *(f"model-{i}" for i in range(14)), "a-model-with-a-really-long-name")


def _panel(models: tuple[str, ...] = MODELS) -> Panel:
    """The fake predictions, with those of a rate for every scenario of the other protocols."""
    return fake_panel(models, samples=120, videos=8, protocols=PROTOCOLS)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return _panel()


@pytest.fixture(scope="module")
def few() -> Panel:
    return _panel(("constant", "lnln", "text-only"))


@pytest.fixture(scope="module")
def crowd() -> Panel:
    return _panel(MANY)


def _mean(panel: Panel, model: str, scenario: str, metric: str) -> float:
    rows = panel.cells.query("model == @model and scenario == @scenario").index
    return float(np.mean([score(panel.label, panel.predictions[i])[metric] for i in rows]))


Make = Callable[[Panel], pd.DataFrame]
Draw = Callable[[pd.DataFrame, float], Figure]
FIGURES: dict[str, tuple[Make, Draw, Callable[..., list[Path]]]] = {
    "subsets": (
        lambda p: subset_data(p, "inter-subsets", "acc7", draws=10),
        lambda d, w: plot_subsets.draw(d, "Title", w, None, "A note."),
        plot_subsets,
    ),
    "grid": (
        lambda p: grid_data(p, "uncertain", draws=10),
        lambda d, w: plot_grid.draw(d, "Title", w, None, "A note."),
        plot_grid,
    ),
    "confusion": (confusion_data, lambda d, w: plot_confusion.draw(d, "Title", w, None, "A note."), plot_confusion),
    "cost": (
        lambda p: cost_data(p, "uncertain", draws=10),
        lambda d, w: plot_cost.draw(d, "Title", w, None, "A note."),
        plot_cost,
    ),
    "ranks": (
        lambda p: rank_data(p, "uncertain"),
        lambda d, w: plot_ranks.draw(d, "Title", w, None, "A note."),
        plot_ranks,
    ),
    "overview": (
        lambda p: overview_data(p, ("complete", "uncertain", "intra-random"), draws=10),
        lambda d, w: plot_overview.draw(d, "Title", w, None, "A note."),
        plot_overview,
    ),
}


@pytest.mark.parametrize("width", [COLUMN_WIDTH, TEXT_WIDTH])
@pytest.mark.parametrize("kind", FIGURES)
def test_nothing_is_clipped_however_many_models_there_are(kind: str, width: float, few: Panel, crowd: Panel) -> None:
    make, draw, _ = FIGURES[kind]
    for own in (few, crowd):
        with figure_style(grid=False):
            figure = draw(make(own), width)
        assert_nothing_clipped(figure)
        words = texts(figure)
        assert "Title" in words
        assert any(word.startswith("A note.") for word in words)


@pytest.mark.parametrize("kind", FIGURES)
def test_a_dollar_in_a_label_is_a_dollar(kind: str, tmp_path: Path) -> None:
    make, _, plot = FIGURES[kind]
    label = "a $x_$ b"
    svg = plot(make(_panel(("constant", label, "lnln"))), tmp_path / "f", "Title", formats=("svg",))[1].read_text()
    assert label in svg


@pytest.mark.parametrize("kind", FIGURES)
def test_equal_data_give_equal_files_and_the_csv_says_it_all(kind: str, few: Panel, tmp_path: Path) -> None:
    make, _, plot = FIGURES[kind]
    data = make(few)
    files = plot(data, tmp_path / "a", "Title", formats=("svg",))
    numbers = [name for name in data if pd.api.types.is_numeric_dtype(data[name]) and data[name].dtype != bool]
    back = read_table(files[0], numbers)
    again = plot(back, tmp_path / "b", "Title", formats=("svg",))
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.svg", "b.csv", "b.svg"]
    with pytest.raises(InputError, match="no rows"):
        plot(data[:0], tmp_path / "c")
    with pytest.raises(InputError, match="no column 'model'"):
        plot(data.drop(columns="model"), tmp_path / "c")


def test_subsets_show_the_mean_of_every_model_under_every_subset(panel: Panel) -> None:
    data = subset_data(panel, "inter-subsets", "acc7", draws=10)
    assert len(data) == 7 * len(MODELS)
    row = data.query("model == 'lnln' and tick == 'text+vision'").iloc[0]
    assert row["mean"] == pytest.approx(_mean(panel, "lnln", str(row["scenario"]), "acc7"))
    with figure_style(grid=False):
        words = texts(plot_subsets.draw(data, "", TEXT_WIDTH, None, ""))
    assert f"{100 * row['mean']:.1f}" in words
    assert "Acc-7 (%), darker is better" in words
    assert set(MODELS) <= set(words)
    with pytest.raises(InputError, match="no points with names"):
        subset_data(panel, "uncertain")


def test_a_hole_is_a_dash_not_a_number(panel: Panel) -> None:
    holed = without(panel, model="lnln", seed=0, scenario="subset(available=text)")
    with figure_style(grid=False):
        words = texts(plot_subsets.draw(subset_data(holed, "inter-subsets", draws=10), "", TEXT_WIDTH, None, ""))
    assert words.count("–") == 1
    assert any("–: not evaluated for every seed" in word for word in words)


def test_the_grid_has_both_axes_and_tells_of_the_point_beside_it(panel: Panel) -> None:
    data = grid_data(panel, "uncertain", "mae", draws=10)
    row = data.query("model == 'mult' and x == 0.5 and y == 0.25").iloc[0]
    assert row["scenario"] == "drop(rate=0.5) + random_positions(rate=0.25)"
    assert row["mean"] == pytest.approx(_mean(panel, "mult", str(row["scenario"]), "mae"))
    with figure_style(grid=False):
        figure = plot_grid.draw(data, "", TEXT_WIDTH, ["mult", "lnln"], "")
    words = texts(figure)
    assert {"drop rate", "missing rate", "drawn", "mult", "lnln"} <= set(words)
    assert "text-only" not in words
    assert any("drawn: the scenario random_rates(clean=0.25) + drop(rate=0.5)" in word for word in words)
    assert len([word for word in words if word.count(".") == 1 and word[0].isdigit() and len(word) == 4]) >= 2 * 17
    with pytest.raises(InputError, match="two numeric axes"):
        grid_data(panel, "complete")


@pytest.mark.parametrize("metric", ["mae", "corr", "acc7"])
def test_better_values_are_darker(metric: str) -> None:
    colours = better_is_darker(metric)
    best, worst = (0.0, 1.0) if metric == "mae" else (1.0, 0.0)
    assert sum(colours(best)[:3]) < sum(colours(worst)[:3])


def test_confusion_is_that_of_scikit_learn_and_its_diagonal_the_accuracy(panel: Panel) -> None:
    data = confusion_data(panel, "random_positions(rate=0.3)", "acc7")
    own = data[data["model"] == "lnln"]
    rows = panel.cells.query("model == 'lnln' and scenario == 'random_positions(rate=0.3)'").index
    truth = np.rint(np.clip(panel.label, -3, 3)).astype(int)
    expected = sum(
        confusion_matrix(truth, np.rint(np.clip(panel.predictions[i], -3, 3)).astype(int), labels=range(-3, 4))
        for i in rows
    )
    assert own["samples"].to_numpy().reshape(7, 7).tolist() == np.asarray(expected).tolist()
    assert own["accuracy"].iloc[0] == pytest.approx(_mean(panel, "lnln", "random_positions(rate=0.3)", "acc7"))
    shares = own.groupby("true")["share"].sum()
    assert shares.to_numpy() == pytest.approx(np.ones(7))
    assert list(dict.fromkeys(own["true"])) == ["-3", "-2", "-1", "0", "+1", "+2", "+3"]
    for arguments, words in (
        ({"scenario": "nothing"}, "unknown scenario"),
        ({"metric": "mae"}, "unknown metric"),
    ):
        with pytest.raises(InputError, match=words):
            confusion_data(panel, **arguments)


def test_confusion_names_the_classes_of_another_scale_and_empty_ones_have_no_share() -> None:
    small = fake_panel(("lnln",), samples=60, videos=5, protocols=("complete",), label_range=(-1.0, 1.0))
    small = dataclasses.replace(small, label=np.clip(small.label, 0.2, 1.0), predictions=small.predictions / 3)
    data = confusion_data(small)
    assert data["true"].iloc[0] == "negative"
    assert data["metric"].unique().tolist() == ["acc5_sims"]
    assert data.query("true == 'negative'")["share"].isna().all()
    with figure_style(grid=False):
        figure = plot_confusion.draw(data, "", COLUMN_WIDTH, None, "")
    assert_nothing_clipped(figure)
    assert "weakly positive" in texts(figure)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), min_size=1, max_size=12))
def test_the_front_holds_who_is_not_beaten_and_every_other_is(points: list[tuple[int, int]]) -> None:
    cost, loss = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    front = pareto_front(cost, loss)
    assert front.any()
    for i in range(len(points)):
        beaten = any(
            cost[j] <= cost[i] and loss[j] <= loss[i] and (cost[j] < cost[i] or loss[j] < loss[i])
            for j in range(len(points))
        )
        assert front[i] == (not beaten)


def test_costs_are_means_of_the_runs_and_bounds_take_no_part(panel: Panel) -> None:
    data = cost_data(panel, "intra-random", "mae", draws=10)
    own = data.query("model == 'lnln' and cost == 'train_seconds'").iloc[0]
    assert own["cost_value"] == panel.runs.query("model == 'lnln'")["train_seconds"].mean()
    scenarios = panel.points.query("protocol == 'intra-random'")["scenario"]
    assert own["mean"] == pytest.approx(np.mean([_mean(panel, "lnln", s, "mae") for s in scenarios]))
    assert not data.query("model == 'constant'")["front"].any()
    assert data.query("model == 'constant' and cost == 'parameters'")["cost_value"].isna().all()
    better = cost_data(panel, "intra-random", "corr", draws=10).query("cost == 'parameters' and front")
    best = max((m for m in MODELS if m != "constant"), key=lambda m: _corr(panel, m, scenarios))
    assert best in set(better["model"])
    with pytest.raises(InputError, match="unknown cost"):
        cost_data(panel, "intra-random", costs=["money"])


def _corr(panel: Panel, model: str, scenarios: pd.Series) -> float:
    return float(np.mean([_mean(panel, model, s, "corr") for s in scenarios]))


def test_a_model_of_unknown_cost_is_named_not_drawn(panel: Panel, tmp_path: Path) -> None:
    runs = panel.runs.copy()
    runs.loc[runs["model"] == "mult", ["parameters", "train_seconds", "inference_ms"]] = np.nan
    data = cost_data(dataclasses.replace(panel, runs=runs), "intra-random", draws=10)
    svg = plot_cost(data, tmp_path / "f", formats=("svg",))[1].read_text()
    assert "Cost not known: mult." in svg
    with pytest.raises(InputError, match="no model's cost is known"):
        plot_cost(data.assign(cost_value=np.nan), tmp_path / "g")


def test_ranks_agree_with_the_values_and_equal_scenarios_count_once(panel: Panel) -> None:
    data = rank_data(panel, "intra-random", "mae")
    scenarios = list(panel.points.query("protocol == 'intra-random'")["scenario"])
    values = pd.DataFrame({m: [_mean(panel, m, s, "mae") for s in scenarios] for m in MODELS})
    expected = values.rank(axis=1).mean().sort_values(kind="stable")
    got = data.set_index("model")["mean_rank"]
    for model in MODELS:
        assert got[model] == pytest.approx(expected[model])
    assert got.is_monotonic_increasing
    assert int(data["blocks"].iloc[0]) == len(scenarios)
    first = panel.cells["scenario"] == scenarios[0]
    twin = dataclasses.replace(
        panel,
        cells=pd.concat([panel.cells, panel.cells[first].assign(scenario="twin")], ignore_index=True),
        predictions=np.concatenate([panel.predictions, panel.predictions[first]]),
        points=pd.concat(
            [
                panel.points.query("protocol == 'intra-random'"),
                panel.points.query("scenario == @scenarios[0]").assign(scenario="twin"),
            ]
        ),
    )
    again = rank_data(twin, "intra-random", "mae")
    assert again["mean_rank"].tolist() == data["mean_rank"].tolist()
    assert int(again["scenarios"].iloc[0]) == len(scenarios) + 1


def test_a_model_with_a_hole_has_no_rank_and_is_named(panel: Panel, tmp_path: Path) -> None:
    holed = without(panel, model="lnln", seed=0, scenario="random_positions(rate=0.3)")
    data = rank_data(holed, "intra-random")
    assert data["model"].iloc[-1] == "lnln"
    assert np.isnan(data["mean_rank"].iloc[-1])
    svg = plot_ranks(data, tmp_path / "f", formats=("svg",))[1].read_text()
    assert "Without lnln" in svg


def test_overview_shows_means_over_protocols_and_differences_to_a_model(panel: Panel) -> None:
    scenarios = [str(s) for s in panel.points.query("protocol.str.startswith('intra-random')")["scenario"]]
    means = {m: float(np.mean([_mean(panel, m, s, "mae") for s in scenarios])) for m in ("lnln", "text-only")}
    data = overview_data(panel, ("complete", "intra-random"), draws=10).set_index(["model", "protocol"])
    for model, mean in means.items():
        assert data.loc[(model, "intra-random"), "mean"] == pytest.approx(mean)
    apart = overview_data(panel, ("intra-random",), against="text-only", draws=10).set_index("model")
    assert apart.loc["lnln", "mean"] == pytest.approx(means["lnln"] - means["text-only"])
    assert apart.loc["lnln", "low"] < apart.loc["lnln", "mean"] < apart.loc["lnln", "high"]
    assert not {"text-only", "constant"} & set(apart.index)
    with figure_style():
        words = texts(plot_overview.draw(apart.reset_index(), "", TEXT_WIDTH, ["lnln"], ""))
    assert "lnln" in words
    assert "misa" not in words
    with pytest.raises(InputError, match="lnnl"):
        overview_data(panel, ("complete",), against="lnnl", draws=10)
