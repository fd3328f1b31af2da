"""Critical-difference diagram: mean ranks over scenarios, and groups without a difference (Demsar, 2006)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.point_values import labels_of
from benchmark.evaluation.protocol_results import ORACLE, protocol_names, protocol_points
from benchmark.evaluation.statistics import critical_differences
from benchmark.figures.kinds import FigureRequest, Item, register_figure, suffix_of
from benchmark.figures.sheet import fitting, make_sheet, text_size
from benchmark.figures.style import Style, styles
from benchmark.figures.writing import figure
from protocols import InputError

_COLUMNS = (
    "model", "metric", "mean_rank", "groups", "p", "difference", "blocks", "scenarios", "level", "mask_informed",
)  # fmt: skip
_ROW = 0.17  # inches a name


def rank_data(panel: Panel, protocol: str | None = None, metric: str = "mae", *, level: float = 0.95) -> pd.DataFrame:
    """Compute the data of the figure.

    Args:
        panel: Predictions of at least three models.
        protocol: Protocol whose scenarios are the blocks; default: all of the panel. Scenarios on which all models have
            equal values (their masks are equal) count once.
        metric: Metric by which the models are ranked, mean over seeds.
        level: Confidence level, 1 minus the share of false claims.

    Returns:
        One row per model, best first: `model`, `metric`, `mean_rank` (NaN for a model that was not evaluated for every
        seed and scenario), `groups` (numbers of its groups without a significant difference, as `1 2`), then for
        all alike `p` (Friedman's test), `difference` (critical, of mean ranks), `blocks`, `scenarios` (including equal
        ones), `level`; `mask_informed`.

    Raises:
        InputError: for fewer than 3 models or 2 blocks.
    """
    panel.check_metrics([metric])
    points = panel.points if protocol is None else protocol_points(panel, protocol)
    scenarios = [str(s) for s in dict.fromkeys(points["scenario"])]
    estimates = panel.estimates(scenarios, [metric])
    contest = {model: own for model, own in estimates.items() if model != ORACLE}
    whole = {model: own for model, own in contest.items() if not own.holes(scenarios)}
    values = pd.DataFrame(
        {m: [float(own.by_seed(metric, [s]).mean()) for s in scenarios] for m, own in whole.items()}, index=scenarios
    )
    blocks = values.drop_duplicates()
    if len(blocks) < 2 or len(whole) < 3:
        raise InputError(
            f"ranks need at least 3 models evaluated for every seed under at least 2 scenarios that differ; found "
            f"{len(whole)} and {len(blocks)}: run more protocols or models"
        )
    found = critical_differences(blocks, higher_is_better=METRICS[metric].higher_is_better, level=level)
    rows = []
    for model in [*found.mean_ranks.index, *(m for m in contest if m not in whole)]:
        member = [str(i + 1) for i, group in enumerate(found.groups) if model in group]
        rows.append(
            {
                "model": str(model),
                "metric": metric,
                "mean_rank": float(found.mean_ranks.get(model, np.nan)),
                "groups": " ".join(member),
                "p": found.p,
                "difference": found.difference,
                "blocks": found.blocks,
                "scenarios": len(scenarios),
                "level": level,
                "mask_informed": model in panel.mask_informed,
            }
        )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _check_ranks(data: pd.DataFrame, models: Sequence[str] | None) -> None:
    if not np.isfinite(data["mean_rank"].to_numpy(np.float64)).any():
        raise InputError("no model has a rank; evaluate at least three models under every scenario")


@figure(columns=_COLUMNS, maker="rank_data", grid=False, check=_check_ranks)
def plot_ranks(data: pd.DataFrame, title: str, width: float, models: Sequence[str] | None, note: str) -> Figure:
    """Draw the best at the left, with bars over models without a significant difference."""
    ranked = data[np.isfinite(data["mean_rank"])].sort_values("mean_rank", kind="stable").reset_index(drop=True)
    count = len(ranked)
    groups = sorted({int(g) for cell in ranked["groups"] for g in str(cell).split()})
    left = (count + 1) // 2
    unit = text_size(1.0)  # of heights, which grow with the font
    top, bars, line = 0.55 * unit, 0.09 * len(groups) + 0.1, _ROW * unit
    height = top + bars + left * line + 0.06
    sheet = make_sheet(width, (1, 1), height, title=title, note=" ".join(filter(None, (note, _meaning(data)))))
    ax = sheet.axes[0]
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    wide = width >= 5
    size = text_size(7.5 if wide else 6.8)
    names = [labels_of(ranked)[m] for m in ranked["model"]]
    if wide:  # a column is too narrow for names and numbers
        names = [f"{name} ({rank:.2f})" for name, rank in zip(names, ranked["mean_rank"], strict=True)]
    longest = max(names, key=len)
    size = min(size, fitting(longest, size / unit, 0.36 * width))
    sides = [max(map(len, part), default=0) * 0.575 * size / 72 + 0.12 for part in (names[:left], names[left:])]
    start, stop = sides[0], width - sides[1]

    def place(rank: float) -> float:
        return start + (stop - start) * (rank - 1) / (count - 1)

    _scale(ax, count, place(1), place(count), top)
    difference = float(data["difference"].iloc[0])
    span = min(difference, count - 1)
    above = 0.2 * unit
    ax.plot([place(1), place(1 + span)], [above, above], color="black", linewidth=1.2)
    for end in (place(1), place(1 + span)):
        ax.plot([end, end], [above - 0.04, above + 0.04], color="black", linewidth=1.0)
    text = f"critical difference {difference:.2f}"
    ax.text(place(1), above - 0.09, text, ha="left", va="bottom", fontsize=text_size(6.5))
    looks = styles(ranked["model"])
    for i, row in enumerate(ranked.itertuples()):
        at_left = i < left
        y = top + bars + line * (i + 0.5 if at_left else count - 1 - i + 0.5)
        _branch(ax, place(float(row.mean_rank)), top, y, start if at_left else stop, looks[str(row.model)])
        x = start - 0.05 if at_left else stop + 0.05
        ax.text(x, y, names[i], ha="right" if at_left else "left", va="center", fontsize=size)
    for level, group in enumerate(groups):
        own = ranked.loc[[str(group) in str(cell).split() for cell in ranked["groups"]], "mean_rank"]
        y = top + 0.1 + 0.09 * level
        ends = [place(float(own.min())) - 0.03, place(float(own.max())) + 0.03]
        ax.plot(ends, [y, y], color="black", linewidth=2.6, solid_capstyle="butt", zorder=5)
    return sheet.figure


def _scale(ax: Axes, count: int, left: float, right: float, y: float) -> None:
    """Draw the axis of ranks, with numbers above."""
    ax.plot([left, right], [y, y], color="black", linewidth=0.8, zorder=6)
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if (count - 1) / s <= (right - left) / (0.22 * text_size(1.0)))
    for rank in range(1, count + 1):
        x = left + (right - left) * (rank - 1) / (count - 1)
        named = (rank - 1) % step == 0
        ax.plot([x, x], [y, y - (0.05 if named else 0.03)], color="black", linewidth=0.7)
        if named:
            ax.text(x, y - 0.06, str(rank), ha="center", va="bottom", fontsize=text_size(7))


def _branch(ax: Axes, x: float, top: float, y: float, end: float, look: Style) -> None:
    """Draw a line from a rank down and out to its name, in the model's colour."""
    ax.plot([x, x, end], [top, y, y], color=look.colour, linewidth=0.9, linestyle=look.line)
    ax.plot(x, top, marker=look.marker or "o", color=look.colour, markersize=4.5, markeredgecolor="white",
            markeredgewidth=0.4, zorder=7)  # fmt: skip


