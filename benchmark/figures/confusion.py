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

from benchmark.evaluation.confusion import CONFUSION_COLUMNS, class_metrics, confusion_data
from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.figures.emphasis import emphasised
from benchmark.figures.heatmap import bare, draw_cells, value_bar
from benchmark.figures.kinds import FigureRequest, Item, register_figure
from benchmark.figures.sheet import USUAL_SIZE, fitting, make_sheet
from benchmark.figures.writing import figure
from protocols import InputError

_LIMIT = 6
#: Size of a heading in points, up to which it is broken into two lines.
_SMALL = 6.0
_KEPT = ("senti-ifusion", "text-only", "late-fusion-dropout")


@figure(columns=CONFUSION_COLUMNS, maker="confusion_data", grid=False)
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
        name, most, room = f"{model}{informed}", 8 if wide else 6.8, 0.85 * side
        between = " " if fitting(f"{name} ({accuracy})", most, room) > _SMALL else "\n"
        size = fitting(name if between == "\n" else f"{name} ({accuracy})", most, room)
        ax.set_title(f"{name}{between}({accuracy})", loc="left", pad=3, fontsize=size)
        if i % columns == 0:
            ax.set_ylabel("true class", labelpad=2, fontsize=fitting("predicted class", USUAL_SIZE, room))
        else:
            ax.tick_params(labelleft=False)
        if i + columns >= len(order):
            ax.set_xlabel("predicted class", labelpad=2, fontsize=fitting("predicted class", USUAL_SIZE, room))
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
