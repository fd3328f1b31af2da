"""One row per model, one panel per protocol: values, or paired differences to one model, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import TOLD, Panel
from benchmark.evaluation.point_values import band_note, best_first, labels_of
from benchmark.evaluation.protocol_results import CONSTANT, ORACLE, protocol_names, protocol_points, sizes_of
from benchmark.evaluation.statistics import DRAWS, compare, confidence_intervals
from benchmark.figures.axes import finish
from benchmark.figures.kinds import FigureRequest, Item, protocols_of, register_figure, suffix_of
from benchmark.figures.sheet import USUAL_SIZE, fitting, make_sheet, text_size
from benchmark.figures.style import styles
from benchmark.figures.writing import figure
from protocols import InputError, unknown_name

_COLUMNS = ("model", "protocol", "metric", "mean", "low", "high", "seeds", "level", "flag", "mask_informed")
#: Most panels in a row of a wide figure.
_PER_ROW = 4


def overview_data(
    panel: Panel,
    protocols: Sequence[str],
    metric: str = "mae",
    against: str | None = None,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute the data of the figure.

    Args:
        panel: Results on one data set.
        protocols: Names of protocols.
        metric: Name of a metric.
        against: Model that all others are compared with; None for the values themselves.
        draws: Number of bootstrap draws.
        level: Confidence level of the intervals.

    Returns:
        One row per (protocol, model): `model`, `protocol`, `metric`, `mean` over the protocol's scenarios, then seeds,
        with `low` and `high` of its interval, or all three of the paired difference to `against`; `seeds`, `level`,
        `flag` (as `confidence_intervals`), `mask_informed`, and `against` where there is one. Where gaps do not show, a
        model that was told where they are has rows of its own, `MODEL, told`. These, the oracle and the constant
        predictor are left out of differences.

    Raises:
        InputError: for an unknown protocol, metric or model, or if `against` was not evaluated for every seed.
    """
    panel.check_metrics([metric])
    found = {name: [str(s) for s in protocol_points(panel, name)["scenario"]] for name in protocols}
    every = list(dict.fromkeys(s for scenarios in found.values() for s in scenarios))
    estimates = panel.estimates(every, [metric], draws=draws)
    tables = [confidence_intervals(estimates, found, level=level)]
    if panel.told is not None and against is None:
        told = panel.told.estimates([s for s in every if s in set(panel.told.cells["scenario"])], [metric], draws=draws)
        own = {
            name: scenarios for name, scenarios in found.items() if set(scenarios) <= set(panel.told.cells["scenario"])
        }
        tables.append(confidence_intervals({n: e for n, e in told.items() if n.endswith(TOLD)}, own, level=level))
    data = pd.concat(tables, ignore_index=True).rename(columns={"value": "mean", "group": "protocol"})
    data["level"] = level
    data["mask_informed"] = data["model"].isin(panel.mask_informed)
    data = data[list(_COLUMNS)]
    if against is None:
        return data.reset_index(drop=True)
    if against not in estimates:
        raise unknown_name("model to compare with", against, estimates)
    data = data[~data["model"].isin({against, ORACLE, CONSTANT})].assign(against=against).reset_index(drop=True)
    for i in data.index[data["flag"] != "hole"]:
        scenarios = found[str(data.at[i, "protocol"])]
        pair = compare(estimates[str(data.at[i, "model"])], estimates[against], metric, scenarios, level=level)
        data.loc[i, ["mean", "low", "high"]] = pair[["difference", "low", "high"]].to_numpy(np.float64)
    return data


def _check_models(data: pd.DataFrame, models: Sequence[str] | None) -> None:
    for name in models or ():
        if name not in set(data["model"]):
            raise unknown_name("model of the figure", name, list(dict.fromkeys(data["model"])))


@figure(columns=_COLUMNS, maker="overview_data", check=_check_models)
def plot_overview(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Draw a panel per protocol, on one scale, with a row per model, the best mean on top."""
    data = data[data["model"].isin(models)] if models else data
    metric, protocols = METRICS[str(data["metric"].iloc[0])], list(dict.fromkeys(data["protocol"].astype(str)))
    against = str(data["against"].iloc[0]) if "against" in data else ""
    order = best_first(data, metric.name)
    names, looks = labels_of(data), styles(order)
    rows = -(-len(protocols) // (_PER_ROW if width >= 5 else 1))
    per_row = -(-len(protocols) // rows)
    texts = [note, band_note(data, "Bars", "Not drawn")]
    if against:
        better = "above" if metric.higher_is_better else "below"
        texts.append(f"Differences to {against} on the same videos, each alone, not corrected; better is {better} 0.")
    sheet = make_sheet(
        width,
        (rows, per_row),
        0.62 + text_size(0.155) * len(order),
        count=len(protocols),
        title=title,
        note=" ".join(filter(None, texts)),
        sharex=True,
        sharey=True,
    )
    factor = 100.0 if metric.percent else 1.0
    places = {model: i for i, model in enumerate(order)}
    for i, (ax, protocol) in enumerate(zip(sheet.axes, protocols, strict=True)):
        for row in data[data["protocol"] == protocol].to_dict("records"):
            model = str(row["model"])
            look, y = looks[model], places[model]
            mean, low, high = (factor * float(row[name]) for name in ("mean", "low", "high"))
            ax.plot([low, high], [y, y], color=look.colour, linewidth=1.2, zorder=2)
            ax.plot(mean, y, marker=look.marker or "|", color=look.colour, markersize=3.6, linestyle="none", zorder=3)
        if against:
            ax.axvline(0, color="black", linewidth=0.8, zorder=1)
        ax.set_title(protocol, loc="left", pad=4, fontsize=fitting(protocol, USUAL_SIZE, 0.6 * width / per_row))
        ax.tick_params(labelbottom=i + per_row >= len(protocols))
        if i + per_row >= len(protocols):
            ax.set_xlabel(f"{'Δ ' if against else ''}{metric.heading}{' (%)' if metric.percent else ''}")
        finish(ax)
    first = sheet.axes[0]
    first.set_yticks(range(len(order)), [names[model] for model in order])
    first.set_ylim(len(order) - 0.4, -0.6)
    return sheet.figure


@register_figure("overview", shows="values of all models by protocol", nothing="nothing was evaluated")
def _overview(panel: Panel, request: FigureRequest) -> Iterator[Item]:
    names = protocols_of(panel, request)
    if not names:
        raise InputError(f"{panel.dataset}: none of {', '.join(protocol_names(panel))} was chosen")
    for metric in request.known(panel, ["mae"]):
        data = overview_data(panel, names, metric, request.against)
        stem = (
            request.protocol or "",
            "overview",
            suffix_of(metric),
            *(("against", request.against) if request.against else ()),
        )
        title = METRICS[metric].title + (f", paired differences to {request.against}" if request.against else "")
        yield Item(plot_overview, data, stem, f"{title} by protocol", sizes_of(panel))