def _meaning(data: pd.DataFrame) -> str:
    first = data.iloc[0]
    kind = METRICS[str(first["metric"])]
    blocks, scenarios = int(first["blocks"]), int(first["scenarios"])
    equal = f" ({scenarios} less {scenarios - blocks} equal to another)" if scenarios > blocks else ""
    p = float(first["p"])
    holed = data.loc[~np.isfinite(data["mean_rank"]), "model"].astype(str)
    text = (
        f"Mean rank by {kind.title} over {blocks} scenarios{equal}, 1 is best. Bars join models that Nemenyi's test "
        f"does not tell apart at {100 * float(first['level']):g} %; Friedman's p "
        f"{'< 0.001' if p < 0.001 else f'= {p:.3f}'}. "
        "Scenarios share samples and trained models, so p is too small: an order, not a proof."
    )
    return text + (f" Without {', '.join(holed)}: not evaluated for every seed and scenario." if len(holed) else "")


@register_figure("ranks", shows="ranks with critical differences", nothing="nothing was evaluated")
def _ranks(panel: Panel, request: FigureRequest) -> Iterator[Item]:
    name = request.main(protocol_names(panel)) if request.protocol else None
    over = f"the scenarios of {name}" if name else "all scenarios"
    for metric in request.known(panel, ["mae"]):
        data = rank_data(panel, name, metric)
        yield Item(plot_ranks, data, (name or "", "ranks", suffix_of(metric)), f"mean ranks over {over}")
