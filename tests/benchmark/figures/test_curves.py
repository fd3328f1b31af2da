from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from benchmark.evaluation.metrics import score
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.point_values import best_first, seeds_text, unfinished_note
from benchmark.evaluation.statistics import compare
from benchmark.figures import curves
from benchmark.figures.axes import number_axis
from benchmark.figures.curves import curve_data, difference_data, plot_curves
from benchmark.figures.emphasis import KEPT, emphasised
from benchmark.figures.style import OTHERS, styles
from benchmark.figures.writing import COLUMN_WIDTH, TEXT_WIDTH, figure_style, read_table
from benchmark.results.from_runs import protocol_table
from benchmark.site.colours import contrast
from protocols import InputError, get_protocol
from tests.benchmark.fake_panel import MODELS, fake_panel, without
from tests.benchmark.figures.figure_checks import assert_nothing_clipped, texts

NUMBERS = ("x", "order", "mean", "low", "high", "sd", "seeds", "level")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel(
        MODELS, samples=150, videos=10, protocols=("complete", "intra-random", "uncertain", "inter-subsets")
    )


@pytest.fixture(scope="module")
def data(panel: Panel) -> pd.DataFrame:
    return curve_data(panel, "intra-random", draws=100)


@pytest.fixture(scope="module")
def noisy() -> Panel:
    """Points on two axes: the predictions of a missing-rate protocol under the names of `noise`."""
    panel = fake_panel(("constant", "lnln", "text-only"), samples=60, videos=6, protocols=("intra-random",))
    points = protocol_table([get_protocol("noise")])
    renamed = dict(zip(panel.points["scenario"], points["scenario"], strict=True))
    cells = panel.cells.assign(scenario=panel.cells["scenario"].map(renamed))
    return dataclasses.replace(panel, cells=cells, points=points)


def test_points_are_means_over_seeds_along_the_axis(panel: Panel, data: pd.DataFrame) -> None:
    assert set(data["metric"]) == {"mae", "acc5", "f1_non0"}
    own = data.query("model == 'lnln' and metric == 'mae'")
    assert own["x"].tolist() == [round(0.1 * i, 1) for i in range(10)]
    for row in own.itertuples():
        chosen = panel.cells.query("model == 'lnln' and scenario == @row.scenario").index
        values = [score(panel.label, panel.predictions[i])["mae"] for i in chosen]
        assert row.mean == pytest.approx(np.mean(values))
        assert row.sd == pytest.approx(np.std(values, ddof=1))
        assert row.seeds == len(values) == 3
        assert row.low < row.mean < row.high


def test_the_last_missing_ratio_is_drawn_where_it_truly_is() -> None:
    data = curve_data(fake_panel(("lnln",), samples=60, videos=6, protocols=("inter-ratio",)), draws=20)
    assert data["x"].max() == 2 / 3
    axis = Figure().add_subplot()
    number_axis(axis, data[data["x"] > 0.3])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0.4", "0.5", "0.6", "0.667"]


def test_only_protocols_with_numeric_axes_are_curves(panel: Panel) -> None:
    with pytest.raises(InputError, match="no numeric axis"):
        curve_data(panel, "inter-subsets")
    with pytest.raises(InputError, match="unknown metric"):
        curve_data(panel, "intra-random", ["acc9"])


@pytest.mark.parametrize("width", [COLUMN_WIDTH, TEXT_WIDTH])
def test_every_axis_of_a_protocol_has_its_panels_from_easy_to_hard(noisy: Panel, width: float) -> None:
    table = curve_data(noisy, "noise", ["mae", "acc5"], draws=20)
    assert dict(table.groupby("axis")["x"].nunique()) == {"SNR (dB)": 5, "token error rate": 5}
    with figure_style():
        figure = plot_curves.draw(table, "Noise", width, None, "")
    assert_nothing_clipped(figure)
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert len(panels) == 4
    ranges: dict[str, set[tuple[float, float]]] = {}
    for ax in panels:
        xs = {float(x) for line in ax.get_lines() for x in line.get_xdata()}
        left, right = ax.get_xlim()
        if max(xs) > 1:  # decibels: 20 is clean and lies left
            assert left > right
        else:
            assert left < right
        ranges.setdefault(ax.get_title(loc="left"), set()).add(ax.get_ylim())
    assert {title: len(limits) for title, limits in ranges.items()} == {"MAE ↓": 1, "Acc-5 ↑ (%)": 1}
    assert "clean → noisy" in " ".join(texts(figure))


