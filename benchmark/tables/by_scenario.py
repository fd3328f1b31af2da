"""One metric under every scenario of a protocol: rates, subsets of modalities, and grids of two rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.tables.cells import (
    MODEL,
    SEEDS,
    Cells,
    bold_caption,
    embolden,
    interval_caption,
    metric_title,
    row_of,
    values_of,
)
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.remarks import checked_corr, checked_f1, general_footnotes, identity
from benchmark.tables.table import Cell, Column, Footnote, Notes, Row, Table
from protocols import MODALITIES, InputError


def scenarios_table(results: ProtocolResults, metric: str = "mae") -> Table:
    """Make a table of one metric under every scenario: rows are models, columns the ticks of the axis, then the mean.

    Raises:
        InputError: if nothing was evaluated under the protocol, or labels of this range have no such metric.
    """
    results.panel.check_metrics([metric])
    ticks = [str(tick) or scenario for tick, scenario in zip(results.points["tick"], results.scenarios, strict=True)]
    axes = [str(axis) for axis in dict.fromkeys(results.points["axis"]) if axis]
    second = [str(axis) for axis in dict.fromkeys(results.points["axis2"]) if axis]
    along = ", ".join((*axes, *second))
    one = along if len(axes) == 1 and not second else ""
    columns = [Column(s, t, group=one, interval="csv") for s, t in zip(results.scenarios, ticks, strict=True)]
    title = f"{results.heading}: {metric_title(metric)} by scenario"
    return _table(results, metric, columns, title, f"Columns: {along}. " if along and not one else "")


def subsets_table(results: ProtocolResults, metric: str = "mae") -> Table:
    """Make a table of one metric under every subset of modalities: columns {t}, {a}, {v}, {t,a} ... and the means.

    The literature averages over all seven subsets or over the six incomplete ones; each mean has its own column.

    Raises:
        InputError: for a protocol of other scenarios, or a metric that labels of this range do not have.
    """
    if not results.shape.subsets:
        raise InputError(f"protocol '{results.protocol}' has no subsets of modalities; use inter-subsets")
    results.panel.check_metrics([metric])
    columns, incomplete = [], []
    for scenario, tick in zip(results.scenarios, results.points["tick"], strict=True):
        available = str(tick).split("+")
        letters = ",".join(name[0] for name in available)
        columns.append(Column(scenario, f"{{{letters}}}", group="available modalities", interval="csv"))
        if set(available) != set(MODALITIES):
            incomplete.append(scenario)
    title = f"{results.heading}: {metric_title(metric)} by available modalities"
    extra = {"mean_incomplete": ("of incomplete", incomplete)} if len(incomplete) < len(columns) else {}
    return _table(results, metric, columns, title, "t: text, a: audio, v: vision. ", extra)


def grid_table(results: ProtocolResults, metric: str = "mae") -> Table:
    """Make a table of one metric on a grid of two rates: a block of models per value of the first, a column per second.

    Models are compared within a block; points off the grid appear only in the table of scenarios.

    Raises:
        InputError: for a protocol without a second axis, or a metric that labels of this range do not have.
    """
    results.panel.check_metrics([metric])
    grid = results.shape.grid
    if grid is None:
        raise InputError(f"protocol '{results.protocol}' has no grid of two axes; use uncertain")
    places, (first, second) = grid.places, grid.axes
    outer, inner = (sorted({place[i] for place in places}) for i in (0, 1))
    groups = {scenario: (scenario,) for scenario in places.values()}
    lines = {x: [places[x, y] for y in inner if (x, y) in places] for x in outer}
    found = values_of(results, groups | {f"mean {x}": own for x, own in lines.items()}, [metric])
    columns = (
        Column("x", first.capitalize()),
        MODEL,
        *(Column(f"{y:g}", f"{y:g}", group=second, interval="csv") for y in inner),
        Column("mean", "Mean", interval="csv"),
    )
    notes = Notes()
    rows: list[Row] = []
    for x in outer:
        block: dict[str, Cells] = {}
        for model in (*results.ordered(metric), *results.bounds):
            cells = identity(results, results.rows[model], notes)
            cells["x"] = Cell("" if block else f"{x:g}", x)
            for y in inner:
                scenario = places.get((x, y), "")
                cells[f"{y:g}"] = found.get((model, scenario, metric), Cell("", float("nan")))
            cells["mean"] = found[model, f"mean {x}", metric]
            if metric == "corr":
                at = {f"{y:g}": [places[x, y]] for y in inner if (x, y) in places} | {"mean": lines[x]}
                cells |= {name: checked_corr(results, model, own, cells[name], notes) for name, own in at.items()}
            block[model] = cells
        contest = {model: cells for model, cells in block.items() if model not in results.bounds}
        for y in inner:
            if (x, y) in places:
                embolden(contest, results, f"{y:g}", metric, [places[x, y]])
        embolden(contest, results, "mean", metric, lines[x])
        rows += [row_of(cells, columns, space=not i) for i, cells in enumerate(block.values())]
    off = [s for s in results.scenarios if s not in groups]
    more = [Footnote(f"Not on the grid: {', '.join(off)}; see the table of scenarios.")] if off else []
    caption = f"Mean over seeds ({METRICS[metric].definition}). {results.sizes} {bold_caption(results)}"
    title = f"{results.heading}: {metric_title(metric)} by {first} and {second}"
    return Table(
        title,
        columns,
        tuple(rows),
        (*notes.footnotes(), *more, *general_footnotes(results)),
        caption,
        bold=bold_caption(results),
    )


def _table(
    results: ProtocolResults,
    metric: str,
    points: Sequence[Column],
    title: str,
    along: str,
    extra: Mapping[str, tuple[str, Sequence[str]]] | None = None,
) -> Table:
    """Make a table with models as rows and scenarios as columns, then their mean; `extra` are further means."""
    means = {"mean": ("of all" if extra else "Mean", results.scenarios), **(extra or {})}
    groups = {scenario: (scenario,) for scenario in results.scenarios} | {n: own for n, (_, own) in means.items()}
    accuracy = METRICS[metric].accuracy
    found = values_of(results, groups, [metric, *filter(None, [accuracy])])
    notes = Notes()

    def row(model: str) -> Cells:
        cells = identity(results, results.rows[model], notes)
        for group, own in groups.items():
            cells[group] = found[model, group, metric]
            if metric == "corr":
                cells[group] = checked_corr(results, model, own, cells[group], notes)
            if accuracy:
                cells[group] = checked_f1(results, metric, found[model, group, accuracy], cells[group], notes)
        return cells

    contest = {model: row(model) for model in results.ordered(metric)}
    for name, own in groups.items():
        embolden(contest, results, name, metric, own)
    group = "mean" if extra else ""
    last = [Column(name, head, group=group, interval="csv") for name, (head, _) in means.items()]
    columns = (MODEL, SEEDS, *points, *last)
    rows = [row_of(cells, columns) for cells in contest.values()]
    rows += [row_of(row(model), columns, rule=not i) for i, model in enumerate(results.bounds)]
    caption = (
        f"{along}Mean over seeds ({METRICS[metric].definition}). {results.sizes} {bold_caption(results)} "
        f"The CSV has an interval for every number. {interval_caption(results)}"
    )
    paper = tuple(column.name for column in columns if column.name != "seeds")
    return Table(
        title,
        columns,
        tuple(rows),
        (*notes.footnotes(), *general_footnotes(results)),
        caption,
        paper,
        bold=bold_caption(results),
    )


def _no_subsets(results: ProtocolResults, settings: TableSettings) -> str:
    if results.shape.subsets:
        return ""
    return f"protocol '{results.protocol}' has no subsets of modalities; run inter-subsets"


def _no_grid(results: ProtocolResults, settings: TableSettings) -> str:
    return "" if results.shape.grid else f"protocol '{results.protocol}' has no grid of two axes; run uncertain"


@register_table("scenarios", shows="one metric under every scenario")
def _scenarios(results: ProtocolResults, settings: TableSettings) -> Table:
    return scenarios_table(results, settings.metric)


@register_table("subsets", shows="one metric by available modalities", why_not=_no_subsets)
def _subsets(results: ProtocolResults, settings: TableSettings) -> Table:
    return subsets_table(results, settings.metric)


@register_table("grid", shows="one metric over two rates", why_not=_no_grid)
def _grid(results: ProtocolResults, settings: TableSettings) -> Table:
    return grid_table(results, settings.metric)
