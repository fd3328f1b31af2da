"""The table that a paper prints: data sets and protocols beside each other, one row per model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmark.evaluation.metrics import METRICS, metric_names
from benchmark.evaluation.protocol_results import ORACLE, ProtocolResults
from benchmark.evaluation.statistics import ranks, tied_with_best
from benchmark.tables.cells import (
    MODEL,
    NOTHING,
    Cells,
    bold_caption,
    interval_caption,
    metric_column,
    row_of,
    values_of,
)
from benchmark.tables.kinds import Citation, TableSettings, register_table
from benchmark.tables.remarks import checked_corr, checked_f1, general_footnotes, identity
from benchmark.tables.table import Cell, Column, Notes, Table
from benchmark.words import counted, listed
from protocols import InputError, unknown_name

#: Metrics unless others are named; those that a data set does not have are left out.
METRICS_SHOWN = ("mae", "corr", "acc2_non0", "acc2_sims")
_MEAN = "mean"


@dataclass(frozen=True)
class _Block:
    """The chosen points of a protocol on one data set, with the scenarios of each."""

    results: ProtocolResults
    points: Mapping[str, Sequence[str]]
    metrics: tuple[str, ...]

    @property
    def dataset(self) -> str:
        return f"{self.results.panel.dataset}/{self.results.panel.split}"

    def named(self, settings: TableSettings) -> Citation:
        name, _, split = self.dataset.rpartition("/")
        return settings.datasets.get(self.dataset, Citation(name if split == "official" else self.dataset))


def paper_table(found: Sequence[ProtocolResults], settings: TableSettings) -> Table:
    """Make one table of all data sets and protocols: rows are models, columns metrics at the chosen points.

    The best of a column is bold, the second best underlined, each with all that do not differ significantly from it, by
    the ranks of the leaderboard. Printed digits follow from the spread.

    Args:
        found: Results by data set and protocol, in the order of the columns.
        settings: `metrics`, `points`, `spread`, `models` and `datasets` are read.

    Raises:
        InputError: for no results, a metric that no data set has, or a point that no protocol has.
    """
    if not found:
        raise InputError("no results for a paper's table; run the study first, or choose another --protocol")
    blocks = [_Block(own, _points(own, settings.points), _metrics(own, settings.metrics)) for own in found]
    _check(blocks, settings)
    notes = Notes()
    every = dict.fromkeys(model for own in found for model in own.estimates)
    rows: dict[str, Cells] = {model: {MODEL.name: _name(model, found, settings, notes)} for model in every}
    columns, places = [], {model: 0.0 for model in every}
    for block in blocks:
        for column, cells in _columns(block, settings, several=len(settings.points) > 1, notes=notes):
            columns.append(column)
            values = {m: float(c.value) for m, c in cells.items() if m != ORACLE and isinstance(c.value, float)}
            for model, place in _places(values, METRICS[column.name.rpartition(" ")[2]].higher_is_better).items():
                places[model] += place
            for model in every:
                rows[model][column.name] = cells.get(model, Cell(NOTHING, np.nan))
    order = sorted((m for m in every if m != ORACLE), key=lambda m: (places[m], m))
    shown = (MODEL, *columns)
    body = [row_of(rows[model], shown) for model in order]
    body += [row_of(rows[ORACLE], shown, rule=True)] if ORACLE in rows else []
    title = _title(blocks, settings)
    bold = _rule(found[0])
    said = _notes(found, settings)
    return Table(title, shown, tuple(body), tuple(notes.footnotes()), bold, bold=bold, notes=said)


def _notes(found: Sequence[ProtocolResults], settings: TableSettings) -> str:
    lines = ["# Notes on the table", ""]
    for own in found:
        lines += [f"- {own.title}: {own.sizes}", *(f"  - {note.text}" for note in general_footnotes(own))]
    metrics = dict.fromkeys(metric for own in found for metric in _metrics(own, settings.metrics))
    lines += ["", *(f"- {METRICS[name].title}: {METRICS[name].definition}." for name in metrics)]
    lines += ["", *dict.fromkeys(f"- {text(own)}" for own in found for text in (interval_caption, bold_caption))]
    lines += [
        "- Underlined: the next best, by the same rule. Rows are ordered by their mean place over the columns.",
        "- Every value is computed for one seed and scenario, then averaged over the scenarios, then over the seeds.",
    ]
    return "\n".join(lines) + "\n"


def _metrics(results: ProtocolResults, chosen: Sequence[str]) -> tuple[str, ...]:
    known = metric_names(results.panel.label_range)
    return tuple(name for name in chosen or METRICS_SHOWN if name in known)


def _points(results: ProtocolResults, chosen: Sequence[str]) -> dict[str, Sequence[str]]:
    """The scenarios of each chosen point that the protocol has; its mean if it has none of them."""
    found: dict[str, Sequence[str]] = {}
    for name in chosen:
        own = list(results.scenarios) if name == _MEAN else _at(results, name)
        if own:
            found[name] = own
    return found or {_MEAN: results.scenarios}


def _at(results: ProtocolResults, name: str) -> list[str]:
    rows = zip(results.scenarios, results.points["tick"], results.points["x"], results.points["y"], strict=True)
    return [s for s, tick, x, y in rows if name == str(tick) or _coordinates(name) == _place(float(x), float(y))]


def _place(x: float, y: float) -> tuple[float, ...]:
    return tuple(value for value in (x, y) if math.isfinite(value))


def _coordinates(text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(part) for part in text.split(":"))
    except ValueError:
        return None


def _check(blocks: Sequence[_Block], settings: TableSettings) -> None:
    for name in settings.metrics:
        if not any(name in block.metrics for block in blocks):
            known = dict.fromkeys(m for block in blocks for m in metric_names(block.results.panel.label_range))
            raise unknown_name("metric of these data sets", name, list(known))
    for name in settings.points:
        if not any(name in block.points for block in blocks):
            ticks = dict.fromkeys(str(t) for b in blocks for t in b.results.points["tick"] if t)
            raise unknown_name("point of these protocols", name, [_MEAN, *ticks])


def _name(model: str, found: Sequence[ProtocolResults], settings: TableSettings, notes: Notes) -> Cell:
    """The cell with the printed name, and the marks that the model has anywhere."""
    marks: dict[str, None] = {}
    for own in found:
        if model in own.estimates:
            marked = identity(own, own.estimates[model], notes)["model"].note
            marks |= dict.fromkeys(filter(None, marked.split(",")))
    known = settings.models.get(model, Citation(model))
    return Cell(known.title, model, note=",".join(marks), cite=known.key)


def _columns(
    block: _Block, settings: TableSettings, *, several: bool, notes: Notes
) -> list[tuple[Column, dict[str, Cell]]]:
    results = block.results
    also = [METRICS[name].accuracy for name in block.metrics if METRICS[name].accuracy]
    found = values_of(results, block.points, list(dict.fromkeys((*block.metrics, *also))))
    known = block.named(settings)
    protocol = results.protocol.partition("@")[0]
    made = []
    for point, scenarios in block.points.items():
        for metric in block.metrics:
            cells = {model: found[model, point, metric] for model in results.estimates}
            spreads = {model: _spread(results, model, metric, scenarios, cells[model], settings) for model in cells}
            halves = [half for half, _, _ in spreads.values()]
            digits = METRICS[metric].decimals_for(halves, 1 if settings.spread == "sd" else 2)
            for model, cell in cells.items():
                if metric == "corr":
                    cell = checked_corr(results, model, scenarios, cell, notes)
                if METRICS[metric].accuracy:
                    cell = checked_f1(results, metric, found[model, point, METRICS[metric].accuracy], cell, notes)
                cells[model] = _printed(cell, metric, digits, spreads[model], settings)
            group = f"{protocol}, {point}" if several and len(results.scenarios) > 1 else protocol
            head = metric_column(metric)
            column = replace(
                head, name=f"{block.dataset} {protocol} {point} {metric}", interval="shown", group=group,
                title=f"{METRICS[metric].title} {METRICS[metric].arrow}", over=known.title, cite=known.key,
            )  # fmt: skip
            made.append((column, _emphasised(results, cells, metric, scenarios)))
    return made


def _spread(
    results: ProtocolResults, model: str, metric: str, scenarios: Sequence[str], cell: Cell, settings: TableSettings
) -> tuple[float, float, float]:
    """Half the width of the shown spread, and the bounds of the interval; NaN without."""
    low, high = (cell.interval.low, cell.interval.high) if cell.interval else (math.nan, math.nan)
    if settings.spread == "interval":
        return (high - low) / 2, low, high
    own = results.estimates[model]
    whole = len(own.seeds) > 1 and not own.holes(scenarios)
    return float(own.by_seed(metric, scenarios).std(ddof=1)) if whole else math.nan, low, high


def _printed(cell: Cell, metric: str, digits: int, spread: tuple[float, float, float], settings: TableSettings) -> Cell:
    if cell.text == NOTHING:
        return cell
    half, low, high = spread
    write = METRICS[metric].format
    text = f"[{write(low, digits)}, {write(high, digits)}]" if settings.spread == "interval" else ""
    if settings.spread == "sd" and math.isfinite(half):
        text = f"± {write(half, digits)}"
    interval = replace(cell.interval, text=text if math.isfinite(half) else "") if cell.interval else None
    return replace(cell, text=write(float(cell.value or 0), digits), interval=interval)


def _emphasised(
    results: ProtocolResults, cells: Mapping[str, Cell], metric: str, scenarios: Sequence[str]
) -> dict[str, Cell]:
    """Set the first rank in bold and underline the second; without ranks, only the best printed value is bold."""
    contest = {model: results.contest[model] for model in cells if model != ORACLE and cells[model].text != NOTHING}
    made = dict(cells)
    if len(contest) < 2:
        return made
    order = ranks(contest, metric, scenarios, level=results.level)
    places = sorted(set(order["rank"].dropna()))
    groups = [set(order.loc[order["rank"] == place, "model"]) for place in places[:2]]
    if not groups:
        groups = [set(tied_with_best(contest, metric, scenarios, level=results.level))]
    for model in groups[0]:
        made[model] = replace(made[model], bold=True)
    for model in groups[1] if len(groups) > 1 else ():
        made[model] = replace(made[model], underlined=True)
    return made


def _places(values: Mapping[str, float], higher: bool) -> dict[str, float]:
    """Places of the models in a column; those without a value share the last."""
    finite = sorted(
        (m for m, v in values.items() if math.isfinite(v)), key=lambda m: -values[m] if higher else values[m]
    )
    return {model: finite.index(model) if model in finite else len(values) for model in values}


def _title(blocks: Sequence[_Block], settings: TableSettings) -> str:
    data = dict.fromkeys(block.named(settings).title for block in blocks)
    protocols = dict.fromkeys(b.results.protocol.partition("@")[0] for b in blocks)
    seeds = [len(own.seeds) for b in blocks for model, own in b.results.estimates.items() if model != ORACLE]
    points = "" if settings.points else "mean over the scenarios, "
    level = f"{100 * blocks[0].results.level:g} % interval"
    spread = "± standard deviation over seeds" if settings.spread == "sd" else f"[{level}]"
    percent = any(METRICS[metric].percent for b in blocks for metric in b.metrics)
    unit = ", shares in per cent" if percent else ""
    where = f"{listed(list(data))} under {listed(list(protocols))}"
    return f"Results on {where}: {points}{counted(seeds, 'seed')}, {spread}{unit}"


def _rule(results: ProtocolResults) -> str:
    text = bold_caption(results)
    if not text.startswith("Bold: the best and all"):
        return text
    level = f"{100 * (1 - results.level):.3g} %"
    return (
        "Bold: best; underlined: second best, each with all that do not differ significantly from it (paired "
        f"bootstrap, {level})."
    )


@register_table("paper", shows="data sets and protocols side by side", written=False, of_all=paper_table)
def _paper(results: ProtocolResults, settings: TableSettings) -> Table:
    return paper_table([results], settings)