def test_the_figure_is_drawn_from_the_csv_beside_it(data: pd.DataFrame, tmp_path: Path) -> None:
    files = plot_curves(data, tmp_path / "fig.v1", "A title")
    assert [f.name for f in files] == ["fig.v1.csv", "fig.v1.png", "fig.v1.pdf", "fig.v1.svg"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f.name for f in files)  # nothing half-written stays
    pd.testing.assert_frame_equal(read_table(files[0], NUMBERS), data, check_dtype=False, check_exact=True)
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert files[2].read_bytes().startswith(b"%PDF")
    svg = files[3].read_text()
    for words in ("A title", "senti-ifusion", "late-fusion-dropout", "missing rate", "Acc-5", "95 % interval"):
        assert words in svg
    again = plot_curves(read_table(files[0], NUMBERS), tmp_path / "again", "A title")
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in files]


def test_a_model_may_be_called_na(data: pd.DataFrame, tmp_path: Path) -> None:
    odd = data[data["model"] == "lnln"].assign(model="NA")
    files = plot_curves(odd, tmp_path / "f", formats=("svg",))
    assert set(read_table(files[0], NUMBERS)["model"]) == {"NA"}
    assert ">NA</text>" in files[1].read_text()


def test_a_failed_drawing_leaves_the_old_figure(
    data: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fig.png").write_bytes(b"old")
    monkeypatch.setattr(curves.Figure, "savefig", lambda self, path, **_: Path(path).write_bytes(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plot_curves(data, tmp_path / "fig", formats=("png",))
    assert (tmp_path / "fig.png").read_bytes() == b"old"
    assert {p.name for p in tmp_path.iterdir()} == {"fig.png", "fig.csv"}


@pytest.mark.parametrize("width", [COLUMN_WIDTH, TEXT_WIDTH])
@pytest.mark.parametrize("models", [2, 8, 24])
def test_no_text_is_clipped_and_the_legend_covers_no_curve(data: pd.DataFrame, width: float, models: int) -> None:
    first = data[data["model"] == "lnln"]
    names = [*MODELS, "oracle", "a-model-with-a-long-name", *(f"model-{i}" for i in range(20))][:models]
    many = pd.concat([first.assign(model=name) for name in names])
    with figure_style():
        figure = plot_curves.draw(
            many, "A rather long title that needs more than one line in a single column", width, None, ""
        )
    assert_nothing_clipped(figure)
    (legend,) = figure.legends
    labels = [t.get_text() for t in legend.get_texts()]
    assert len(labels) == len(set(labels)) == min(models, 11)
    assert (f"{models - 10} other models" in labels) == (models > 10)


def test_chosen_models_are_coloured_and_the_others_grey(data: pd.DataFrame) -> None:
    with figure_style():
        figure = plot_curves.draw(data, "", TEXT_WIDTH, ["lnln", "text-only"], "")
    looks = styles(MODELS)
    (panel, *_) = figure.axes
    colours = {line.get_label(): line.get_color() for line in panel.get_lines()}
    assert {m for m in MODELS if colours[m] == looks[m].colour} == {"lnln", "text-only"}
    assert {colours[m] for m in MODELS if m not in ("lnln", "text-only")} == {OTHERS.colour}
    with pytest.raises(InputError, match="unknown model"):
        plot_curves(data, Path("never"), models=["ln-ln"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=40), st.integers(8, 20))
def test_emphasis_keeps_the_order_the_best_and_the_rows_that_are_always_there(others: list[str], limit: int) -> None:
    order = list(dict.fromkeys([*others, *KEPT]))
    shown = emphasised(order, limit=limit)
    assert shown == [name for name in order if name in shown]
    assert len(shown) == min(limit, len(order))
    assert {*KEPT, order[0]} <= set(shown)


def test_a_hole_is_a_gap_and_told_models_are_named_so(panel: Panel, tmp_path: Path) -> None:
    holed = without(panel, model="lnln", seed=1, scenario="random_positions(rate=0.3)")
    holed = dataclasses.replace(holed, mask_informed=frozenset({"mult"}))
    table = curve_data(holed, "intra-random", ["mae"], draws=20)
    row = table.query("model == 'lnln' and x == 0.3").iloc[0]
    assert row["flag"] == "hole"
    assert np.isnan(row["mean"])
    assert table.query("model == 'lnln'")["mean"].notna().sum() == 9
    svg = plot_curves(table, tmp_path / "f", formats=("svg",))[1].read_text()
    assert "mult (mask-informed)" in svg
    assert "Gaps: not evaluated for every seed (lnln)" in svg


def test_unfinished_models_are_last_and_named(panel: Panel) -> None:
    holed = without(panel, model="senti-ifusion", seed=1, scenario="random_positions(rate=0.9)")
    table = curve_data(holed, "intra-random", ["mae"], draws=20)
    assert best_first(curve_data(panel, "intra-random", ["mae"], draws=20), "mae").index("senti-ifusion") < 3
    assert best_first(table, "mae")[-1] == "senti-ifusion"
    assert unfinished_note(table, "–") == "–: not evaluated for every seed (senti-ifusion), so listed last."
    assert seeds_text(table) == "3 seeds"
    fewer = without(panel, model="lnln", seed=2)
    assert seeds_text(curve_data(fewer, "intra-random", ["mae"], draws=5)) == "2 to 3 seeds"


def test_differences_are_paired_and_those_of_compare(panel: Panel, tmp_path: Path) -> None:
    table = difference_data(panel, "intra-random", "lnln", ["mae", "f1_non0"], draws=40)
    assert not {"lnln", "constant", "oracle"} & set(table["model"])
    assert list(table.columns) == [*curve_data(panel, "intra-random", ["mae"], draws=5).columns, "against"]
    row = table.query("model == 'text-only' and metric == 'f1_non0' and x == 0.4").iloc[0]
    both = panel.estimates([row["scenario"]], ["f1_non0"], draws=40)
    found = compare(both["text-only"], both["lnln"], "f1_non0", [row["scenario"]])
    assert row[["mean", "low", "high"]].tolist() == found[["difference", "low", "high"]].tolist()
    svg = plot_curves(table, tmp_path / "f", formats=("svg",))[1].read_text()
    assert "Δ MAE ↓" in svg
    assert "difference to lnln" in svg
    with pytest.raises(InputError, match="unknown model to compare with 'nobody'"):
        difference_data(panel, "intra-random", "nobody", draws=5)
    holed = without(panel, model="lnln", seed=1, scenario="random_positions(rate=0.3)")
    with pytest.raises(InputError, match="compare with another"):
        difference_data(holed, "intra-random", "lnln", draws=5)


def test_every_colour_stands_out_from_white() -> None:
    looks = [*styles([*MODELS, *(f"model {i}" for i in range(20))]).values(), OTHERS]
    assert min(contrast(look.colour, "#ffffff") for look in looks) >= 3


def test_bad_input_is_refused_before_anything_is_written(data: pd.DataFrame, tmp_path: Path) -> None:
    for table, out, formats, words in (
        (data.drop(columns="low"), tmp_path / "f", ("png",), "no column 'low'"),
        (data[:0], tmp_path / "f", ("png",), "no rows"),
        (data, tmp_path / "none" / "f", ("png",), "no such folder"),
        (data, tmp_path / "f", ("gif",), "unknown figure format"),
    ):
        with pytest.raises(InputError, match=words):
            plot_curves(table, out, formats=formats)
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=40), st.randoms())
def test_no_two_models_of_a_figure_look_alike_whatever_their_order(names: list[str], random: object) -> None:
    names = [*dict.fromkeys([*names, *MODELS])]
    chosen = styles(names)
    assert len(set(chosen.values())) == len(names)
    shuffled = sorted(names, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert styles(shuffled) == chosen


def test_known_models_look_the_same_in_every_company() -> None:
    alone = {name: styles([name])[name] for name in MODELS}
    assert styles([*MODELS, "x", "y"]) | alone == styles([*MODELS, "x", "y"])
