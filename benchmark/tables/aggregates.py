"""Aggregates of a protocol: mean, area under the curve, worst scenario, retention, skill, relative error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from benchmark.evaluation.kinds import decimals_for
from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.protocol_results import CONSTANT, ORACLE, ProtocolResults
from benchmark.evaluation.statistics import aggregates
from benchmark.tables.cells import (
    MODEL,
    SEEDS,
    Cells,
    bold_caption,
    embolden,
    interval_caption,
    level_text,
    metric_title,
    number,
    ratio,
    row_of,
)
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.remarks import checked_corr, general_footnotes, identity
from benchmark.tables.table import Cell, Column, Footnote, Notes, Table
from protocols import InputError, get_protocol, leaves_everything

#: Model whose errors others are divided by.
BASELINE = "late-fusion-dropout"

#: Head of each aggregate, and its definition for readers.
_HEADS: Mapping[str, tuple[str, str]] = {
    "mean": ("Mean", "mean over the scenarios"),
    "auilc": ("AUILC", "area under the curve over the true rates by the trapezoid, divided by the axis' length"),
    "worst": ("Worst", "the worst scenario"),
    "retention": ("Retention", "mean over the scenarios, each divided by the value with nothing missing"),
    "skill": ("Skill", f"share of the way from '{CONSTANT}' (0) to a perfect prediction (1)"),
    "relative_error": ("Relative error", f"mean over the scenarios of the error divided by that of '{BASELINE}'"),
}
#: Aggregates that are better the higher they are, whatever the metric; None: as the metric.
_HIGHER: Mapping[str, bool] = {"skill": True, "relative_error": False}
#: Aggregates on the scale of the metric; the others are quotients.
_ON_SCALE = ("mean", "auilc", "worst")


def aggregates_table(results: ProtocolResults, metric: str = "mae") -> Table:
    """Make a table of every aggregate of one metric that the protocol admits, a column each, with intervals.

    An undefined aggregate (no axis, no `constant` row) has no column, and a footnote gives the reason.

    Raises:
        InputError: if nothing was evaluated under the protocol, or labels of this range have no such metric.
    """
    results.panel.check_metrics([metric])
    complete = complete_scenario(results)
    estimates = results.estimates
    if complete is not None and complete not in results.scenarios:
        estimates = results.panel.estimates((*results.scenarios, complete), draws=results.draws, seed=results.seed)
        estimates = {model: own for model, own in estimates.items() if model in results.estimates}
    constant, baseline = (name if name in estimates else None for name in (CONSTANT, BASELINE))
    table = aggregates(
        estimates,
        metric,
        results.scenarios,
        x=results.shape.rates if _admits_area(results.protocol) else None,
        complete=complete,
        constant=constant,
        baseline=baseline,
        level=results.level,
    )
    notes = Notes()
    found: dict[tuple[str, str], Cell] = {}
    halves = table.assign(half=(table["high"] - table["low"]) / 2).groupby("aggregate")["half"]
    decimals = {
        name: METRICS[metric].decimals_for(own) if name in _ON_SCALE else decimals_for(own.to_numpy(np.float64), 3)
        for name, own in halves
    }
    for row in table.to_dict("records"):
        model, name, flag = str(row["model"]), str(row["aggregate"]), str(row["flag"])
        value, low, high = (float(row[key]) for key in ("value", "low", "high"))
        write = partial(number, metric) if name in _ON_SCALE else ratio
        cell = write(value, low, high, decimals=decimals[name])
        found[model, name] = notes.on(cell, _remark(flag, name))
    names = [name for name in _HEADS if name in set(table["aggregate"])]

    def cells_of(model: str) -> Cells:
        cells = identity(results, results.estimates[model], notes) | {name: found[model, name] for name in names}
        if metric == "corr":
            cells |= {name: checked_corr(results, model, results.scenarios, cells[name], notes) for name in names}
        return cells

    contest = {model: cells_of(model) for model in results.ordered(metric)}
    embolden(contest, results, "mean", metric, results.scenarios)
    columns = (
        MODEL,
        SEEDS,
        *(Column(name, f"{_head(name, metric)} {level_text(results.level)}", interval="shown") for name in names),
    )
    rows = [row_of(cells, columns) for cells in contest.values()]
    rows += [row_of(cells_of(ORACLE), columns, rule=True)] if ORACLE in results.estimates else []
    unit = " Mean, AUILC and Worst in per cent." if METRICS[metric].percent else ""
    of = "error is the distance from the perfect value" if METRICS[metric].higher_is_better else ""
    meanings = "; ".join(f"{_HEADS[name][0]}: {_HEADS[name][1]}" for name in names)
    caption = (
        f"{meanings}{f' ({of})' if of and baseline else ''}.{unit} {results.sizes} {interval_caption(results)} "
        f"{bold_caption(results)} Only means are compared in this way."
    )
    absent = [Footnote(line) for line in _absent(results, complete, constant, baseline)]
    paper = tuple(column.name for column in columns if column.name != "seeds")
    footnotes = (*notes.footnotes(), *absent, *general_footnotes(results))
    title = f"{results.heading}: {metric_title(metric)} summed up"
    return Table(title, columns, tuple(rows), footnotes, caption, paper, bold=bold_caption(results))


def _head(name: str, metric: str) -> str:
    higher = _HIGHER.get(name, METRICS[metric].higher_is_better)
    return f"{_HEADS[name][0]} {'↑' if higher else '↓'}"


def _admits_area(protocol: str) -> bool:
    """Return True unless a protocol, such as one over steps, leaves the area under its curve out."""
    try:
        return "auilc" in get_protocol(protocol).aggregates
    except InputError:  # the protocol's plugin is not loaded, but its results are readable
        return True


def complete_scenario(results: ProtocolResults) -> str | None:
    """Return a scenario with nothing missing: the protocol's own, else one of the study, else None."""
    elsewhere = sorted(map(str, results.panel.cells["scenario"].unique()), key=lambda name: name != "complete")
    return next((name for name in (*results.scenarios, *elsewhere) if leaves_everything(name)), None)


