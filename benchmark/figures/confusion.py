"""Confusion matrices of a classified sentiment, such as the seven classes of Acc-7: a panel per model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from benchmark.evaluation.metrics import METRICS, scale_of
from benchmark.evaluation.panel import Panel
from benchmark.figures.emphasis import emphasised
from benchmark.figures.heatmap import bare, draw_cells, value_bar
from benchmark.figures.kinds import FigureRequest, Item, register_figure
from benchmark.figures.sheet import make_sheet
from benchmark.figures.writing import figure
from protocols import InputError, leaves_everything, unknown_name

_COLUMNS = (
    "model",
    "metric",
    "scenario",
    "true",
    "predicted",
    "samples",
    "share",
    "accuracy",
    "seeds",
    "mask_informed",
)
#: Names of classes that are not numbers, by metric.
_NAMES = {
    "acc5_sims": ("negative", "weakly negative", "neutral", "weakly positive", "positive"),
    "acc3_sims": ("negative", "neutral", "positive"),
}
_LIMIT = 6
_KEPT = ("senti-ifusion", "text-only", "late-fusion-dropout")


def class_metrics(label_range: tuple[float, float]) -> tuple[str, ...]:
    """Return the metrics that have a confusion matrix of more than two classes, the finest first.

    Raises:
        InputError: for a label range without classes.
    """
    classes = tuple(scale_of(label_range).classes)
    if not classes:
        low, high = label_range
        raise InputError(f"labels from {low:g} to {high:g} have no classes; map them at import with --map-labels -3 3")
    return classes


def confusion_data(
    panel: Panel, scenario: str | None = None, metric: str | None = None, models: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compute how the true classes are predicted, seeds pooled.

    Args:
        panel: Predictions.
        scenario: As in `Panel.cells`; default: `complete` or the like, else the first one.
        metric: One of `class_metrics`; default: the finest.
        models: Names; default: all.

    Returns:
        One row per (model, true class, predicted class), models with the highest accuracy first: `model`, `metric`,
        `scenario`, `true`, `predicted` (names of classes, from most negative to most positive), `samples` (all seeds
        together), `share` (of the true class, NaN where it is empty), `accuracy` (of the model), `seeds`,
        `mask_informed`.

    Raises:
        InputError: for a scenario, metric or model without results, or labels without classes.
    """
    known = [str(s) for s in dict.fromkeys(panel.cells["scenario"])]
    chosen = scenario or min(known, key=lambda name: (name != "complete", not leaves_everything(name)))
    if chosen not in known:
        raise unknown_name("scenario that was evaluated", chosen, known)
    metrics = class_metrics(panel.label_range)
    name = metric or metrics[0]
    if name not in metrics:
        raise unknown_name(f"metric with classes of label range {panel.label_range}", name, metrics)
    bins = scale_of(panel.label_range).classes
    here = panel.cells[panel.cells["scenario"] == chosen]
    present = [str(m) for m in dict.fromkeys(here["model"])]
    for model in models or ():
        if model not in present:
            raise unknown_name(f"model that was evaluated under {chosen}", model, present)
    limit = int(panel.label_range[1])
    edges = bins[name](np.linspace(-limit, limit, 8 * limit + 401))
    codes = np.unique(edges)
    names = _NAMES.get(name) or tuple(f"{code:+g}" if code else "0" for code in codes)
    truth = np.searchsorted(codes, bins[name](panel.label))
    rows: list[dict[str, object]] = []
    for model in models or present:
        own = here[here["model"] == model]
        counts = np.zeros((len(codes), len(codes)))
        for cell in own.index:
            np.add.at(counts, (truth, np.searchsorted(codes, bins[name](panel.predictions[cell]))), 1)
        common = {
            "model": model,
            "metric": name,
            "scenario": chosen,
            "accuracy": float(np.trace(counts) / counts.sum()),
            "seeds": int(own["seed"].nunique()),
            "mask_informed": model in panel.mask_informed,
        }
        for i, true in enumerate(names):
            total = counts[i].sum()
            for j, predicted in enumerate(names):
                share = counts[i, j] / total if total else np.nan
                rows.append(
                    {**common, "true": true, "predicted": predicted, "samples": int(counts[i, j]), "share": share}
                )
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.sort_values("accuracy", ascending=False, kind="stable").reset_index(drop=True)


