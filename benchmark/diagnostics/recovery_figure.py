"""Recovery error relative to leaving the gap along an axis, as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from benchmark.diagnostics.placing import along_axes, skipped
from benchmark.diagnostics.recovery_data import CONSTANT, RECOVERY_COLUMNS
from benchmark.diagnostics.recovery_table import GOAL, depth_caption, depths_of
from benchmark.figures.axes import banded_line, finish, legend_line, number_axis
from benchmark.figures.sheet import draw_legend, make_sheet
from benchmark.figures.style import MODALITY_STYLES
from benchmark.figures.writing import FORMATS, TEXT_WIDTH, write_figure
from benchmark.words import plural
from protocols import MODALITIES, InputError

#: Ticks of the logarithmic axis: half the distance is as far from 1 as twice.
_TICKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100)
_FEW_TICKS = (0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000)
_HEADS = {"part": "a part of the modality lost", "whole": "all of the modality lost"}


def plot_recovery(
    data: pd.DataFrame,
    out: Path | str,
    title: str = "",
    *,
    width: float = TEXT_WIDTH,
    formats: Sequence[str] = FORMATS,
    note: str = "",
) -> list[Path]:
    """Write `recovery_data` as CSV and the figure: the ratio against the rate, a line per modality; without constants.

    Samples that lost a part of a modality and those that lost all of it have separate panels, and so has each
    depth. A grid of two rates has a panel for each value of the first, too many for one figure of both depths: it has
    a figure per depth, whose file names end in `-feature` and `-semantic`.

    `data` has the rows of one protocol; other arguments are those of `FigureWriter`.

    Raises:
        InputError: as `write_figure`, or if no point lies on a numeric axis.
    """
    data = data[data["depth"] != CONSTANT] if "depth" in data else data
    if "axis" in data and along_axes(_lines(data)).empty:
        raise InputError("recovery along an axis: the protocol has no numeric axis; use the table")
    figures = {Path(out): data}
    several = "axis" in data and along_axes(_lines(data))["panel"].nunique() > 1
    if {"axis", "depth"} <= set(data.columns) and data["depth"].nunique() > 1 and several:
        figures = {Path(f"{out}-{depth}"): data[data["depth"] == depth] for depth in depths_of(data)}
    return [
        file
        for stem, own in figures.items()
        for file in write_figure(
            own,
            stem,
            lambda table: _draw(table, title, width, note),
            formats,
            columns=RECOVERY_COLUMNS,
            maker="recovery_data",
        )
    ]


def _lines(data: pd.DataFrame) -> pd.DataFrame:
    return data[data["lost"].isin(list(_HEADS)) & data["scenario"].ne("")]


def _draw(data: pd.DataFrame, title: str, width: float, note: str) -> Figure:
    lines = along_axes(_lines(data))
    wide = width >= 5
    there = {
        "depth": depths_of(lines),
        "lost": [name for name in _HEADS if (lines["lost"] == name).any()],
        "panel": list(dict.fromkeys(lines["panel"])),
    }
    down, across = _arranged(there, wide)
    columns = len(there[across])
    seeds, level = int(lines["seeds"].max()), float(lines["level"].iloc[0])
    meaning = (
        f"Geometric mean over {plural(seeds, 'seed')}. Distance to the features of the complete input after "
        f"completion, divided by that before. {depth_caption(lines)} Dashed: leaving the gap (1); dotted: "
        f"{100 * (1 - GOAL):.0f} % recovered. Bands: {100 * level:g} % bootstrap interval over videos and seeds."
    )
    sheet = make_sheet(
        width,
        (len(there[down]), columns),
        1.95 if wide else 1.6,
        title=title if not title or len(there["depth"]) > 1 else f"{title}, {there['depth'][0]} level",
        note=" ".join(filter(None, (note, meaning, skipped(_lines(data), lines)))),
        legend=MODALITIES,
        sharey=True,
    )
    low, high = _limits(lines)
    for i, ax in enumerate(sheet.axes):
        row, column = divmod(i, columns)
        shown = {name: values[0] for name, values in there.items()}
        shown |= {down: there[down][row], across: there[across][column]}
        own = lines[(lines[list(shown)] == pd.Series(shown)).all(axis=1)]
        if own.empty:
            ax.set_visible(False)
            continue
        _panel(ax, own)
        ax.set_yscale("log")
        ax.set_ylim(low, high)
        named = len(there["panel"]) == 1 or (row if across == "lost" else column) == 0
        head = [f"{shown['depth']} level"] if len(there["depth"]) > 1 else []
        head += [_HEADS[shown["lost"]]] if named else []
        head += [shown["panel"]] if len(there["panel"]) > 1 else []
        ax.set_title("\n".join(head), loc="left", pad=3, fontsize=7.5)
        ax.set_xlabel(str(own["along"].iloc[0]), labelpad=2)
        if column == 0:
            ax.set_ylabel("recovery error ↓", labelpad=2)
        here = lines[lines["panel"] == shown["panel"]]
        number_axis(ax, here.assign(x=here["at"]))
        finish(ax)
        ticks = _TICKS if high < 8 * low else _FEW_TICKS
        ax.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_locator(NullLocator())
    draw_legend(sheet, [legend_line(MODALITY_STYLES[m]) for m in MODALITIES], MODALITIES)
    return sheet.figure


def _arranged(there: Mapping[str, Sequence[str]], wide: bool) -> tuple[str, str]:
    """Return the contents of rows and of columns of panels; the third has one value."""
    if len(there["panel"]) > 1:
        return ("lost", "panel") if wide else ("panel", "lost")
    return ("depth", "lost") if len(there["lost"]) > 1 else ("lost", "depth")


def _limits(lines: pd.DataFrame) -> tuple[float, float]:
    """Return the range of all ratios, with bands cut at half and twice that range: wide ones would flatten lines."""
    ratios = lines["ratio"].to_numpy(np.float64)
    lowest, highest = min(float(ratios.min()), GOAL), max(float(ratios.max()), 1.0)
    low, high = float(np.nanmin([*lines["low"], lowest])), float(np.nanmax([*lines["high"], highest]))
    return 0.92 * max(low, lowest / 2), 1.08 * min(high, 2 * highest)


def _panel(ax: Axes, own: pd.DataFrame) -> None:
    ax.axhline(1.0, color="#555555", linestyle="--", linewidth=0.8, zorder=2)
    ax.axhline(GOAL, color="#555555", linestyle=":", linewidth=0.8, zorder=2)
    for modality in MODALITIES:
        part = own[own["modality"] == modality].sort_values("order")
        look = MODALITY_STYLES[modality]
        x = part["at"].to_numpy(np.float64)
        banded_line(ax, x, part["ratio"], (part["low"], part["high"]), look, alpha=0.15)
