"""Costs of models, beside their accuracy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmark.evaluation.protocol_results import ORACLE, ProtocolResults
from benchmark.tables.cells import (
    MODEL,
    NOTHING,
    SEEDS,
    Cells,
    bold_caption,
    count_text,
    duration_text,
    embolden,
    interval_caption,
    metric_column,
    row_of,
    values_of,
)
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.remarks import checked_corr, general_footnotes, identity
from benchmark.tables.table import Cell, Column, Notes, Table
from protocols import InputError


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


#: Columns of `Panel.runs` that are costs, with head and format. The optional ones are not always
#: recorded.
_COSTS: dict[str, tuple[Column, Callable[[float], str], bool]] = {
    "parameters": (Column("parameters", "Parameters"), count_text, False),
    "flops": (Column("flops", "FLOPs/sample"), count_text, True),
    "train_seconds": (Column("train_seconds", "Training"), duration_text, False),
    "epochs": (Column("epochs", "Epochs"), lambda value: f"{value:.0f}", True),
    "inference_ms": (Column("inference_ms", "ms/sample"), _three_digits, False),
    "inference_ms_p95": (Column("inference_ms_p95", "ms/sample p95"), _three_digits, True),
    "peak_memory_mb": (Column("peak_memory_mb", "Peak MB"), _three_digits, True),
}
#: Costs that other processes on the machine change.
_TIMES = ("train_seconds", "inference_ms", "inference_ms_p95")
#: Mean number of other processes from which times are marked.
_LOAD = 0.5
COST_COLUMNS = tuple(column for column, _, _ in _COSTS.values())


def cost_cells(results: ProtocolResults, model: str, notes: Notes) -> Cells:
    """Return the costs of a model by column, as means over its trainings; a dash for costs that were not recorded.

    Marked are times of runs beside which other processes ran, and prediction times of older versions, which recorded
    the mean instead of the median.

    Raises:
        InputError: if the panel's runs have no column for a required cost.
    """
    runs = results.panel.runs
    needed = ["model", *(name for name, (_, _, optional) in _COSTS.items() if not optional)]
    absent = [name for name in needed if name not in runs]
    if absent:
        raise InputError(f"panel: runs have no column '{absent[0]}'; found {', '.join(map(str, runs.columns))}")
    own = runs[runs["model"] == model]
    cells: Cells = {}
    for name, (_, write, _) in _COSTS.items():
        known = own[name].to_numpy(dtype=np.float64) if name in own else np.zeros(0)
        known = known[np.isfinite(known)]
        value = float(known.mean()) if len(known) else np.nan
        cells[name] = Cell(write(value) if len(known) else NOTHING, value)
    beside = float(own["other_load"].mean()) if "other_load" in own else np.nan
    if beside >= _LOAD:
        remark = f"timed while other processes ran (about {int(beside + 0.5)}): a quiet machine is faster"
        cells |= {name: notes.on(cells[name], remark) for name in _TIMES if cells[name].text != NOTHING}
    if cells["inference_ms_p95"].text == NOTHING != cells["inference_ms"].text:
        remark = "a mean, not a median: the run was recorded by a version that kept no more"
        cells["inference_ms"] = notes.on(cells["inference_ms"], remark)
    return cells


def cost_table(results: ProtocolResults, metric: str = "mae") -> Table:
    """Make a table of parameters, FLOPs, training time, inference time and memory beside a metric's mean.

    Columns without any recorded value are left out.

    Raises:
        InputError: for a metric without a definition for the labels, or if nothing was evaluated under the protocol.
    """
    results.panel.check_metrics([metric])
    found = values_of(results, {"mean": results.scenarios}, [metric])
    notes = Notes()

    def row(model: str) -> Cells:
        cells = identity(results, results.estimates[model], notes)
        cells |= {metric: found[model, "mean", metric]} | cost_cells(results, model, notes)
        if metric == "corr":
            cells[metric] = checked_corr(results, model, results.scenarios, cells[metric], notes)
        return cells

    contest = {model: row(model) for model in results.ordered(metric)}
    embolden(contest, results, metric, metric, results.scenarios)
    bound = {ORACLE: row(ORACLE)} if ORACLE in results.estimates else {}
    recorded = [c for c in COST_COLUMNS if any(cells[c.name].text != NOTHING for cells in contest.values())]
    columns = (MODEL, SEEDS, metric_column(metric, "shown", results.level), *recorded)
    rows = [row_of(cells, columns) for cells in contest.values()]
    rows += [row_of(cells, columns, rule=True) for cells in bound.values()]
    caption = (
        f"{results.sizes} {interval_caption(results)} {bold_caption(results)} Costs are means over trainings; training "
        "is wall-clock time on the machine of the run; ms/sample is the median time of a prediction within a batch."
    )
    paper = tuple(column.name for column in columns if column.name not in {"seeds", "epochs"})
    footnotes = (*notes.footnotes(), *general_footnotes(results))
    return Table(
        f"{results.heading}: accuracy and cost",
        columns,
        tuple(rows),
        footnotes,
        caption,
        paper,
        bold=bold_caption(results),
    )


@register_table("cost", shows="parameters, times, memory")
def _cost(results: ProtocolResults, settings: TableSettings) -> Table:
    return cost_table(results, settings.metric)
