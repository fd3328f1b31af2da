"""Integrity estimates as figures: calibration, error along an axis, and dominant modality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmark.diagnostics.integrity_data import CALIBRATION_COLUMNS, DECAY_COLUMNS, calibration_data, decay_data
from benchmark.evaluation.point_values import band_note
from benchmark.evaluation.shape import ProtocolShape
from benchmark.figures.axes import axis_label, banded_line, finish, legend_line, number_axis
from benchmark.figures.emphasis import emphasised
from benchmark.figures.kinds import FigureRequest, Item, register_figure
from benchmark.figures.sheet import draw_legend, fitting, make_sheet, text_size
from benchmark.figures.style import MODALITY_STYLES
from benchmark.figures.writing import figure
from benchmark.results.statements import Diagnostics
from benchmark.words import plural
from protocols import MODALITIES

#: Number of rows of panels by default: one per model.
_LIMIT = 4


@figure(columns=CALIBRATION_COLUMNS, maker="calibration_data")
def plot_calibration(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Draw estimated against true integrity, a panel per modality.

    By default up to four models are shown, a row each."""
    order = emphasised(list(dict.fromkeys(data["model"].astype(str))), models, limit=_LIMIT)
    wide = width >= 5
    seeds, scenarios = int(data["seeds"].max()), int(data["scenarios"].max())
    meaning = (
        f"{plural(seeds, 'seed')}, {scenarios} scenarios, all predictions together. Points: mean "
        "estimate by tenths of the true integrity, all missing and nothing missing apart; area of a point: share of "
        "the predictions. Bands: 10th to 90th percentile of the estimates. Dashed: a perfect estimate. ρ: Spearman, "
        "mean over seeds."
    )
    side = width / 3
    sheet = make_sheet(
        width,
        (len(order), 3),
        (0.86 if wide else 1.0) * side + 0.32,
        title=title,
        note=" ".join(filter(None, (note, meaning))),
        sharex=True,
        sharey=True,
    )
    for i, ax in enumerate(sheet.axes):
        model, modality = order[i // 3], MODALITIES[i % 3]
        own = data[(data["model"] == model) & (data["modality"] == modality)].sort_values("bin")
        _calibration(ax, own, modality, size=text_size(7 if wide else 6))
        ax.set_title(modality, loc="left", pad=3)
        if i % 3 == 0:
            ax.set_ylabel(f"{model}\nestimated integrity" if wide else f"{model}\nestimated", labelpad=2)
        if i // 3 == len(order) - 1:
            ax.set_xlabel("true integrity", labelpad=2)
    return sheet.figure


def _calibration(ax: Axes, own: pd.DataFrame, modality: str, *, size: float) -> None:
    look = MODALITY_STYLES[modality]
    ax.plot([0, 1], [0, 1], color="#555555", linestyle="--", linewidth=0.8, zorder=2)
    x, y = own["observed"].to_numpy(np.float64), own["estimated"].to_numpy(np.float64)
    ax.fill_between(x, own["low"], own["high"], color=look.colour, alpha=0.22, linewidth=0, zorder=1)
    ax.plot(x, y, color=look.colour, linewidth=1.2, zorder=3)
    share = own["samples"].to_numpy(np.float64) / max(float(own["samples"].sum()), 1.0)
    ax.scatter(x, y, s=5 + 60 * share, color=look.colour, edgecolor="white", linewidth=0.4, zorder=4)
    if own.empty:
        _blank(ax, size)
    else:
        first = own.iloc[0]
        rho = f"{first['spearman']:.2f}" if np.isfinite(first["spearman"]) else "\N{EN DASH}"
        text = f"MAE {first['mae']:.2f}\nρ {rho}".replace("-", "\N{MINUS SIGN}")
        ax.text(0.97, 0.05, text, ha="right", va="bottom", fontsize=size, transform=ax.transAxes, zorder=5)
    ax.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04))
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.tick_params(length=2.5, width=0.7, pad=2)
    ax.spines[["top", "right"]].set_visible(False)


def _blank(ax: Axes, size: float) -> None:
    """Mark a panel, of a modality that is not in the data, as empty."""
    ax.text(0.5, 0.5, "not recorded", ha="center", va="center", fontsize=size, transform=ax.transAxes, zorder=5)


