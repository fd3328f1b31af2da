"""Heat maps of a protocol with two numeric axes, such as drop rate by missing rate: a panel per model, one scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.point_values import best_first, labels_of, point_values, seeds_text, unfinished_note
from benchmark.evaluation.protocol_results import shape_of, sizes_of
from benchmark.evaluation.statistics import DRAWS
from benchmark.figures.emphasis import emphasised
from benchmark.figures.heatmap import bare, better_is_darker, draw_cells, scale_label, short, value_bar, value_range
from benchmark.figures.kinds import FigureRequest, Item, protocols_of, register_figure, suffix_of
from benchmark.figures.sheet import fitting, make_sheet, text_size
from benchmark.figures.writing import figure
from protocols import InputError

_COLUMNS = (
    "model", "metric", "axis", "x", "axis2", "y", "tick", "order", "scenario", "mean", "low", "high", "sd", "seeds",
    "level", "flag", "mask_informed",
)  # fmt: skip


def grid_data(
    panel: Panel, protocol: str | None = None, metric: str = "mae", *, draws: int = DRAWS, level: float = 0.95
) -> pd.DataFrame:
    """Compute the data of the figure: one row per (model, point), with the interval that the figure leaves out.

    Returns:
        `model`, `metric`, `axis`, `x`, `axis2`, `y` (NaN for a point beside the grid), `tick`, `order`, `scenario`,
        `mean` (over seeds), `low`, `high`, `sd`, `seeds`, `level`, `flag`, `mask_informed`, as `point_values`.

    Raises:
        InputError: if the protocol does not span two numeric axes, or the metric is unknown.
    """
    shape = shape_of(panel, protocol)
    name = shape.protocol
    if shape.grid is None:
        raise InputError(f"protocol '{name}' does not span two numeric axes; draw curves or a table instead")
    return point_values(panel, name, [metric], draws=draws, level=level)[list(_COLUMNS)]


@figure(columns=_COLUMNS, maker="grid_data", grid=False)
def plot_grid(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Draw a heat map of each chosen model, best first.

    By default up to eight models are shown: those that every figure keeps and the best."""
    metric = str(data["metric"].iloc[0])
    order = emphasised(best_first(data, metric), models, limit=8)
    data = data[data["model"].isin(order)]
    factor = 100.0 if METRICS[metric].percent else 1.0
    scale = value_range(factor * data["mean"].to_numpy(np.float64))
    colours = better_is_darker(metric)
    wide = width >= 5
    columns = min(len(order), 4 if wide else 2)
    rows = -(-len(order) // columns)
    beside = data[~np.isfinite(data["x"]) | ~np.isfinite(data["y"])].drop_duplicates("order").sort_values("order")
    names = [_name(str(tick)) for tick in beside["tick"]]
    means = f"Mean over {seeds_text(data)}; intervals are in the CSV."
    note = " ".join(filter(None, (note, means, unfinished_note(data, "–"), _explain(beside, names))))
    levels_y = int(data["x"].nunique())
    first, second = data.loc[np.isfinite(data["x"]) & np.isfinite(data["y"]), ["axis", "axis2"]].astype(str).iloc[0]
    height = levels_y * (0.24 if wide else 0.26) + (0.62 if wide else 0.6)
    sheet = make_sheet(width, (rows, columns), height, count=len(order), title=title, note=note)
    labels = labels_of(data)
    mesh: QuadMesh | None = None
    room = 0.82 * (width - text_size(0.9)) / columns  # inches of a panel beside names of axes and the colour scale
    across = data["y"].nunique() + (1.35 if names else 0)
    size = fitting("0.00 ", 6, room / across)
    for i, (ax, model) in enumerate(zip(sheet.axes, order, strict=True)):
        own = data[data["model"] == model]
        mesh = _panel(ax, own, names, metric, factor, colours, scale, max(size, 4.5))
        ax.set_title(labels[model], loc="left", pad=3, fontsize=fitting(labels[model], 7.5 if wide else 7, room))
        if i % columns == 0:
            ax.set_ylabel(first, labelpad=2)
        else:
            ax.tick_params(labelleft=False)
        if i + columns >= len(order):
            ax.set_xlabel(second, labelpad=2)
    if mesh is not None:
        value_bar(sheet.figure, mesh, sheet.axes, scale_label(metric), share=0.03 if wide else 0.05)
    return sheet.figure


def _panel(
    ax: Axes,
    own: pd.DataFrame,
    names: Sequence[str],
    metric: str,
    factor: float,
    colours: Colormap,
    scale: Normalize,
    size: float,
) -> QuadMesh:
    """Draw one model: the first axis upwards, the second to the right, points off the grid at its right."""
    inside = np.isfinite(own["x"]) & np.isfinite(own["y"])
    grid = own[inside].pivot(index="x", columns="y", values="mean").sort_index().sort_index(axis=1)
    values = grid.to_numpy(np.float64)
    extra = own[~inside].sort_values("order")["mean"].to_numpy(np.float64)[:, None]
    texts = [[short(metric, value) for value in row] for row in values]
    mesh = draw_cells(ax, factor * values, texts, colours, scale, size=size)
    if len(extra):
        texts = [[short(metric, value) for value in row] for row in extra]
        draw_cells(ax, factor * extra, texts, colours, scale, size=size, left=values.shape[1] + 0.35)
    bare(ax)
    ticks = list(np.arange(values.shape[1]) + 0.5)
    shown = [f"{value:g}" for value in grid.columns]
    if len(extra):
        ticks.append(values.shape[1] + 0.85)
        shown.append(names[0] if len(set(names)) == 1 else "other")
    ax.set_xticks(ticks, shown)
    ax.set_yticks(np.arange(values.shape[0]) + 0.5, [f"{value:g}" for value in grid.index])
    ax.tick_params(labelsize=size)
    ax.set_xlim(0, values.shape[1] + (1.35 if len(extra) else 0))
    ax.set_ylim(0, max(values.shape[0], len(extra)))
    return mesh


def _name(tick: str) -> str:
    """Shorten the tick `drawn, drawn` to `drawn`."""
    return ", ".join(dict.fromkeys(part.strip() for part in tick.split(",")))


def _explain(beside: pd.DataFrame, names: Sequence[str]) -> str:
    told = [f"{name}: the scenario {scenario}" for name, scenario in zip(names, beside["scenario"], strict=True)]
    return f"Beside the grid, {'; '.join(told)}." if told else ""


@register_figure(
    "heatmap", shows="heat maps over two rates", nothing="no protocol spans two numeric axes, such as uncertain"
)
def _grids(panel: Panel, request: FigureRequest) -> Iterator[Item]:
    for name in protocols_of(panel, request):
        for metric in request.known(panel, ["mae"]) if shape_of(panel, name).grid else ():
            title = f"{METRICS[metric].title} under {name}"
            yield Item(
                plot_grid, grid_data(panel, name, metric), (name, "grid", suffix_of(metric)), title, sizes_of(panel)
            )
