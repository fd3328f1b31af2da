from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from benchmark.metrics import score
from benchmark.panel import Panel
from benchmark.report import curves
from benchmark.report.curves import curve_data, plot_curves, plottable, read_curve_data
from benchmark.report.figures import COLUMN_WIDTH, TEXT_WIDTH, figure_style
from benchmark.report.style import styles
from protocols import InputError
from tests.benchmark.fake_panel import MODELS, fake_panel, without


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel(
        MODELS, samples=150, videos=10, protocols=("complete", "intra-random", "uncertain", "inter-subsets")
    )


@pytest.fixture(scope="module")
def data(panel: Panel) -> pd.DataFrame:
    return curve_data(panel, "intra-random", draws=100)


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


def test_only_protocols_with_one_numeric_axis_are_curves(panel: Panel) -> None:
    assert [plottable(panel, p) for p in ("complete", "intra-random", "uncertain", "inter-subsets")] == [
        False,
        True,
        False,
        False,
    ]
    with pytest.raises(InputError, match="no single numeric axis"):
        curve_data(panel, "inter-subsets")
    with pytest.raises(InputError, match="unknown metric"):
        curve_data(panel, "intra-random", ["acc9"])


def test_the_figure_is_drawn_from_the_csv_beside_it(data: pd.DataFrame, tmp_path: Path) -> None:
    files = plot_curves(data, tmp_path / "fig.v1", "A title")
    assert [f.name for f in files] == ["fig.v1.csv", "fig.v1.png", "fig.v1.pdf", "fig.v1.svg"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f.name for f in files)  # nothing half-written stays
    pd.testing.assert_frame_equal(read_curve_data(files[0]), data, check_dtype=False)
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert files[2].read_bytes().startswith(b"%PDF")
    svg = files[3].read_text()
    for words in ("A title", "senti-ifusion", "late-fusion-dropout", "missing rate", "Acc-5"):
        assert words in svg
    again = plot_curves(read_curve_data(files[0]), tmp_path / "again", "A title", formats=("svg",))
    assert again[1].read_text() == svg  # byte for byte


def test_a_model_may_be_called_na(data: pd.DataFrame, tmp_path: Path) -> None:
    odd = data[data["model"] == "lnln"].assign(model="NA")
    files = plot_curves(odd, tmp_path / "f", formats=("svg",))
    assert set(read_curve_data(files[0])["model"]) == {"NA"}
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
@pytest.mark.parametrize("models", [2, 8, 13])
def test_no_text_is_clipped_and_the_legend_covers_no_curve(data: pd.DataFrame, width: float, models: int) -> None:
    first = data[data["model"] == "lnln"]
    names = [*MODELS, "oracle", "a-model-with-a-long-name", "p-rmf", "almt", "my-model"][:models]
    many = pd.concat([first.assign(model=name) for name in names])
    with figure_style():
        figure = curves._draw(many, "Title", width)
        figure.canvas.draw()
    assert isinstance(figure.canvas, FigureCanvasAgg)
    renderer = figure.canvas.get_renderer()
    page = figure.bbox
    upper, lower = figure.subfigs
    legend = lower.legends[0].get_window_extent(renderer)
    boxes = [legend, *(ax.get_tightbbox(renderer) for ax in upper.axes), figure._suptitle.get_window_extent(renderer)]
    for box in boxes:
        assert box.x0 >= page.x0 - 1
        assert box.x1 <= page.x1 + 1
        assert box.y0 >= page.y0 - 1
        assert box.y1 <= page.y1 + 1
    assert not any(legend.overlaps(ax.get_tightbbox(renderer)) for ax in upper.axes)
    assert [t.get_text() for t in lower.legends[0].get_texts()].count(names[0]) == 1
    assert len(lower.legends[0].get_texts()) == models


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