@figure(columns=DECAY_COLUMNS, maker="decay_data")
def plot_decay(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Draw the error of the estimates, and the share of samples that each modality leads.

    By default up to four models are shown, a row each; a protocol with several axes has a row for each of them."""
    order = emphasised(list(dict.fromkeys(data["model"].astype(str))), models, limit=_LIMIT)
    axes = list(dict.fromkeys(data["axis"].astype(str)))
    rows = [(model, axis) for model in order for axis in axes]
    quantities = list(dict.fromkeys(data["quantity"].astype(str)))
    wide = width >= 5
    headings = {
        "error": "error of estimated integrity ↓" if wide else "error of integrity ↓",
        "dominant": "samples led by a modality (%)" if wide else "samples led (%)",
    }
    meaning = band_note(data[data["model"].isin(order)]) if "error" in quantities else "Mean over seeds."
    if "error" in quantities:
        meaning += " Error: mean absolute difference to the true share observed."
        without = [m for m in MODALITIES if m not in set(data.loc[data["quantity"] == "error", "modality"])]
        meaning += f" Not recorded, so without an error: {', '.join(without)}." if without else ""
    sheet = make_sheet(
        width,
        (len(rows), len(quantities)),
        1.85 if wide else 1.6,
        title=title,
        note=" ".join(filter(None, (note, meaning))),
        legend=MODALITIES,
    )
    tops: list[Axes] = []
    for i, ax in enumerate(sheet.axes):
        (model, axis), quantity = rows[i // len(quantities)], quantities[i % len(quantities)]
        own = data[(data["model"] == model) & (data["axis"] == axis) & (data["quantity"] == quantity)]
        if quantity == "error":
            _error(ax, own)
            tops.append(ax)
        else:
            _areas(ax, own)
        if i < len(quantities):
            ax.set_title(
                headings[quantity],
                loc="left",
                pad=4,
                fontsize=fitting(headings[quantity], 8.5 if wide else 7.5, 0.9 * width / len(quantities)),
            )
        if i % len(quantities) == 0:
            ax.set_ylabel(model)
        if len(axes) > 1 or i // len(quantities) == len(rows) - 1:
            ax.set_xlabel(axis_label(axis, data[data["axis"] == axis], narrow=not wide))
        finish(ax, values=5)
        if own.empty:
            ax.set_visible(False)
        else:
            number_axis(ax, own, margin=0.0)
    highest = max((ax.get_ylim()[1] for ax in tops), default=1.0)
    for ax in tops:
        ax.set_ylim(0, highest)
    handles: list[Artist] = []
    for modality in MODALITIES:
        look = MODALITY_STYLES[modality]
        handles.append(legend_line(look) if "error" in quantities else Patch(color=look.colour))
    draw_legend(sheet, handles, MODALITIES)
    return sheet.figure


def _error(ax: Axes, own: pd.DataFrame) -> None:
    for modality in MODALITIES:
        part = own[own["modality"] == modality].sort_values("order")
        look = MODALITY_STYLES[modality]
        x = part["x"].to_numpy(np.float64)
        banded_line(ax, x, part["mean"], (part["low"], part["high"]), look, alpha=0.18, clip=False)


def _areas(ax: Axes, own: pd.DataFrame) -> None:
    """Draw shares on top of each other: text at the bottom, then audio, then vision."""
    points = own.drop_duplicates("order").sort_values("order")["order"]
    shares = own.pivot(index="modality", columns="order", values="mean").reindex(index=list(MODALITIES), columns=points)
    x = own.drop_duplicates("order").sort_values("order")["x"].to_numpy(np.float64)
    ax.stackplot(
        x,
        *(100 * shares.to_numpy(np.float64)),
        colors=[MODALITY_STYLES[m].colour for m in MODALITIES],
        edgecolor="white",
        linewidth=0.6,
        zorder=1,
    )
    ax.set_ylim(0, 100)


@register_figure(
    "integrity",
    shows="estimated integrity and dominance",
    nothing="no model of the study estimates integrity or says which modality leads, as senti-ifusion does",
    subjects=lambda source: source.statements,
)
def _integrity(found: Diagnostics, request: FigureRequest) -> Iterator[Item]:
    names = [str(name) for name in dict.fromkeys(found.points["protocol"])]
    main = request.main(names)
    if found.table.filter(like="integrity_").notna().all(axis=1).any():
        data = calibration_data(found.table, found.points[found.points["protocol"] == main])
        yield Item(plot_calibration, data, (main, "calibration"), f"estimated integrity under {main}")
    for name in request.chosen(names):
        points = found.points[found.points["protocol"] == name]
        if ProtocolShape(points).curves:
            title = f"integrity and dominance under {name}"
            yield Item(plot_decay, decay_data(found.table, points), (name, "integrity"), title)
