"""Leaderboards: one row per model, sorted by mean MAE over a protocol's scenarios.

Every metric is computed for one (model, seed, scenario) at full precision, then averaged over the scenarios, then over
the seeds. A model with a hole in its grid gets no aggregate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmark.evaluation.metrics import METRICS, metric_names
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.scales import without_classes
from benchmark.evaluation.statistics import ranks
from benchmark.tables.cells import (
    MODEL,
    NOTHING,
    SEEDS,
    Cells,
    bold_caption,
    embolden,
    interval_caption,
    level_text,
    metric_column,
    number,
    probability,
    row_of,
    signed,
    values_of,
)
from benchmark.tables.cost import COST_COLUMNS, cost_cells
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.remarks import checked_corr, checked_f1, failure_text, general_footnotes, identity
from benchmark.tables.table import Cell, Column, Footnote, Notes, Table

#: Columns in the CSV only, to keep the leaderboard readable; the same holds for metrics that are not usual.
_LEFT_OUT = ("acc3", "acc3_sims")
#: Costs shown in a leaderboard; the table of costs has the others.
_COSTS = ("parameters", "train_seconds", "inference_ms")


def leaderboard_table(results: ProtocolResults) -> Table:
    """Make a table of rank, every metric with its interval (shown for MAE, in the CSV for all), seed spread and costs.

    Raises:
        InputError: if nothing was evaluated under the protocol.
    """
    names = list(metric_names(results.panel.label_range))
    scenarios = results.scenarios
    found = values_of(results, {"mean": scenarios}, names)
    order = ranks(results.contest, "mae", scenarios, level=results.level, p=results.corrected("mae"))
    places = {str(place["model"]): place for place in order.to_dict("records")}
    notes = Notes()

    def row(model: str) -> Cells:
        own = results.rows[model]
        cells = identity(results, own, notes)
        place = places.get(model, {})
        rank, p = float(place.get("rank", np.nan)), float(place.get("p_next", np.nan))
        mark = notes.mark(failure_text(results.panel, model))
        cells["rank"] = Cell(NOTHING, np.nan) if np.isnan(rank) else Cell(f"{rank:.0f}", int(rank), note=mark)
        cells["p_next"] = Cell("", np.nan) if np.isnan(p) else probability(p)
        cells |= {name: found[model, "mean", name] for name in names}
        by_seed = own.by_seed("mae", scenarios) if not own.holes(scenarios) else np.zeros(0)
        cells["mae_sd"] = number("mae", float(by_seed.std(ddof=1)) if len(by_seed) > 1 else np.nan)
        for name in names:
            if METRICS[name].accuracy:
                cells[name] = checked_f1(results, name, cells[METRICS[name].accuracy], cells[name], notes)
        for name in ("corr", "corr_clipped"):
            if name in cells:
                cells[name] = checked_corr(results, model, scenarios, cells[name], notes)
        share = results.panel.answered.get(model)
        cells["answered"] = Cell("", np.nan) if share is None else Cell(f"{_floored(share)} %", share)
        return cells

    contest = {model: row(model) for model in places}
    bound = {model: row(model) for model in results.bounds}
    for model, cells in (*contest.items(), *bound.items()):  # last, as their marks are rarely shown
        cells.update(cost_cells(results, model, notes))
        cells["not_knowing"] = _not_knowing(results, model)
    for name in names:
        embolden(contest, results, name, name, scenarios)
    columns = _columns(names, results.level)
    if results.told:
        place = 1 + [column.name for column in columns].index("mae")
        head = Column("not_knowing", f"Not knowing {level_text(results.level)}", interval="shown")
        columns = (*columns[:place], head, *columns[place:])
    if any(results.panel.answered.get(model, 1.0) < 1 for model in results.estimates):
        columns = (*columns, Column("answered", "Answered"))
    rows = [row_of(cells, columns) for cells in contest.values()]
    rows += [row_of(cells, columns, rule=not i) for i, cells in enumerate(bound.values())]
    caption = (
        f"Mean over the scenarios of '{results.protocol}' for each seed, then over seeds. {results.sizes} "
        f"{interval_caption(results)} {bold_caption(results)} Models of one rank do not differ significantly by "
        "the same test; p (next) is its p for a model and the next. Every F1 was checked against "
        "what its accuracy allows."
    )
    if results.told:
        caption += (
            " Not knowing is the price of gaps that do not show: the MAE with the model's own estimate of integrity, "
            f"less that of the same trainings told which positions were filled; {NOTHING}: the model cannot be told."
        )
    paper = [column.name for column in columns if column.name in ("model", "answered", *names) and column.by_default]
    paper.append("rank")
    lacking = [Footnote(f"{line[0].upper()}{line[1:]}.") for line in without_classes(results.panel.label_range)]
    footnotes = (*notes.footnotes(), *lacking, *general_footnotes(results))
    return Table(results.title, columns, tuple(rows), footnotes, caption, tuple(paper), bold=bold_caption(results))


def _not_knowing(results: ProtocolResults, model: str) -> Cell:
    found = results.not_knowing(model, "mae")
    if found is None:
        return Cell(NOTHING, np.nan)
    return signed(number("mae", *(float(found[name]) for name in ("difference", "low", "high"))))


def _floored(share: float) -> str:
    """Return a share in per cent; 100 only if all were answered."""
    return f"{math.floor(1000 * share) / 10:g}"


def _columns(names: Sequence[str], level: float) -> tuple[Column, ...]:
    metrics = [
        replace(
            metric_column(name, "shown" if name == "mae" else "csv", level),
            by_default=METRICS[name].usual and name not in _LEFT_OUT,
        )
        for name in names
    ]
    tail = [Column("mae_sd", "MAE SD over seeds"), Column("p_next", "p (next)")]
    costs = [column for column in COST_COLUMNS if column.name in _COSTS]
    return (Column("rank", "Rank"), MODEL, SEEDS, *metrics, *tail, *costs)


@register_table("leaderboard", shows="every metric, ranks")
def _leaderboard(results: ProtocolResults, settings: TableSettings) -> Table:
    return leaderboard_table(results)
