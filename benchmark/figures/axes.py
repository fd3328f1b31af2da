"""Axes that figures share: rates and other numbers from easy to hard, and the values above them."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmark.figures.style import Style

FloatArray: TypeAlias = npt.NDArray[np.float64]


def falls(data: pd.DataFrame) -> bool:
    """Return True for an axis that runs downwards: points go from easy to hard (`order`), as the figure does."""
    ends = data.sort_values("order")["x"].to_numpy(np.float64)
    return bool(ends[-1] < ends[0])


def axis_label(axis: str, data: pd.DataFrame, *, narrow: bool = False) -> str:
    """Return the name of an axis; one that runs downwards states its direction."""
    if not falls(data):
        return axis
    return f"{axis}{chr(10) if narrow else ', '}{'clean → noisy' if axis.startswith('SNR') else 'easy → hard'}"


def number_axis(ax: Axes, data: pd.DataFrame, *, margin: float = 0.03) -> None:
    """Ticks at the points of the protocol, every second one with its number when there are many."""
    x = np.unique(data["x"].to_numpy(np.float64))
    ax.set_xticks(x if len(x) <= 6 else x[::2], minor=False)
    ax.set_xticks(x, minor=True)
    ax.xaxis.set_major_formatter(lambda value, _: f"{round(value, 3):g}".replace("-", "\N{MINUS SIGN}"))
    room = margin * (x[-1] - x[0])
    ends = (x[0] - room, x[-1] + room)
    ax.set_xlim(*(reversed(ends) if falls(data) else ends))


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(value: float) -> str:
    """Format a tick of a logarithmic axis, as `10⁵`: in letters, since figures do not read mathematical text."""
    return f"10{str(round(math.log10(value))).translate(_RAISED)}"


def banded_line(
    ax: Axes,
    x: FloatArray,
    middle: npt.ArrayLike,
    band: tuple[npt.ArrayLike, npt.ArrayLike],
    look: Style,
    *,
    alpha: float,
    size: float = 4,
    clip: bool = True,
) -> None:
    """Draw a line with markers, and its band from low to high; markers beyond the panel show if it is not clipped."""
    ax.fill_between(x, *band, color=look.colour, alpha=alpha, linewidth=0, zorder=1)
    ax.plot(
        x,
        middle,
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markersize=size,
        linewidth=1.2,
        markeredgecolor="white",
        markeredgewidth=0.4,
        clip_on=clip,
        zorder=4,
    )


def legend_line(look: Style) -> Line2D:
    """Return the entry of a line with markers in a legend."""
    line, marker = look.line, look.marker
    return Line2D([], [], color=look.colour, linestyle=line, marker=marker, markersize=4, markeredgecolor="white")


def finish(ax: Axes, *, values: int = 6) -> None:
    """Few, round ticks for the values, small tick marks, no box."""
    ax.yaxis.set_major_locator(MaxNLocator(nbins=values, steps=[1, 2, 2.5, 5, 10], min_n_ticks=min(values, 4)))
    ax.tick_params(length=2.5, width=0.7, pad=2)
    ax.tick_params(which="minor", length=1.5)
    ax.spines[["top", "right"]].set_visible(False)
