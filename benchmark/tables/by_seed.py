"""One row per training: its run, and one metric under every scenario, so that a number leads to its predictions."""

from __future__ import annotations

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import TOLD
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.tables.cells import MODEL, NOTHING, Cells, metric_title, number, row_of
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.remarks import general_footnotes, identity
from benchmark.tables.table import Cell, Column, Notes, Row, Table


def seeds_table(results: ProtocolResults, metric: str = "mae") -> Table:
    """Make a table of one metric with a row per training: model, seed, ids of its runs, mean over the scenarios.

    The scenarios themselves are columns of the CSV, and printed where they have names, as in `inter-subsets`. Folds are
    pooled: a row of a family of splits has several runs.

    Raises:
        InputError: if nothing was evaluated under the protocol, or labels of this range have no such metric.
    """
    results.panel.check_metrics([metric])
    ticks = [str(tick) for tick in results.points["tick"]]
    named_points = bool(results.points["x"].isna().all())
    columns = (
        MODEL,
        Column("seed", "Seed"),
        Column("runs", "Run", "left"),
        Column("mean", f"Mean {METRICS[metric].heading}"),
        *(
            Column(scenario, tick or scenario, by_default=named_points)
            for scenario, tick in zip(results.scenarios, ticks, strict=True)
        ),
    )
    notes = Notes()
    rows: list[Row] = []
    for model in (*results.ordered(metric), *results.bounds):
        own = results.rows[model]
        named = identity(results, own, notes)["model"]
        values = own.values[:, [own.scenarios.index(s) for s in results.scenarios], own.metrics.index(metric)]
        for seed, line in zip(own.seeds, values, strict=True):
            cells: Cells = {"model": named, "seed": Cell(str(seed), seed), "runs": Cell(_runs(results, model, seed))}
            cells["mean"] = number(metric, float(line.mean()))
            cells |= {s: number(metric, float(value)) for s, value in zip(results.scenarios, line, strict=True)}
            rows.append(row_of(cells, columns, rule=model in results.bounds and model != rows[-1].cells[0].text))
    caption = (
        f"{METRICS[metric].title} of each training ({METRICS[metric].definition}); a leaderboard shows its mean over "
        f"the seeds. {results.sizes} The CSV has every scenario. Predictions: `predictions()` of the results in Python."
    )
    title = f"{results.heading}: {metric_title(metric)} by seed"
    return Table(title, columns, tuple(rows), (*notes.footnotes(), *general_footnotes(results)), caption)


def _runs(results: ProtocolResults, model: str, seed: int) -> str:
    runs = results.panel.runs
    if not {"model", "seed", "runs"} <= set(runs.columns):
        return NOTHING
    own = runs[(runs["model"] == model.removesuffix(TOLD)) & (runs["seed"] == seed)]["runs"]
    return ", ".join(i for text in own for i in str(text or "").split(",") if i) or NOTHING


@register_table("seeds", shows="one metric of every training, with its run", written=False)
def _seeds(results: ProtocolResults, settings: TableSettings) -> Table:
    return seeds_table(results, settings.metric)
