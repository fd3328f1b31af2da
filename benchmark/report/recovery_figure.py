"""Recovery error relative to leaving the gap along an axis, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from benchmark.report.axes import finish, number_axis
from benchmark.report.figures import FORMATS, TEXT_WIDTH, write_figure
from benchmark.report.placing import along_axes, skipped
from benchmark.report.recovery_data import RECOVERY_COLUMNS, RECOVERY_NUMBERS
from benchmark.report.recovery_table import GOAL
from benchmark.report.sheet import draw_legend, make_sheet
from benchmark.report.style import MODALITY_STYLES
from protocols import MODALITIES, InputError

#: Of the logarithmic axis: half the distance is as far from 1 as twice.
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
    """Write `recovery_data` as CSV and the figure: the ratio against the rate, a line a modality.

    Samples that lost a part of a modality and those that lost all of it have a row each; a grid of two rates has a
    panel for each value of the first.

    Args:
        data: From `recovery_data`, the rows of one protocol.
        out: Path without ending; the folder must exist.
        title: Above the figure.
        width: Inches.
        formats: Of the figure.
        note: Below the figure, before what the bands are.

    Raises:
        InputError: as `write_figure`, and where no point lies on a numeric axis.
    """
    if "axis" in data and along_axes(_lines(data)).empty:
        raise InputError("recovery along an axis: the protocol has no numeric axis; use the table")
    return write_figure(
        data,
        out,
        lambda table: _draw(table, title, width, note),
        formats,
        columns=RECOVERY_COLUMNS,
        numbers=RECOVERY_NUMBERS,
        maker="recovery_data",
    )


def _lines(data: pd.DataFrame) -> pd.DataFrame:
    return data[data["lost"].isin(list(_HEADS)) & data["scenario"].ne("")]


def _draw(data: pd.DataFrame, title: str, width: float, note: str) -> Figure:
    lines = along_axes(_lines(data))
    extents = [name for name in _HEADS if (lines["lost"] == name).any()]
    panels = list(dict.fromkeys(lines["panel"]))
    wide = width >= 5
    across, down = (panels, extents) if wide and len(panels) > 1 else (extents, panels)
    seeds, level = int(lines["seeds"].max()), float(lines["level"].iloc[0])
    meaning = (
        f"{seeds} seed{'' if seeds == 1 else 's'}. Distance to the features of the complete input after completion, "
        f"divided by that before. Dashed: leaving the gap (1); dotted: {100 * (1 - GOAL):.0f} % recovered. Bands: "
        f"{100 * level:g} % bootstrap interval over videos and seeds."
    )
    sheet = make_sheet(
        width,
        (len(down), len(across)),
        1.95 if wide else 1.6,
        title=title,
        note=" ".join(filter(None, (note, meaning, skipped(_lines(data), lines)))),
        legend=MODALITIES,
        sharey=True,
    )
    low, high = _limits(lines)
    for i, ax in enumerate(sheet.axes):
        row, column = down[i // len(across)], across[i % len(across)]
        extent, panel = (row, column) if across is panels else (column, row)
        own = lines[(lines["lost"] == extent) & (lines["panel"] == panel)]
        if own.empty:
            ax.set_visible(False)
            continue
        _panel(ax, own)
        ax.set_yscale("log")
        ax.set_ylim(low, high)
        named = i < len(across) if across is extents else i % len(across) == 0
        head = [_HEADS[extent]] if named else []
        ax.set_title("\n".join([*head, *([panel] if len(panels) > 1 else [])]), loc="left", pad=3, fontsize=7.5)
        ax.set_xlabel(str(own["along"].iloc[0]), labelpad=2)
        if i % len(across) == 0:
            ax.set_ylabel("error relative to the gap ↓", labelpad=2)
        here = lines[lines["panel"] == panel]
        number_axis(ax, here.assign(x=here["at"]))
        finish(ax)
        ticks = _TICKS if high < 8 * low else _FEW_TICKS
        ax.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_locator(NullLocator())
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, markersize=4, markeredgecolor="white")
        for look in (MODALITY_STYLES[m] for m in MODALITIES)
    ]
    draw_legend(sheet, handles, MODALITIES)
    return sheet.figure


def _limits(lines: pd.DataFrame) -> tuple[float, float]:
    """All ratios; of the bands no more than half or twice as much, or one wide band would flatten every line."""
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
        ax.fill_between(x, part["low"], part["high"], color=look.colour, alpha=0.15, linewidth=0, zorder=1)
        ax.plot(
            x,
            part["ratio"],
            color=look.colour,
            marker=look.marker,
            markersize=4,
            linewidth=1.2,
            markeredgecolor="white",
            markeredgewidth=0.4,
            zorder=4,
        )
