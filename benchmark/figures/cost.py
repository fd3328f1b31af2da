"""Accuracy against cost: model size, training and inference time, and the accuracy they bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.point_values import band_note, best_first, labels_of
from benchmark.evaluation.protocol_results import ORACLE, protocol_names, protocol_points, sizes_of
from benchmark.evaluation.statistics import DRAWS, confidence_intervals
from benchmark.figures.axes import finish, power_of_ten
from benchmark.figures.emphasis import emphasised
from benchmark.figures.kinds import FigureRequest, Item, register_figure, suffix_of
from benchmark.figures.sheet import USUAL_SIZE, draw_legend, fitting, make_sheet
from benchmark.figures.style import OTHERS, Style, styles
from benchmark.figures.writing import figure
from protocols import InputError, unknown_name

#: Columns of `Panel.runs` that are costs, with the label of their axis.
COSTS = {
    "parameters": "parameters",
    "train_seconds": "training (s)",
    "inference_ms": "inference (ms a sample)",
    "peak_memory_mb": "peak memory (MB)",
}
_COLUMNS = (
    "model", "metric", "cost", "cost_value", "mean", "low", "high", "sd", "seeds", "level", "flag", "front",
    "mask_informed",
)  # fmt: skip
#: Models drawn as lines, not points: bounds whose cost does not compare.
_BOUNDS = ("constant", ORACLE)


def cost_data(
    panel: Panel,
    protocol: str | None = None,
    metric: str = "mae",
    costs: Sequence[str] = ("parameters", "train_seconds", "inference_ms"),
    *,
    draws: int = DRAWS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute the data of the figure.

    Returns:
        One row per (cost, model): `model`, `metric`, `cost` (one of `COSTS`), `cost_value` (mean over seeds; NaN where
        it is not known or 0), `mean` of the metric over the protocol's scenarios, then seeds, `low`, `high` of its
        interval, `sd` (over seeds), `seeds`, `level`, `flag` (as `confidence_intervals`), `front` (no model is at least
        as good and as cheap and better in one of the two; `constant` and `oracle` take no part), `mask_informed`.

    Raises:
        InputError: for an unknown protocol, metric or cost.
    """
    for cost in costs:
        if cost not in COSTS:
            raise unknown_name("cost", cost, COSTS)
        if cost not in panel.runs:
            raise InputError(f"panel: runs have no column '{cost}'; found {', '.join(map(str, panel.runs.columns))}")
    panel.check_metrics([metric])
    points = protocol_points(panel, protocol)
    scenarios = [str(s) for s in points["scenario"]]
    values = confidence_intervals(
        panel.estimates(scenarios, [metric], draws=draws), {str(points["protocol"].iloc[0]): scenarios}, level=level
    )
    values = values.rename(columns={"value": "mean"})
    values["level"] = level
    values["mask_informed"] = values["model"].isin(panel.mask_informed)
    spent = panel.runs.groupby("model")[list(costs)].mean()
    tables = []
    for cost in costs:
        own = values.assign(cost=cost)
        worth = own["model"].map(spent[cost]).to_numpy(np.float64)
        own["cost_value"] = np.where(worth > 0, worth, np.nan)
        entered = np.where(own["model"].isin(_BOUNDS), np.nan, own["cost_value"].to_numpy(np.float64))
        sign = -1.0 if METRICS[metric].higher_is_better else 1.0
        own["front"] = pareto_front(entered, sign * own["mean"].to_numpy(np.float64))
        tables.append(own)
    return pd.concat(tables, ignore_index=True)[list(_COLUMNS)]


