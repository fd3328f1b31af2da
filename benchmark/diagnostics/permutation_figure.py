"""Integrity permutation along an axis, as a figure: a metric with own, shuffled and true scores, and differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.diagnostics.permutation_data import OWN, PERMUTATION_COLUMNS, SHUFFLED, TRUE
from benchmark.diagnostics.placing import along_axes, skipped
from benchmark.evaluation.metrics import METRICS
from benchmark.figures.axes import banded_line, finish, legend_line, number_axis
from benchmark.figures.sheet import draw_legend, make_sheet
from benchmark.figures.style import Style
from benchmark.figures.writing import FORMATS, TEXT_WIDTH, write_figure
from benchmark.words import plural
from protocols import InputError, unknown_name

_STYLES = {OWN: Style("#d55e00", "o"), SHUFFLED: Style("#0072b2", "s", "--"), TRUE: Style("#000000", "^", ":")}
#: Scores in the figure. The control is left out, as its differences are too large for the scale of the others.
_DRAWN = tuple(_STYLES)
_LABELS = {OWN: "own estimates", SHUFFLED: "shuffled estimates", TRUE: "true integrity"}


def plot_permutation(
    data: pd.DataFrame,
    out: Path | str,
    title: str = "",
    *,
    metric: str = "mae",
    width: float = TEXT_WIDTH,
    formats: Sequence[str] = FORMATS,
    note: str = "",
) -> list[Path]:
    """Write `permutation_data` as CSV and the figure: a metric against the rate, and the paired differences.

    `data` has the rows of one protocol; other arguments are those of `FigureWriter`.

    Raises:
        InputError: as `write_figure`, for an unknown metric, or if no point lies on a numeric axis.
    """
    if "metric" in data and metric not in set(data["metric"]):
        raise unknown_name("metric of the permutation", metric, list(dict.fromkeys(data["metric"])))
    if "axis" in data and along_axes(_lines(data, metric)).empty:
        raise InputError("permutation along an axis: the protocol has no numeric axis; use the table")
    return write_figure(
        data,
        out,
        lambda table: _draw(table, metric, title, width, note),
        formats,
        columns=PERMUTATION_COLUMNS,
        maker="permutation_data",
    )


def _lines(data: pd.DataFrame, metric: str) -> pd.DataFrame:
    return data[(data["metric"] == metric) & data["scenario"].ne("")]


def _draw(data: pd.DataFrame, metric: str, title: str, width: float, note: str) -> Figure:
    lines = along_axes(_lines(data, metric))
    panels = list(dict.fromkeys(lines["panel"]))
    kind = METRICS[metric]
    unit = " (%)" if kind.percent else ""
    sides = {"value": f"{kind.heading}{unit}", "difference": f"{kind.title}{unit}, minus own"}
    wide = width >= 5
    beside = len(panels) == 1 or not wide  # the two sides beside each other, one row per panel
    shape = (len(panels), 2) if beside else (2, len(panels))
    seeds, level = int(lines["seeds"].max()), float(lines["level"].iloc[0])
    meaning = (
        f"{plural(seeds, 'seed')}; mean over {plural(int(lines['permutations'].max()), 'shuffling')} among the "
        f"test samples. Bands: {100 * level:g} % bootstrap interval over videos and seeds; of differences, paired."
    )
    labels = [_LABELS[given] for given in _DRAWN]
    sheet = make_sheet(
        width,
        shape,
        1.95 if wide else 1.6,
        title=title,
        note=" ".join(filter(None, (note, meaning, skipped(_lines(data, metric), lines)))),
        legend=labels,
    )
    drawn: dict[str, list[Axes]] = {"value": [], "difference": []}
    for i, ax in enumerate(sheet.axes):
        side = list(sides)[i % 2 if beside else i // len(panels)]
        panel = panels[i // 2 if beside else i % len(panels)]
        own = lines[lines["panel"] == panel]
        _panel(ax, own, side, 100.0 if kind.percent else 1.0)
        first = i % 2 == 0 if beside else i % len(panels) == 0
        ax.set_title(panel if len(panels) > 1 else "", loc="left", pad=3, fontsize=7.5)
        if first or beside:
            ax.set_ylabel(sides[side], labelpad=2)
        ax.set_xlabel(str(own["along"].iloc[0]), labelpad=2)
        number_axis(ax, own.assign(x=own["at"]))
        finish(ax, values=5)
        drawn[side].append(ax)
    for group in drawn.values():
        limits = np.array([ax.get_ylim() for ax in group])
        for ax in group:
            ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    draw_legend(sheet, [legend_line(_STYLES[given]) for given in _DRAWN], labels)
    return sheet.figure


def _panel(ax: Axes, own: pd.DataFrame, side: str, factor: float) -> None:
    if side == "difference":
        ax.axhline(0.0, color=_STYLES[OWN].colour, linewidth=0.8, zorder=2)
    ends = ("low", "high") if side == "value" else ("difference_low", "difference_high")
    for given in _DRAWN if side == "value" else (SHUFFLED, TRUE):
        part = own[own["given"] == given].sort_values("order")
        look = _STYLES[given]
        x = part["at"].to_numpy(np.float64)
        low, high, middle = (factor * part[c].to_numpy(np.float64) for c in (*ends, side))
        banded_line(ax, x, middle, (low, high), look, alpha=0.10, size=3.6)
