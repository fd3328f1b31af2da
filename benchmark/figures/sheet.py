"""Page of a figure: title, panels, legend and a note on the marks, each in a strip of its own height."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_TITLE, _NOTE, _LEGEND = 8.5, 6.5, 7.5  # points
#: Size of labels at which these apply, in points.
USUAL_SIZE = 8.0
_EDGE = 0.05  # inches
_HANDLE = 0.47  # inches that a legend entry takes beside its text


@dataclass(frozen=True)
class PrintLayout:
    """Layout of figures for a paper.

    Attributes:
        titled: True for a title above and a note below the panels; otherwise both are the text of a file beside it.
        panel_height: Height of a row of panels in inches; None for that of the kind.
        font_size: Size of labels in points; titles, legends and notes are in proportion.
    """

    titled: bool = True
    panel_height: float | None = None
    font_size: float = USUAL_SIZE

    @property
    def scale(self) -> float:
        """Factor on all sizes of text."""
        return self.font_size / USUAL_SIZE


#: Layout of the figures that are drawn in this context.
PRINT_LAYOUT: ContextVar[PrintLayout] = ContextVar("print_layout", default=PrintLayout())  # noqa: B039 - frozen


@contextmanager
def print_layout(layout: PrintLayout) -> Iterator[None]:
    """Context in which figures have this layout."""
    token = PRINT_LAYOUT.set(layout)
    try:
        yield
    finally:
        PRINT_LAYOUT.reset(token)


def text_size(size: float) -> float:
    """Return a size of text in points, in proportion to the font size of the figures in this context."""
    return PRINT_LAYOUT.get().scale * size


def fitting(text: str, size: float, width: float) -> float:
    """Return `text_size(size)`, or less where the text would be wider than `width` inches."""
    return min(text_size(size), width / max(_inches(text, 1.0), 1e-9))


@dataclass(frozen=True)
class Sheet:
    """Figure with empty panels.

    Attributes:
        figure: The figure.
        axes: The panels in reading order, as many as requested.
        legend_at: Position of the middle of the legend, as shares of the figure.
    """

    figure: Figure
    axes: list[Axes]
    legend_at: tuple[float, float]


def make_sheet(
    width: float,
    shape: tuple[int, int],
    panel_height: float,
    *,
    count: int | None = None,
    title: str = "",
    note: str = "",
    legend: Sequence[str] = (),
    **options: Any,
) -> Sheet:
    """Lay a figure out.

    Args:
        width: Width in inches.
        shape: Rows and columns of panels.
        panel_height: Height of a row in inches, with its labels.
        count: Panels to be used; the others stay empty.
        title: Title above, broken into lines.
        note: Small note below, broken into lines.
        legend: The labels that `draw_legend` will be given.
        options: Options of `subplots`, such as `sharey`.
    """
    chosen = PRINT_LAYOUT.get()
    scale = chosen.scale
    caption = "\n".join(filter(None, (title, note)))
    if not chosen.titled:
        title, note = "", ""
    title_lines = _lines(title, width, text_size(_TITLE))
    note_lines = _lines(note, width, text_size(_NOTE))
    heights = {
        "title": len(title_lines) * text_size(_TITLE) * 1.25 / 72 + _EDGE if title else 0.0,
        "panels": shape[0] * (chosen.panel_height or panel_height),
        "legend": scale * (math.ceil(len(legend) / _per_row(legend, width)) * 0.165 + 0.06) if legend else 0.0,
        "note": len(note_lines) * text_size(_NOTE) * 1.3 / 72 + _EDGE if note else 0.0,
    }
    heights = {name: height for name, height in heights.items() if height}
    total = sum(heights.values())
    tops = dict(zip(heights, total - np.cumsum([0.0, *heights.values()]), strict=False))  # of every strip, inches
    figure = Figure(figsize=(width, total))
    FigureCanvasAgg(figure)
    figure.set_label(caption)
    bottom = (tops["panels"] - heights["panels"]) / total
    figure.set_layout_engine("constrained", rect=(0.0, bottom, 1.0, heights["panels"] / total))
    for name, lines, size in (
        ("title", title_lines, text_size(_TITLE)),
        ("note", note_lines, text_size(_NOTE)),
    ):
        if name in heights:
            colour = "#000000" if name == "title" else "#444444"
            y, text = (tops[name] - 0.5 * _EDGE) / total, "\n".join(lines)
            figure.text(_EDGE / width, y, text, fontsize=size, linespacing=1.2, color=colour, ha="left", va="top")
    grid = figure.subplots(*shape, squeeze=False, **options)
    axes: list[Axes] = list(grid.ravel())
    used = len(axes) if count is None else count
    for unused in axes[used:]:
        unused.set_visible(False)
    middle = (tops["legend"] - heights["legend"] / 2) / total if "legend" in heights else 0.0
    return Sheet(figure, axes[:used], (0.5, middle))


def draw_legend(sheet: Sheet, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Draw the legend into its strip, to be read line by line, not column by column."""
    width = float(sheet.figure.get_size_inches()[0])
    columns = _per_row(labels, width)
    order = [i for first in range(columns) for i in range(first, len(labels), columns)]
    sheet.figure.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="center",
        bbox_to_anchor=sheet.legend_at,
        ncols=columns,
        frameon=False,
        handlelength=2.2,
        columnspacing=1.1,
        labelspacing=0.35,
        borderpad=0.1,
        borderaxespad=0.0,
        fontsize=text_size(_LEGEND),
    )


def _per_row(labels: Sequence[str], width: float) -> int:
    widest = max(_inches(label, text_size(_LEGEND)) for label in labels)
    return max(1, min(len(labels), int((width - 0.1) / (_HANDLE + widest))))


def _inches(text: str, size: float) -> float:
    """Estimate the width of a text: DejaVu Sans takes 0.56 of the size per letter on average."""
    return len(text) * 0.575 * size / 72


def _lines(text: str, width: float, size: float) -> list[str]:
    letters = int((width - 2 * _EDGE) / (0.56 * size / 72))
    return textwrap.wrap(text, letters, break_on_hyphens=False)