def _remark(flag: str, name: str) -> str:
    """Translate a flag of `statistics.aggregates` that the row's own marks do not cover already."""
    parts = []
    for part in flag.split("; "):
        if "left out" in part:
            parts.append(f"interval without the draws in which it is not defined: {part}")
        elif part == "undefined":
            parts.append(f"{_HEADS[name][0]} is not defined: a division by 0")
    return "; ".join(parts)


def _absent(results: ProtocolResults, complete: str | None, constant: str | None, baseline: str | None) -> list[str]:
    """Explain why aggregates have no column. The commands that add rows are given elsewhere."""
    lines = []
    if results.shape.rates is None and len(results.scenarios) > 1:
        lines.append("No AUILC: the scenarios do not lie on one numeric axis.")
    elif results.shape.rates is not None and not _admits_area(results.protocol):
        lines.append(f"No AUILC: protocol '{results.protocol}' does not have 'auilc' among its aggregates.")
    if complete is None:
        lines.append("No retention: the study has no scenario in which nothing is missing; add the protocol complete.")
    if constant is None:
        lines.append(f"No skill: there is no row '{CONSTANT}'.")
    if baseline is None:
        lines.append(f"No relative error: there is no row '{BASELINE}'.")
    return lines


def _one_scenario(results: ProtocolResults, settings: TableSettings) -> str:
    if len(results.scenarios) > 1:
        return ""
    return f"protocol '{results.protocol}' has one scenario, so there is nothing to aggregate"


@register_table("aggregates", shows="mean, AUILC, worst, retention, skill, relative error", why_not=_one_scenario)
def _aggregates(results: ProtocolResults, settings: TableSettings) -> Table:
    return aggregates_table(results, settings.metric)
