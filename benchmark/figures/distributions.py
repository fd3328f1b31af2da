"""Distributions of labels and lengths over train, valid and test: a CSV and the figure drawn from it.

The paper shows the labels of CMU-MOSI and CMU-MOSEI by part (Figures 3 and 4); lengths say what models must cope with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from benchmark.figures.style import PALETTE
from benchmark.figures.writing import FORMATS, beside, check_formats, figure_style, save_figure
from benchmark.files import csv_frame, replace_text
from protocols import InputError

_PARTS = ("train", "valid", "test")
_COLOURS = dict(zip(_PARTS, (PALETTE[0], PALETTE[1], PALETTE[2]), strict=True))
_HATCHES = dict(zip(_PARTS, ("", "////", "...."), strict=True))  # repeats the colour, for print in grey
_COLUMNS = ("panel", "part", "low", "high", "samples", "share")
_WIDTH = 7.0


def distribution_data(histograms: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return histograms as a long table.

    Args:
        histograms: `edges` and, by part, `counts` of a histogram, by panel (`label`, `text`, ...).

    Returns:
        One row per (panel, part, bin): `panel`, `part`, `low`, `high`, `samples`, `share` (of the samples of the part).
    """
    rows = []
    for panel, histogram in histograms.items():
        edges = list(histogram["edges"])
        for part, counts in histogram["counts"].items():
            total = max(sum(counts), 1)
            rows += [
                (panel, part, low, high, int(k), k / total)
                for low, high, k in zip(edges[:-1], edges[1:], counts, strict=True)
            ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def plot_distributions(
    description: Mapping[str, Any], folder: Path | str, *, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write the figures `NAME-SPLIT-labels` and `NAME-SPLIT-lengths`, each with the CSV it is drawn from.

    Args:
        description: As plain values: `name`, `split`, `label_range`, `labels` and `length_histograms`.
        folder: Folder to write to; made if missing.
        formats: Formats of the figures.

    Returns:
        The files. Each is written beside and renamed into place.

    Raises:
        InputError: for an unknown format, or a folder that cannot be made.
    """
    check_formats(formats)
    out = Path(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made a folder ({error.strerror}); choose another") from error
    title = f"{description['name']}, split {description['split']}"
    stem = f"{description['name']}-{description['split']}"
    low, high = description["label_range"]
    labels = distribution_data({"label": description["labels"]})
    files = _write(labels, out / f"{stem}-labels", lambda data: _draw_labels(data, title, (low, high)), formats)
    lengths = distribution_data(description["length_histograms"])
    if not lengths.empty:
        files += _write(lengths, out / f"{stem}-lengths", lambda data: _draw_lengths(data, title), formats)
    return files


def _write(
    data: pd.DataFrame, stem: Path, draw: Callable[[pd.DataFrame], Figure], formats: Sequence[str]
) -> list[Path]:
    table = beside(stem, "csv")
    replace_text(table, csv_frame(data))
    with figure_style():
        return [table, *save_figure(draw(pd.read_csv(table, keep_default_na=False)), stem, formats)]


def _draw_labels(data: pd.DataFrame, title: str, label_range: tuple[float, float]) -> Figure:
    """Draw the shares of all parts side by side in every bin."""
    figure = Figure(figsize=(_WIDTH, 2.5), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    parts = [p for p in _PARTS if data.loc[data["part"] == p, "samples"].sum() > 0]
    handles = []
    for k, part in enumerate(parts):
        own = data[data["part"] == part]
        low, high = own["low"].to_numpy(np.float64), own["high"].to_numpy(np.float64)
        width = 0.84 * (high - low) / len(parts)
        left = (low + high) / 2 + (k - len(parts) / 2) * width
        ax.bar(left, 100 * own["share"], width, align="edge", **_fill(part))
        handles.append(Patch(label=f"{part}  (n = {int(own['samples'].sum()):,})", **_fill(part)))
    centres = (data["low"] + data["high"]).unique() / 2
    sign = "+" if label_range[0] < 0 else ""
    ax.set_xticks(centres, [f"{c:{sign}.1f}" if abs(c) > 1e-9 else "0" for c in centres])
    ax.set_xlim(data["low"].min(), data["high"].max())
    ax.set_xlabel(f"label, {label_range[0]:g} (most negative) to {label_range[1]:g} (most positive)")
    ax.set_ylabel("% of the part")
    ax.set_title(title, loc="left")
    ax.grid(visible=False, axis="x")
    _finish(ax)
    ax.legend(handles=handles, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    return figure


def _draw_lengths(data: pd.DataFrame, title: str) -> Figure:
    """Draw a panel per modality, with the parts as outlines over each other."""
    panels = list(dict.fromkeys(data["panel"]))
    figure = Figure(figsize=(max(3.0, _WIDTH * len(panels) / 3 + 0.6 * (len(panels) < 3)), 2.3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(figure.subplots(1, len(panels)))
    for ax, panel in zip(axes, panels, strict=True):
        here = data[data["panel"] == panel]
        for part, line in zip(_PARTS, ("-", "--", ":"), strict=True):
            own = here[here["part"] == part]
            if own["samples"].sum() == 0:
                continue
            edges = np.append(own["low"], own["high"].iloc[-1])
            share = 100 * own["share"].to_numpy(np.float64)
            ax.stairs(share, edges, color=_COLOURS[part], linestyle=line, linewidth=1.4, label=part)
            if part == "train":
                ax.stairs(share, edges, color=_COLOURS[part], fill=True, alpha=0.12, linewidth=0)
        ax.set_title(panel, loc="left")
        ax.set_xlabel("words or tokens" if panel == "text" else "frames")
        _finish(ax)
        low, high = float(here["low"].min()), float(here["high"].max())
        ax.set_xlim(low, high)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        if high - low <= 1.0:  # all samples are equally long: one bar, with room beside it
            ax.set_xlim(low - 1, high + 1)
            ax.set_xticks([(low + high) / 2])
    axes[0].set_ylabel("% of the part")
    axes[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, handlelength=2.4)
    figure.suptitle(f"{title}: length where recorded", fontsize=8.5, x=0.01, ha="left")
    return figure


def _fill(part: str) -> dict[str, Any]:
    return {"facecolor": _COLOURS[part], "edgecolor": "white", "linewidth": 0.4, "hatch": _HATCHES[part]}


def _finish(ax: Axes) -> None:
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=3))
    ax.tick_params(length=2.5, width=0.7, pad=2)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
