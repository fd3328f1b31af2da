"""Paired differences between models with intervals, p-values and their correction over the table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.statistics import SEEDS_FOR_ORDER, compare_all, corrected
from benchmark.tables.cells import NOTHING, level_text, metric_title, number, probability, row_of, signed
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.remarks import checked_corr, general_footnotes, identity
from benchmark.tables.table import Cell, Column, Footnote, Notes, Table
from benchmark.words import plural
from protocols import InputError, unknown_name

#: Values of `against` beside the names of models.
BEST, ALL = "best", "all"


def pairs_table(results: ProtocolResults, metric: str = "mae", against: str = BEST, *, at_once: bool = False) -> Table:
    """Make a table of differences between models in the mean over a protocol's scenarios, by a paired bootstrap.

    Args:
        results: Results of a protocol.
        metric: Name of the metric.
        against: `best`: every model against the best of those with three seeds; `all`: every pair; or the name of a
            model that all others are compared with. p is corrected for all pairs of models, since the best is not known
            before; against a named model, for the rows of the table.
        at_once: Widen the intervals so that those of all rows hold at once (Bonferroni).

    Raises:
        InputError: if there are not two models without holes, or no model of that name.
    """
    results.panel.check_metrics([metric])
    pairs = _pairs(results, metric, against)
    chosen = against not in (BEST, ALL)
    level = 1 - (1 - results.level) / len(pairs) if at_once else results.level
    table = compare_pairs(results, metric, pairs, chosen=chosen, level=level)
    notes = Notes()
    columns = (
        Column("a", "A", "left"),
        Column("b", "B", "left"),
        Column("value_a", "A", group=metric_title(metric)),
        Column("value_b", "B", group=metric_title(metric)),
        Column(
            "difference", f"A − B {level_text(results.level)}{', all at once' if at_once else ''}", interval="shown"
        ),
        Column("p", "p"),
        Column("p_corrected", "p (corrected)"),
        Column("apart", "Significant", "left"),
    )
    rows = []
    for row in table.to_dict("records"):
        cells = {side: identity(results, results.estimates[str(row[side])], notes)["model"] for side in ("a", "b")}
        cells |= {side: number(metric, float(row[side])) for side in ("value_a", "value_b")}
        if metric == "corr":
            cells |= {
                side: checked_corr(results, str(row[side[-1]]), results.scenarios, cells[side], notes)
                for side in ("value_a", "value_b")
            }
        cells |= difference_cells(results, metric, row)
        rows.append(row_of(cells, columns))
    direction = "higher is better" if METRICS[metric].higher_is_better else "lower is better"
    caption = (
        f"Paired differences A − B of the mean over the scenarios ({direction}). {results.sizes} Intervals and p: "
        f"paired bootstrap over videos ({results.draws} draws) and spread over seeds, with Student's t"
        f"{'' if at_once else ', each row alone'}; p is two-sided. p (corrected) and Significant are corrected for "
        f"{plural(len(table), 'row') if chosen else 'all pairs of models'}, the intervals "
        f"{'for the rows (Bonferroni): all hold at once' if at_once else 'are not'}."
    )
    footnotes = (*notes.footnotes(), *_left_out(results), *general_footnotes(results))
    other = str(table["b"].iloc[0])
    whom = "all pairs" if against == ALL else f"against {other}{', the best' if against == BEST else ''}"
    title = f"{results.heading}: differences in {METRICS[metric].title}, {whom}"
    paper = ("a", *(["b"] if against == ALL else []), "difference", "p_corrected", "apart")
    return Table(title, columns, tuple(rows), footnotes, caption, paper)


def compare_pairs(
    results: ProtocolResults,
    metric: str,
    pairs: Sequence[tuple[str, str]],
    *,
    chosen: bool,
    level: float | None = None,
) -> pd.DataFrame:
    """Return `statistics.compare` of every pair, with `p_corrected`.

    Args:
        results: Results of a protocol.
        metric: Name of the metric.
        pairs: Pairs of names of models.
        chosen: True if the pairs were chosen before the results were known, so that p is corrected for these alone.
        level: Confidence level of the intervals; default: that of the results.
    """
    known = results.contest
    table = compare_all(known, metric, results.scenarios, pairs, level=level or results.level)
    p = corrected(known, metric, results.scenarios, pairs) if chosen else results.corrected(metric)
    table["p_corrected"] = [p.get(pair, np.nan) for pair in pairs]
    return table


def difference_cells(results: ProtocolResults, metric: str, row: dict[object, object]) -> dict[str, Cell]:
    """Return the cells `difference`, `p`, `p_corrected` and `apart` of a row of `compare_pairs`."""
    values = {name: float(str(row[name])) for name in ("difference", "low", "high", "p", "p_corrected")}
    difference = number(metric, values["difference"], values["low"], values["high"])
    p = values["p_corrected"]
    few = "few seeds" in str(row["flag"])
    apart = NOTHING if np.isnan(p) or few else "yes" if p <= 1 - results.level else "no"
    return {
        "difference": signed(difference),
        "p": probability(values["p"]),
        "p_corrected": probability(p),
        "apart": Cell(apart, None if apart != NOTHING else ""),
    }


def whole_models(results: ProtocolResults, metric: str) -> list[str]:
    """Return the models without a hole, the best first."""
    return [model for model in results.ordered(metric) if not results.contest[model].holes(results.scenarios)]


def _pairs(results: ProtocolResults, metric: str, against: str) -> list[tuple[str, str]]:
    whole = whole_models(results, metric)
    if against not in (BEST, ALL) and against not in whole:
        raise unknown_name("model to compare with", against, (BEST, ALL, *whole))
    if len(whole) < 2:
        raise InputError(
            f"protocol '{results.protocol}': {len(whole)} models without holes, expected at least 2 to compare; "
            "run what is missing"
        )
    if against == ALL:
        return [(a, b) for i, a in enumerate(whole) for b in whole[i + 1 :]]
    if against == BEST:
        seeded = [model for model in whole if len(results.contest[model].seeds) >= SEEDS_FOR_ORDER]
        against = (seeded or whole)[0]
    return [(model, against) for model in whole if model != against]


def _left_out(results: ProtocolResults) -> list[Footnote]:
    holed = [model for model, own in results.contest.items() if own.holes(results.scenarios)]
    return [Footnote(f"Left out, as cells are missing: {', '.join(holed)}.")] if holed else []


def _too_few(results: ProtocolResults, settings: TableSettings) -> str:
    if len(whole_models(results, settings.metric)) > 1:
        return ""
    return f"protocol '{results.protocol}' has fewer than two models without missing cells"


@register_table("pairs", shows="which models differ", why_not=_too_few)
def _default_pairs(results: ProtocolResults, settings: TableSettings) -> Table:
    return pairs_table(results, settings.metric, settings.against)
