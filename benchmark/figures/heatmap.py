"""Coloured cells with their values, for heat maps and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.evaluation.metrics import METRICS
from benchmark.figures.sheet import text_size

_EMPTY = "#ececec"


def better_is_darker(metric: str) -> Colormap:
    """Return a sequential colour map of even lightness, in which the better value is darker."""
    import seaborn as sns  # here, as it takes most of a second, and other figures do without

    colours: Colormap = sns.color_palette("crest" if METRICS[metric].higher_is_better else "crest_r", as_cmap=True)
    return colours


def value_range(values: npt.NDArray[np.float64]) -> Normalize:
    """Return the colour scale of all panels; values that are not finite do not count."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return Normalize(low, high if high > low else low + 1e-9)


def draw_cells(
    ax: Axes,
    values: npt.NDArray[np.float64],
    texts: Sequence[Sequence[str]],
    colours: Colormap,
    scale: Normalize,
    *,
    size: float,
    left: float = 0.0,
    bold: npt.NDArray[np.bool_] | None = None,
) -> QuadMesh:
    """Draw `(R, C)` values from the top down as squares of side 1, the first at (`left`, 0).

    Cells that are not finite are grey and still show their text.
    """
    rows, columns = values.shape
    mesh = ax.pcolormesh(
        left + np.arange(columns + 1),
        np.arange(rows + 1),
        np.ma.masked_invalid(values),
        cmap=colours,
        norm=scale,
        edgecolors="white",
        linewidth=0.6,
    )
    for row in range(rows):
        for column in range(columns):
            value = values[row, column]
            fill = colours(scale(value)) if np.isfinite(value) else None
            if fill is None:
                ax.fill_between(
                    [left + column + 0.03, left + column + 0.97], row + 0.03, row + 0.97, color=_EMPTY, lw=0
                )
            ax.text(
                left + column + 0.5,
                row + 0.5,
                texts[row][column],
                ha="center",
                va="center",
                fontsize=min(text_size(size), size),  # cells do not grow with the font
                color="black" if fill is None or _lightness(fill) > 0.42 else "white",
                weight="bold" if bold is not None and bold[row, column] else "normal",
                in_layout=False,
            )
    return mesh


def bare(ax: Axes) -> None:
    """Remove frame and tick marks: the cells are the frame."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0, pad=2)
    ax.grid(visible=False)


def value_bar(figure: Figure, mesh: QuadMesh, axes: Sequence[Axes], label: str, *, share: float) -> None:
    """Draw the colour scale at the right of the panels, `share` of their width wide."""
    bar = figure.colorbar(mesh, ax=list(axes), pad=0.02, fraction=share, aspect=24)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(nbins=5)
    bar.update_ticks()
    bar.ax.tick_params(length=2, width=0.6, pad=2, labelsize=text_size(7))
    bar.set_label(label, fontsize=text_size(7.5))


def scale_label(metric: str) -> str:
    """Return the metric, its unit and its direction, as the label of a colour scale."""
    kind = METRICS[metric]
    return f"{kind.title}{' (%)' if kind.percent else ''}, darker is better"


def short(metric: str, value: float) -> str:
    """Format a value to fit a cell: per cent with one decimal, or two decimals; a dash if missing."""
    if not np.isfinite(value):
        return "–"
    kind = METRICS[metric]
    return kind.format(value, 1 if kind.percent else 2).replace("-", "\N{MINUS SIGN}")


def _lightness(colour: Sequence[float]) -> float:
    """Compute the square root of the relative luminance (WCAG 2), which grows as lightness is perceived."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return float(np.sqrt(0.2126 * r + 0.7152 * g + 0.0722 * b))
