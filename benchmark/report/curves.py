"""Curves over the axis of a protocol: how models degrade, with bands, as a CSV and the figure drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.metrics import METRICS, metric_names
from benchmark.panel import Panel
from benchmark.report.estimates import estimate, protocol_points
from benchmark.report.figures import FORMATS, TEXT_WIDTH, beside, check_formats, figure_style, replace_file, save_figure
from benchmark.report.style import Style, styles
from benchmark.statistics import DRAWS, confidence_intervals
from protocols import InputError, unknown_name

_COLUMNS = ("model", "metric", "axis", "x", "scenario", "mean", "low", "high", "sd", "seeds", "flag", "mask_informed")


def plottable(panel: Panel, protocol: str) -> bool:
    """Whether a protocol is a curve: one numeric axis with at least two different values."""
    points = protocol_points(panel, protocol)
    x = points["x"].to_numpy(np.float64)
    one_axis = points["axis"].nunique() == 1 and points["axis"].iloc[0] != "" and (points["axis2"] == "").all()
    return bool(len(x) > 1 and np.isfinite(x).all() and len(np.unique(x)) == len(x) and one_axis)


def default_metrics(label_range: tuple[float, float]) -> tuple[str, ...]:
    """The metrics of a figure: MAE, Acc-5 and F1 without neutral samples, or their like on another scale."""
    known = metric_names(label_range)
    return tuple(m for m in ("mae", "acc5", "f1_non0", "acc5_sims", "f1_sims") if m in known)


def curve_data(
    panel: Panel,
    protocol: str | None = None,
    metrics: Sequence[str] | None = None,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """What the figure shows.

    Returns:
        One row a (model, metric, point of the axis): `model`, `metric`, `axis`, `x`, `scenario`, `mean` (over seeds;
        shares, not per cent), `low`, `high` (of the interval, over videos and seeds), `sd` (over seeds), `seeds`,
        `flag` (what the interval leaves out; `hole`: a seed is missing here and there is no value), `mask_informed`
        (the model is told at test time what is missing; the legend says so).

    Raises:
        InputError: if the protocol has no numeric axis, or a metric is unknown.
    """
    points = protocol_points(panel, protocol)
    name = str(points["protocol"].iloc[0])
    if not plottable(panel, name):
        raise InputError(
            f"protocol '{name}' has no single numeric axis to draw a curve over; use a table of it instead"
        )
    known = metric_names(panel.label_range)
    chosen = tuple(metrics or default_metrics(panel.label_range))
    for metric in chosen:
        if metric not in known:
            raise unknown_name(f"metric of label range {panel.label_range}", metric, known)
    scenarios = [str(s) for s in points["scenario"]]
    estimates = estimate(panel, scenarios, chosen, draws=draws, seed=seed)
    table = confidence_intervals(estimates, {s: (s,) for s in scenarios}, level=level)
    table = table.rename(columns={"value": "mean", "group": "scenario"})
    table["x"] = table["scenario"].map(dict(zip(scenarios, points["x"], strict=True)))
    table["axis"] = str(points["axis"].iloc[0])
    table["mask_informed"] = table["model"].isin(panel.mask_informed)
    order = {metric: i for i, metric in enumerate(chosen)}
    table = table.sort_values(
        ["metric", "model", "x"], key=lambda c: c.map(order) if c.name == "metric" else c, kind="stable"
    )
    return table.reset_index(drop=True)[list(_COLUMNS)]


def read_curve_data(path: Path | str) -> pd.DataFrame:
    """The CSV beside a figure, as `curve_data` made it; a model may even be called `NA`."""
    numbers = {name: [""] for name in ("x", "mean", "low", "high", "sd")}
    return pd.read_csv(path, keep_default_na=False, na_values=numbers, dtype={"model": str, "scenario": str})


def plot_curves(
    data: pd.DataFrame,
    out: Path | str,
    title: str = "",
    *,
    width: float = TEXT_WIDTH,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write the data as CSV and, read back from it, the figure.

    Args:
        data: From `curve_data`.
        out: Path without ending; the folder must exist.
        title: Above the figure.
        width: Inches: panels stand side by side from 5 inches on, below each other in a single column.
        formats: Of the figure.

    Returns:
        The files: the CSV first. Each is written beside and renamed into place.

    Raises:
        InputError: if the folder does not exist, a column is missing, or a format is unknown.
    """
    stem = Path(out)
    absent = [name for name in _COLUMNS if name not in data]
    if absent:
        raise InputError(f"curve data has no column '{absent[0]}'; make it with curve_data")
    if data.empty:
        raise InputError("curve data has no rows; evaluate at least one model under the protocol")
    if not stem.parent.is_dir():
        raise InputError(f"{stem.parent}: no such folder; create it or choose another")
    check_formats(formats)
    table = beside(stem, "csv")
    replace_file(table, lambda path: data.to_csv(path, index=False))
    with figure_style():
        return [table, *save_figure(_draw(read_curve_data(table), title, width), stem, formats)]


