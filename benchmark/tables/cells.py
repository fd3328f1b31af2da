"""Cells and columns of tables of models: numbers with units and intervals, bold, readable sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from benchmark.evaluation.kinds import decimals_for, fixed, with_sign
from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.statistics import SEEDS_FOR_ORDER, Estimates, confidence_intervals, tied_with_best
from benchmark.evaluation.statistics.intervals import metric_limits
from benchmark.tables.table import Cell, Column, Interval, Row

#: Cells of a row by column.
Cells: TypeAlias = dict[str, Cell]

MODEL = Column("model", "Model", "left")
SEEDS = Column("seeds", "Seeds")
#: Text of a cell without a number.
NOTHING = "–"


def metric_column(metric: str, interval: Literal["none", "csv", "shown"] = "none", level: float = 0.95) -> Column:
    """Return the column of a metric, with direction and unit; the two Acc-2, and the two F1, share a common head."""
    definition = METRICS[metric]
    unit = f"{definition.arrow} (%)" if definition.percent else definition.arrow
    family, _, kind = definition.title.partition(" ")
    beside = f" {level_text(level)}" if interval == "shown" else ""
    shared = sum(other.title.partition(" ")[0] == family for other in METRICS.values()) > 1
    if shared and kind and not kind.startswith("("):
        return Column(metric, f"{kind}{beside}", group=f"{family} {unit}", interval=interval)
    return Column(metric, f"{definition.title} {unit}{beside}", interval=interval)


def level_text(level: float) -> str:
    """Return `[95 %]`, for the head of a column with shown intervals."""
    return f"[{100 * level:g} %]"


def metric_title(metric: str) -> str:
    """Return a metric for a title: `Acc-7 ↑ in per cent`."""
    definition = METRICS[metric]
    return f"{definition.heading} in per cent" if definition.percent else definition.heading


def number(
    metric: str, value: float, low: float = np.nan, high: float = np.nan, *, decimals: int | None = None
) -> Cell:
    """Return the cell of a metric's value, with its interval if there is one; a dash for a missing value.

    By default it has as many decimals as its interval justifies, or the metric's usual ones.
    """
    digits = METRICS[metric].decimals_for([(high - low) / 2]) if decimals is None else decimals
    return _with_interval(lambda v: METRICS[metric].format(v, digits), value, low, high)


def ratio(value: float, low: float = np.nan, high: float = np.nan, *, decimals: int | None = None) -> Cell:
    """Return the cell of a quotient or share without a unit; decimals as those of `number`, at most three."""
    digits = decimals_for(np.array([(high - low) / 2]), 3) if decimals is None else decimals
    return _with_interval(lambda v: fixed(v, digits), value, low, high)


def signed(cell: Cell) -> Cell:
    """Format a number with a plus if the printed number is above 0; a number that rounds to 0 has no sign."""
    return cell if cell.text == NOTHING else replace(cell, text=with_sign(cell.text))


def probability(value: float) -> Cell:
    """Return the cell of a p-value or a share of draws; printed as 0 or 1 only if it is exactly that."""
    if not np.isfinite(value):
        return Cell(NOTHING, np.nan)
    text = f"{value:.3f}"
    if text == "0.000" and value > 0:
        text = "<0.001"
    elif text == "1.000" and value < 1:
        text = ">0.999"
    return Cell(text, value)


def _with_interval(write: Callable[[float], str], value: float, low: float, high: float) -> Cell:
    if not np.isfinite(value):
        return Cell(NOTHING, np.nan)
    if not np.isfinite(low) or not np.isfinite(high):
        return Cell(write(value), value)
    return Cell(write(value), value, interval=Interval(low, high, f"[{write(low)}, {write(high)}]"))


def count_text(value: float) -> str:
    """Format a count for readers: `0`, `850`, `12.3 k`, `4.50 M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def duration_text(seconds: float) -> str:
    """Format a duration for readers: `8.1 s`, `3.5 min`, `2.0 h`."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def values_of(
    results: ProtocolResults, groups: Mapping[str, Sequence[str]], metrics: Sequence[str]
) -> dict[tuple[str, str, str], Cell]:
    """Return cells with the mean over a group's scenarios and its interval, by (row, group, metric).

    All cells of a metric have the decimals that the narrowest of their intervals justifies.
    """
    found = {}
    table = confidence_intervals(_only(results.rows, metrics), groups, level=results.level)
    halves = table.assign(half=(table["high"] - table["low"]) / 2).groupby("metric")["half"]
    decimals = {str(metric): METRICS[str(metric)].decimals_for(own) for metric, own in halves}
    for row in table.to_dict("records"):
        key = str(row["model"]), str(row["group"]), str(row["metric"])
        values = (float(row[name]) for name in ("value", "low", "high"))
        found[key] = number(key[2], *values, decimals=decimals[key[2]])
    return found


def embolden(
    rows: Mapping[str, Cells], results: ProtocolResults, column: str, metric: str, scenarios: Sequence[str]
) -> None:
    """Set the best of a column in bold, and all up to the first that differs significantly from one of them."""
    contest = {model: results.contest[model] for model in rows if rows[model][column].text != NOTHING}
    if len(contest) < 2:
        return
    for model in tied_with_best(contest, metric, scenarios, level=results.level):
        rows[model][column] = replace(rows[model][column], bold=True)


def bold_caption(results: ProtocolResults) -> str:
    """Explain bold in a sentence, for a caption."""
    if any(own.videos < 2 for own in results.contest.values()):
        return "Nothing is bold: with one video, no difference can be tested."
    if all(len(own.seeds) < SEEDS_FOR_ORDER for own in results.contest.values()):
        return f"Bold: the best printed value; with fewer than {SEEDS_FOR_ORDER} seeds, no order is claimed."
    level = f"{100 * (1 - results.level):.3g} %"
    return (
        f"Bold: the best and all up to the first that differs significantly from one of them (paired bootstrap, "
        f"{level}, corrected for all pairs of models)."
    )


def interval_caption(results: ProtocolResults) -> str:
    """Explain the intervals in one or two sentences, for a caption."""
    level = f"{100 * results.level:g} %"
    text = f"Intervals: {level}, bootstrap over videos ({results.draws} draws) and spread over seeds, by Student's t."
    ends = {(metric, end) for own in results.estimates.values() for metric, end in _without_spread(own)}
    if any(METRICS[metric].percent for metric, _ in ends):
        text += " At 0 or 100 % they are those of one independent sample per video."
    if any(not METRICS[metric].percent for metric, _ in ends):
        text += " A perfect value has no interval."
    return text


def _without_spread(own: Estimates) -> list[tuple[str, float]]:
    """Return the metrics at one of their ends under some scenario with every seed."""
    return [
        (metric, end)
        for i, metric in enumerate(own.metrics)
        for end in metric_limits(metric)
        if (own.values[..., i] == end).all(axis=0).any()
    ]


def row_of(cells: Mapping[str, Cell], columns: Sequence[Column], *, rule: bool = False, space: bool = False) -> Row:
    """Make a row of cells, in the order of columns."""
    return Row(tuple(cells[column.name] for column in columns), rule, space)


def _only(estimates: Mapping[str, Estimates], metrics: Sequence[str]) -> dict[str, Estimates]:
    """Return the same estimates of fewer metrics; most of the work would go into intervals of the others."""
    chosen = {}
    for model, own in estimates.items():
        at = [i for i, name in enumerate(own.metrics) if name in metrics]
        chosen[model] = own
        if len(at) < len(own.metrics):
            names = tuple(own.metrics[i] for i in at)
            arrays = {name: getattr(own, name)[..., at] for name in ("values", "draws", "seed_draws")}
            chosen[model] = replace(own, metrics=names, **arrays)
    return chosen