@figure(columns=_COLUMNS, maker="confusion_data", grid=False)
def plot_confusion(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Draw the matrices of the chosen models, best first.

    By default up to six models are shown: the best, the paper's model and two simple ones; not `constant`, whose matrix
    says nothing."""
    everyone = list(dict.fromkeys(data["model"].astype(str)))
    order = emphasised([m for m in everyone if models or m != "constant"] or everyone, models, limit=_LIMIT, keep=_KEPT)
    names = list(dict.fromkeys(data["true"].astype(str)))
    kind = METRICS[str(data["metric"].iloc[0])]
    counts = data[data["model"] == order[0]].groupby("true", sort=False)["samples"].sum()
    seeds = int(data.loc[data["model"] == order[0], "seeds"].iloc[0])
    sizes = ", ".join(f"{_minus(name)}: {int(counts[name]) // max(seeds, 1)}" for name in names)
    meaning = (
        f"Per cent of the samples of a true class, all seeds together; scenario {data['scenario'].iloc[0]}; "
        f"in brackets {kind.title} in per cent. Test samples by true class: {sizes}."
    )
    wide = width >= 5
    columns = min(len(order), 3 if wide else 2)
    rows = -(-len(order) // columns)
    long = max(map(len, names)) > 4  # names of classes, not numbers
    side = (0.88 * width - 0.5 - (0.8 if long else 0.0)) / columns
    height = min(side, 1.9) + 0.22
    last = 0.4 + (0.75 if long else 0.0)
    sheet = make_sheet(
        width,
        (rows, columns),
        height + last / rows,
        count=len(order),
        title=title,
        note=" ".join(filter(None, (note, meaning))),
    )
    mesh: QuadMesh | None = None
    for i, (ax, model) in enumerate(zip(sheet.axes, order, strict=True)):
        own = data[data["model"] == model]
        mesh = _panel(ax, own, names, size=6.5 if wide else 5.6)
        informed = ", mask-informed" if bool(own["mask_informed"].iloc[0]) else ""
        accuracy = kind.format(float(own["accuracy"].iloc[0]), 1)
        ax.set_title(f"{model}{informed} ({accuracy})", loc="left", pad=3, fontsize=8 if wide else 6.8)
        if i % columns == 0:
            ax.set_ylabel("true class", labelpad=2)
        else:
            ax.tick_params(labelleft=False)
        if i + columns >= len(order):
            ax.set_xlabel("predicted class", labelpad=2)
        else:
            ax.tick_params(labelbottom=False)
    if mesh is not None:
        value_bar(sheet.figure, mesh, sheet.axes, "% of the true class", share=0.03 if wide else 0.045)
    return sheet.figure


def _panel(ax: Axes, own: pd.DataFrame, names: Sequence[str], *, size: float) -> QuadMesh:
    """Put the most positive class on top, as on an axis."""
    shares = own.pivot(index="true", columns="predicted", values="share").loc[list(names), list(names)]
    values = 100 * shares.to_numpy(np.float64)
    texts = [[f"{value:.0f}" if np.isfinite(value) else "–" for value in row] for row in values]
    colours = colormaps["Blues"]
    mesh = draw_cells(ax, values, texts, colours, Normalize(0, 100), size=size)
    bare(ax)
    places = np.arange(len(names)) + 0.5
    shown = [_minus(name) for name in names]
    rotation = 90 if max(map(len, names)) > 4 else 0
    ax.set_xticks(places, shown, rotation=rotation)
    ax.set_yticks(places, shown)
    ax.tick_params(labelsize=7)
    ax.set_aspect("equal")
    ax.set_xlim(0, len(names))
    ax.set_ylim(0, len(names))
    corners = [[(i, i), (i + 1, i), (i + 1, i + 1), (i, i + 1)] for i in range(len(names))]
    frames = PolyCollection(corners, facecolor="none", edgecolor="#333333", linewidth=0.5, clip_on=False)
    ax.add_collection(frames)  # the diagonal: where predictions are right
    return mesh


def _minus(name: str) -> str:
    return name.replace("-", "\N{MINUS SIGN}") if name[1:2].isdigit() else name


@register_figure("confusion", shows="confusion matrices", nothing="nothing was evaluated")
def _confusion(panel: Panel, request: FigureRequest) -> Iterator[Item]:
    classes = class_metrics(panel.label_range)
    if request.metrics and not set(request.metrics) & set(classes):
        raise InputError(f"a confusion figure needs classes; name one of {', '.join(classes)} as --metric")
    for metric in [m for m in request.metrics if m in classes] or classes[:1]:
        data = confusion_data(panel, request.scenario, metric)
        name = ("confusion", "" if metric == classes[0] else metric, request.scenario or "")
        yield Item(plot_confusion, data, name, f"classes of {METRICS[metric].title} under {data['scenario'].iloc[0]}")