def _draw(data: pd.DataFrame, title: str, width: float) -> Figure:
    metrics = list(dict.fromkeys(data["metric"].astype(str)))
    wide = width >= 5
    shown = styles(data["model"].astype(str))
    order = _legend_order(data, metrics[0])
    columns = min(len(metrics), 3) if wide else 1
    rows = -(-len(metrics) // columns)
    informed = set(data.loc[data["mask_informed"].astype(bool), "model"].astype(str))
    labels = {model: f"{model} (mask-informed)" if model in informed else model for model in order}
    widest = max(len(label) for label in labels.values())
    per_row = max(1, min(len(order), int(width / (0.45 + 0.057 * widest))))
    legend_height = 0.17 * -(-len(order) // per_row) + 0.08
    panel_height = 2.1 if wide else 1.75
    height = rows * panel_height + legend_height + (0.28 if title else 0.0) + 0.1
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=[height - legend_height, legend_height]))
    grid = upper.subplots(rows, columns, squeeze=False, sharex=not wide)
    axes: list[Axes] = list(grid.ravel())
    for unused in axes[len(metrics) :]:
        unused.set_visible(False)
    for i, (ax, metric) in enumerate(zip(axes, metrics, strict=False)):
        last = wide or i == len(metrics) - 1
        _panel(ax, data[data["metric"] == metric], metric, order, shown, label_x=last)
    if title:
        figure.suptitle(title, fontsize=9)
    lines = {line.get_label(): line for line in axes[0].get_lines()}
    handles = [lines[model] for model in order]
    lower.legend(
        handles, list(labels.values()), loc="center", ncols=per_row, frameon=False, handlelength=2.4, columnspacing=1.2
    )
    return figure


def _panel(
    ax: Axes, data: pd.DataFrame, metric: str, order: Sequence[str], shown: dict[str, Style], *, label_x: bool
) -> None:
    kind = METRICS[metric]
    factor = 100.0 if kind.percent else 1.0
    for depth, model in enumerate(reversed(order)):
        own = data[data["model"].astype(str) == model].sort_values("x")
        look = shown[model]
        x = own["x"].to_numpy(np.float64)
        mean, low, high = (factor * own[c].to_numpy(np.float64) for c in ("mean", "low", "high"))
        ax.fill_between(x, low, high, color=look.colour, alpha=0.10, linewidth=0, zorder=2)
        dash, thick = look.line, 1.3 if look.marker else 1.1
        ax.plot(
            x,
            mean,
            color=look.colour,
            linestyle=dash,
            linewidth=thick,
            marker=look.marker or "None",
            markersize=3.6,
            markeredgewidth=0.4,
            markeredgecolor="white",
            label=model,
            zorder=3 + depth,
        )
    ax.set_title(f"{kind.heading}{' (%)' if kind.percent else ''}", loc="left", pad=4)
    x = np.unique(data["x"].to_numpy(np.float64))
    ax.set_xticks(x if len(x) <= 6 else x[::2], minor=False)
    ax.set_xticks(x, minor=True)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    margin = 0.03 * (x[-1] - x[0])
    ax.set_xlim(x[0] - margin, x[-1] + margin)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10], min_n_ticks=4))
    ax.tick_params(length=2.5, width=0.7, pad=2)
    ax.tick_params(which="minor", length=1.5)
    sns.despine(ax=ax)
    if label_x:
        ax.set_xlabel(str(data["axis"].iloc[0]))


def _legend_order(data: pd.DataFrame, metric: str) -> list[str]:
    """Best first by the first metric, so that legend and curves run alike; models without values last."""
    own = data[data["metric"] == metric]
    means = own.groupby(own["model"].astype(str))["mean"].mean()
    return [str(m) for m in means.sort_values(ascending=not METRICS[metric].higher_is_better, kind="stable").index]
