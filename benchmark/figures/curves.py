"""Curves over the axis of a protocol: how models degrade, with bands, as a CSV and the figure drawn from it.

A protocol whose points lie on several axes (`noise`: signal-to-noise ratio, token error rate) has a panel for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmark.evaluation.metrics import METRICS, metric_names
from benchmark.evaluation.panel import TOLD, Panel
from benchmark.evaluation.point_values import band_note, best_first, labels_of, point_values
from benchmark.evaluation.protocol_results import CONSTANT, ORACLE, shape_of, sizes_of
from benchmark.evaluation.statistics import DRAWS, compare
from benchmark.figures.axes import axis_label, finish, number_axis
from benchmark.figures.emphasis import emphasised
from benchmark.figures.kinds import FigureRequest, Item, protocols_of, register_figure
from benchmark.figures.sheet import draw_legend, make_sheet
from benchmark.figures.style import OTHERS, Style, styles
from benchmark.figures.writing import figure
from protocols import InputError, unknown_name

_COLUMNS = (
    "model", "metric", "axis", "x", "order", "scenario", "mean", "low", "high", "sd", "seeds", "level", "flag",
    "mask_informed",
)  # fmt: skip


def default_metrics(label_range: tuple[float, float]) -> tuple[str, ...]:
    """Return the metrics of a figure: MAE, Acc-5 and F1 without neutral samples, or their equivalents."""
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
    """Compute the data of the figure.

    Returns:
        One row per (model, metric, point): `model`, `metric`, `axis` (the one on which this point lies), `x`, `order`
        (of the protocol, from easy to hard), `scenario`, `mean` (over seeds; shares, not per cent), `low`, `high` (of
        the interval, over videos and seeds), `sd` (over seeds), `seeds`, `level` (of the interval), `flag` (limits of
        the interval; `hole`: a seed is missing here, so there is no value), `mask_informed` (the model reads the
        masks at test time; marked in the legend). Where gaps do not show, a model that was told where they are has rows
        of its own, `MODEL, told`.

    Raises:
        InputError: if the protocol has no numeric axis, or a metric is unknown.
    """
    shape = shape_of(panel, protocol)
    name = shape.protocol
    if not shape.curves:
        raise InputError(f"protocol '{name}' has no numeric axis to draw a curve over; use a table or heat map instead")
    chosen = panel.check_metrics(metrics or default_metrics(panel.label_range))
    values = point_values(panel, name, chosen, draws=draws, level=level, seed=seed)
    if panel.told is not None and set(panel.told.cells["scenario"]) & set(values["scenario"]):
        told = point_values(panel.told, name, chosen, draws=draws, level=level, seed=seed)
        values = pd.concat([values, told[told["model"].str.endswith(TOLD)]], ignore_index=True)
    return values[list(_COLUMNS)]


def _check_models(data: pd.DataFrame, models: Sequence[str] | None) -> None:
    if models:
        emphasised(list(dict.fromkeys(data["model"].astype(str))), models)


@figure(columns=_COLUMNS, maker="curve_data", check=_check_models)
def plot_curves(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Curves over the rates of a protocol, a panel per metric and axis."""
    metrics = list(dict.fromkeys(data["metric"].astype(str)))
    axes = list(dict.fromkeys(data["axis"].astype(str)))
    order = best_first(data, metrics[0])
    shown = emphasised(order, models)
    others = [model for model in order if model not in shown]
    labels = [labels_of(data)[model] for model in shown] + ([f"{len(others)} other models"] if others else [])
    note = " ".join(filter(None, (note, band_note(data), _meaning(data))))
    note += " The other models are named in the CSV." if others else ""
    wide = width >= 5
    if wide:  # a row an axis
        per_row = min(len(metrics), 3)
        rows_per_axis = -(-len(metrics) // per_row)
        shape = (len(axes) * rows_per_axis, per_row)
        places = [(a, m) for a in axes for m in [*metrics, *[""] * (rows_per_axis * per_row - len(metrics))]]
    else:  # a column an axis, as long as two fit
        per_row = len(axes) if len(axes) <= 2 else 1
        shape = (len(metrics) * len(axes) // per_row, per_row)
        places = [(a, m) for m in metrics for a in axes]
    height = 2.05 if wide else 1.55 if per_row > 1 else 1.7
    sheet = make_sheet(width, shape, height, title=title, note=note, legend=labels)
    looks = styles(order)
    drawn: dict[str, list[Axes]] = {}
    handles: dict[str, Line2D] = {}
    for i, (ax, (axis, metric)) in enumerate(zip(sheet.axes, places, strict=True)):
        if not metric:
            ax.set_visible(False)
            continue
        here = data[(data["metric"] == metric) & (data["axis"].astype(str) == axis)]
        handles |= _panel(ax, here, metric, shown, others, looks)
        below = [p for p in places[i + per_row :: per_row] if p[1]]
        if wide or not any(p[0] == axis for p in below):
            ax.set_xlabel(axis_label(axis, here, narrow=not wide and per_row > 1))
        else:
            ax.tick_params(labelbottom=False)
        drawn.setdefault(metric, []).append(ax)
    for panels in drawn.values():  # panels of one metric share its scale, whatever lies on their axes
        limits = np.array([ax.get_ylim() for ax in panels])
        for ax in panels:
            ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    draw_legend(sheet, [handles[model] for model in [*shown, *others[:1]]], labels)
    return sheet.figure


def _meaning(data: pd.DataFrame) -> str:
    if "against" not in data:
        return ""
    return (
        f"Δ: difference to {data['against'].iloc[0]} on the same videos and seeds, each point separately; better is "
        "below 0 for ↓ and above 0 for ↑."
    )


def _panel(
    ax: Axes, data: pd.DataFrame, metric: str, shown: Sequence[str], others: Sequence[str], looks: dict[str, Style]
) -> dict[str, Line2D]:
    """Draw one panel; returns the line of every model."""
    kind = METRICS[metric]
    against = str(data["against"].iloc[0]) if "against" in data else ""
    if against:
        ax.axhline(0, color="black", linewidth=0.8, zorder=2)
    factor = 100.0 if kind.percent else 1.0
    lines = {}
    for depth, model in enumerate([*others, *reversed(shown)]):
        own = data[data["model"].astype(str) == model].sort_values("order")
        x = own["x"].to_numpy(np.float64)
        mean, low, high = (factor * own[c].to_numpy(np.float64) for c in ("mean", "low", "high"))
        look = looks[model] if model in shown else OTHERS
        if model in shown:
            ax.fill_between(x, low, high, color=look.colour, alpha=0.08, linewidth=0, zorder=2)
            for edge in (low, high):  # bands that overlap are told apart by their edges
                ax.plot(x, edge, color=look.colour, linestyle=look.line, linewidth=0.5, alpha=0.7, zorder=2)
        (lines[model],) = ax.plot(
            x,
            mean,
            color=look.colour,
            linestyle=look.line,
            linewidth=(1.3 if look.marker else 1.1) if model in shown else 0.6,
            marker=look.marker or "None",
            markersize=3.6,
            markeredgewidth=0.4,
            markeredgecolor="white",
            label=model,
            zorder=3 + depth,
        )
    ax.set_title(f"{'Δ ' if against else ''}{kind.heading}{' (%)' if kind.percent else ''}", loc="left", pad=4)
    number_axis(ax, data)
    finish(ax)
    return lines


def difference_data(
    panel: Panel,
    protocol: str | None,
    against: str,
    metrics: Sequence[str] | None = None,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute paired differences of all models to one of them, point by point.

    Returns:
        The columns of `curve_data`, of which `mean`, `low` and `high` are those of the difference, a model minus
        `against`, by `statistics.compare`, and `sd` is NaN; then `against`. The oracle, models that were told and the
        constant predictor are left out unless they are compared with.

    Raises:
        InputError: as `curve_data`, and if the model was not evaluated for every seed under some point.
    """
    data = curve_data(panel, protocol, metrics, draws=draws, level=level)
    scenarios = [str(s) for s in dict.fromkeys(data["scenario"])]
    estimates = panel.estimates(scenarios, list(dict.fromkeys(data["metric"])), draws=draws)
    if against not in estimates:
        raise unknown_name("model to compare with", against, estimates)
    if estimates[against].holes(scenarios):
        raise InputError(f"model '{against}': not evaluated for every seed; run it, or compare with another")
    bounds = {name for name in data["model"] if name.endswith(TOLD)} | {ORACLE, CONSTANT}
    data = data[~data["model"].isin({against, *bounds})].assign(against=against, sd=np.nan)
    data = data.astype({"mean": float, "low": float, "high": float}).reset_index(drop=True)
    for i in data.index[data["flag"] != "hole"]:
        metric, scenario = str(data.at[i, "metric"]), str(data.at[i, "scenario"])
        found = compare(estimates[str(data.at[i, "model"])], estimates[against], metric, [scenario], level=level)
        data.loc[i, ["mean", "low", "high"]] = found[["difference", "low", "high"]].to_numpy(np.float64)
    return data


@register_figure(
    "curves", shows="curves over rates", nothing="no protocol has a numeric axis, such as inter-drop or intra-random"
)
def _curves(panel: Panel, request: FigureRequest) -> Iterator[Item]:
    for name in protocols_of(panel, request):
        if shape_of(panel, name).curves:
            metrics = request.known(panel, default_metrics(panel.label_range))
            if request.against:
                data = difference_data(panel, name, request.against, metrics)
                title = f"{name}, paired differences to {request.against}"
                yield Item(plot_curves, data, (name, "against", request.against), title, sizes_of(panel))
            else:
                yield Item(plot_curves, curve_data(panel, name, metrics), (name,), name, sizes_of(panel))
