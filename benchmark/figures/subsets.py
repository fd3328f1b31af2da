"""Heat map of models by the points of a protocol without a numeric axis, such as the seven subsets of modalities."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.point_values import best_first, labels_of, point_values, seeds_text, unfinished_note
from benchmark.evaluation.protocol_results import ORACLE, shape_of, sizes_of
from benchmark.evaluation.statistics import DRAWS
from benchmark.figures.emphasis import emphasised
from benchmark.figures.heatmap import bare, better_is_darker, draw_cells, scale_label, short, value_bar, value_range
from benchmark.figures.kinds import FigureRequest, Item, protocols_of, register_figure, suffix_of
from benchmark.figures.sheet import make_sheet, text_size
from benchmark.figures.writing import figure
from protocols import MODALITIES, InputError

_COLUMNS = (
    "model", "metric", "axis", "tick", "order", "scenario", "mean", "low", "high", "sd", "seeds", "level", "flag",
    "mask_informed",
)  # fmt: skip


def subset_data(
    panel: Panel, protocol: str | None = None, metric: str = "mae", *, draws: int = DRAWS, level: float = 0.95
) -> pd.DataFrame:
    """Compute the data of the figure: one row per (model, point), with the interval that the figure leaves out.

    Returns:
        `model`, `metric`, `axis`, `tick` (the point's name), `order`, `scenario`, `mean` (over seeds), `low`, `high`,
        `sd`, `seeds`, `level`, `flag`, `mask_informed`, as `point_values`.

    Raises:
        InputError: if the protocol's points are not names on one axis, or the metric is unknown.
    """
    shape = shape_of(panel, protocol)
    name = shape.protocol
    if not shape.named:
        raise InputError(f"protocol '{name}' has no points with names, such as subsets; draw curves or a grid instead")
    return point_values(panel, name, [metric], draws=draws, level=level)[list(_COLUMNS)]


@figure(columns=_COLUMNS, maker="subset_data", grid=False)
def plot_subsets(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Draw the heat map of the chosen models (default: all), best first."""
    metric = str(data["metric"].iloc[0])
    factor = 100.0 if METRICS[metric].percent else 1.0
    order = emphasised(best_first(data, metric), models, limit=60)
    order = [m for m in order if m != ORACLE] + [m for m in order if m == ORACLE]
    points = data.drop_duplicates("order").sort_values("order")
    ticks = [str(tick) for tick in points["tick"]]
    means = data.pivot(index="model", columns="order", values="mean").loc[order, points["order"]].to_numpy(np.float64)
    contest = sum(model != ORACLE for model in order)
    texts = [[short(metric, value) for value in row] for row in means]
    parts = [set(tick.split("+")) for tick in ticks]
    dots = all(part <= set(MODALITIES) for part in parts)
    names = ["\n".join(textwrap.wrap(labels_of(data)[model], 19)) for model in order]
    note = " ".join(filter(None, (note, _meaning(data, ORACLE in order))))
    wide = width >= 5
    below = 3 * 0.17 if dots else 0.075 * max(map(len, ticks)) + 0.1
    cell = 0.22 if wide else 0.2
    sheet = make_sheet(width, (1, 1), len(order) * cell + below + 0.25, title=title, note=note)
    ax = sheet.axes[0]
    mesh = draw_cells(
        ax,
        factor * means,
        texts,
        better_is_darker(metric),
        value_range(factor * means),
        size=_size(width, names, texts, 7 if wide else 6),
        bold=_best(texts, means, contest, higher=METRICS[metric].higher_is_better),
    )
    bare(ax)
    rows = list(np.arange(len(order)) + 0.5)
    bottom = float(len(order))
    if contest < len(order):
        ax.axhline(contest, color="black", linewidth=0.8)
    if dots:
        step = 0.17 / cell
        dot_rows = [bottom + step * (i + 0.75) for i in range(3)]
        _mark_modalities(ax, parts, dot_rows)
        bottom = dot_rows[-1] + 0.6 * step
        ax.set_yticks([*rows, *dot_rows], [*names, *MODALITIES])
        ax.set_xticks([])
        ax.set_xlabel(f"modalities that are {points['axis'].iloc[0]}", labelpad=3)
    else:
        ax.set_yticks(rows, names)
        ax.set_xticks(np.arange(len(ticks)) + 0.5, ticks, rotation=90)
        ax.set_xlabel(str(points["axis"].iloc[0]))
    ax.tick_params(axis="y", labelsize=min(text_size(7.5 if wide else 7), 8.5))  # as high as a row
    for label, name in zip(ax.get_yticklabels(), names, strict=False):
        if "\n" in name:
            label.set_fontsize(5.5)
            label.set_linespacing(0.9)
    ax.set_xlim(0, len(ticks))
    ax.set_ylim(bottom, 0)
    value_bar(sheet.figure, mesh, [ax], scale_label(metric), share=0.035 if wide else 0.05)
    return sheet.figure


def _size(width: float, names: Sequence[str], texts: Sequence[Sequence[str]], most: float) -> float:
    """Return the maximum font size in points at which a value stays inside its cell."""
    longest = max(len(line) for name in names for line in name.splitlines())
    cell = (width - 0.058 * longest - 0.6) / max(len(texts[0]), 1)
    letters = max(len(text) for row in texts for text in row)
    return max(4.5, min(most, 0.92 * cell * 72 / (0.66 * letters)))


def _best(
    texts: Sequence[Sequence[str]], means: npt.NDArray[np.float64], contest: int, *, higher: bool
) -> npt.NDArray[np.bool_]:
    """Find the best printed value of every column among the first `contest` rows, if two can be compared; `(R, C)`."""
    best = np.zeros(means.shape, dtype=np.bool_)
    for column in range(means.shape[1]):
        own = means[:contest, column]
        if np.isfinite(own).sum() > 1:
            row = int(np.nanargmax(own) if higher else np.nanargmin(own))
            best[:contest, column] = [line[column] == texts[row][column] for line in texts[:contest]]
    return best


def _mark_modalities(ax: Axes, parts: Sequence[set[str]], rows: Sequence[float]) -> None:
    """Draw full dots for available and empty dots for missing modalities, below every column."""
    for column, part in enumerate(parts):
        for modality, row in zip(MODALITIES, rows, strict=True):
            there = modality in part
            ax.plot(
                column + 0.5,
                row,
                marker="o",
                markersize=4.2,
                color="#333333",
                markerfacecolor="#333333" if there else "white",
                markeredgewidth=0.6,
                markeredgecolor="#333333" if there else "#808080",
                clip_on=False,
            )


def _meaning(data: pd.DataFrame, bound: bool) -> str:
    text = f"Mean over {seeds_text(data)}; intervals are in the CSV. Bold: best printed value of a column (no test)"
    text += "; the oracle is a bound and takes no part." if bound else "."
    return " ".join(filter(None, (text, unfinished_note(data, "–"))))


@register_figure(
    "subsets", shows="subsets of modalities", nothing="no protocol has points with names, such as inter-subsets"
)
def _subsets(panel: Panel, request: FigureRequest) -> Iterator[Item]:
    for name in protocols_of(panel, request):
        for metric in request.known(panel, ["mae"]) if shape_of(panel, name).named else ():
            title, data = f"{METRICS[metric].title} under {name}", subset_data(panel, name, metric)
            yield Item(plot_subsets, data, (name, "heatmap", suffix_of(metric)), title, sizes_of(panel))