def pareto_front(cost: npt.NDArray[np.float64], loss: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Find values for which no other has at most this cost and this loss, and less of one; NaN take no part; `(n,)`."""
    known = np.isfinite(cost) & np.isfinite(loss)
    cheaper, better = cost[None, :] <= cost[:, None], loss[None, :] <= loss[:, None]
    strictly = (cost[None, :] < cost[:, None]) | (loss[None, :] < loss[:, None])
    beaten = (cheaper & better & strictly & known[None, :]).any(axis=1)
    return known & ~beaten


def _check_costs(data: pd.DataFrame, models: Sequence[str] | None) -> None:
    if not np.isfinite(data["cost_value"].to_numpy(np.float64)).any():
        raise InputError("no model's cost is known, so there is nothing to draw it against; run the models here")


@figure(columns=_COLUMNS, maker="cost_data", check=_check_costs)
def plot_cost(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Draw a panel per cost, with the Pareto front as a line through framed points."""
    metric = str(data["metric"].iloc[0])
    costs = list(dict.fromkeys(data["cost"].astype(str)))
    order = best_first(data, metric)
    shown = emphasised(order, models, limit=12)
    if not models:
        front = set(data.loc[data["front"].astype(bool), "model"])
        shown = [m for m in order if m in shown or m in front]
    known = set(data.loc[np.isfinite(data["cost_value"]), "model"])
    listed = [m for m in shown if m in known or m in _BOUNDS]
    others = [m for m in order if m not in shown and m in known and m not in _BOUNDS]
    unknown = [m for m in order if m not in known and m not in _BOUNDS]
    labels = [labels_of(data)[m] for m in listed] + ([f"{len(others)} other models"] if others else [])
    labels.append("Pareto front")
    meaning = band_note(data, "Bars", "Not drawn")
    meaning += " Costs are means over the runs, as measured on the machine that ran them."
    meaning += f" Cost not known: {', '.join(unknown)}." if unknown else ""
    wide = width >= 5
    shape = (-(-len(costs) // 3), min(3, len(costs))) if wide else (len(costs), 1)
    sheet = make_sheet(
        width,
        shape,
        2.2 if wide else 1.85,
        count=len(costs),
        title=title,
        note=" ".join(filter(None, (note, meaning))),
        legend=labels,
        sharey=True,
    )
    looks = styles(order)
    for i, (ax, cost) in enumerate(zip(sheet.axes, costs, strict=True)):
        _panel(ax, data[data["cost"] == cost], metric, listed, others, looks)
        label = f"{COSTS.get(cost, cost)}, log scale"
        ax.set_xlabel(label, fontsize=fitting(label, USUAL_SIZE, 0.85 * width / shape[1]))
        if i % shape[1] == 0:
            ax.set_ylabel(METRICS[metric].heading + (" (%)" if METRICS[metric].percent else ""))
        else:
            ax.tick_params(labelleft=False)
    handles: list[Artist] = [_handle(looks[m], bound=m in _BOUNDS) for m in listed]
    handles += [_handle(OTHERS, bound=False)] if others else []
    handles.append(Line2D([], [], color="#555555", linewidth=0.9, marker="o", markerfacecolor="none", markersize=6))
    draw_legend(sheet, handles, labels)
    return sheet.figure


def _panel(
    ax: Axes, data: pd.DataFrame, metric: str, shown: Sequence[str], others: Sequence[str], looks: dict[str, Style]
) -> None:
    factor = 100.0 if METRICS[metric].percent else 1.0
    rows = data.set_index("model")
    numbers = rows[["cost_value", "mean", "low", "high"]].to_numpy(np.float64)
    place = {model: i for i, model in enumerate(rows.index)}
    for model in [*others, *reversed(shown)]:
        cost, mean, low, high = numbers[place[model]]
        look = looks[model] if model in shown else OTHERS
        if not np.isfinite(mean):
            continue
        if model in _BOUNDS:
            ax.axhline(factor * mean, color=look.colour, linestyle=look.line, linewidth=1.1, zorder=2)
        elif np.isfinite(cost):
            ax.plot([cost, cost], [factor * low, factor * high], color=look.colour, linewidth=1.0, zorder=3)
            ax.plot(
                cost,
                factor * mean,
                marker=look.marker or "o",
                color=look.colour,
                markersize=5.4 if model in shown else 3,
                markeredgecolor="white",
                markeredgewidth=0.3,
                zorder=5 if model in shown else 4,
            )
    front = data[data["front"].astype(bool)].sort_values("cost_value")
    ax.plot(
        front["cost_value"],
        factor * front["mean"],
        color="#555555",
        linewidth=0.9,
        drawstyle="steps-post",
        marker="o",
        markersize=8.5,
        markerfacecolor="none",
        markeredgewidth=0.8,
        zorder=4,
    )
    ax.set_xscale("log")
    known = data.loc[np.isfinite(data["cost_value"]) & ~data["model"].isin(_BOUNDS), "cost_value"].to_numpy(np.float64)
    if len(known):
        # with room beside the outermost numbers, so that those of neighbouring panels do not touch
        ax.set_xlim(10 ** (np.floor(np.log10(known.min())) - 0.25), 10 ** (np.ceil(np.log10(known.max())) + 0.25))
    ax.xaxis.set_major_locator(LogLocator(numticks=6))
    ax.xaxis.set_major_formatter(lambda value, _: power_of_ten(value))
    ax.xaxis.set_minor_formatter(NullFormatter())
    finish(ax)


def _handle(look: Style, *, bound: bool) -> Line2D:
    if bound:
        return Line2D([], [], color=look.colour, linestyle=look.line, linewidth=1.1)
    return Line2D(
        [], [], color=look.colour, linestyle="none", marker=look.marker or "o", markersize=5.4, markeredgecolor="none"
    )


@register_figure("cost", shows="accuracy against cost", nothing="nothing was evaluated")
def _costs(panel: Panel, request: FigureRequest) -> Iterator[Item]:
    name = request.main(protocol_names(panel))
    for metric in request.known(panel, ["mae"]):
        title, data = f"{METRICS[metric].title} under {name} against cost", cost_data(panel, name, metric)
        yield Item(plot_cost, data, (name, "cost", suffix_of(metric)), title, sizes_of(panel))
