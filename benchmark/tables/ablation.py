"""A model and its variants: the contribution of each part."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmark.evaluation.metrics import METRICS, usual_metrics
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.tables.cells import (
    MODEL,
    NOTHING,
    SEEDS,
    Cells,
    interval_caption,
    level_text,
    metric_column,
    metric_title,
    row_of,
    values_of,
)
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.pairs import compare_pairs, difference_cells
from benchmark.tables.remarks import checked_corr, checked_f1, gap_texts, general_footnotes, identity
from benchmark.tables.table import Cell, Column, Footnote, Notes, Table
from protocols import InputError

_LEFT_OUT = ("acc3", "acc3_sims")


def has_ablation(results: ProtocolResults, variants: Mapping[str, str]) -> bool:
    """Return True if the base model, the first of the variants, and another variant have results."""
    base, *others = variants
    return base in results.contest and any(name in results.contest for name in others)


def ablation_table(results: ProtocolResults, variants: Mapping[str, str], metric: str = "mae") -> Table:
    """Make a table of the base model, then every variant in order, each with its paired difference to the base.

    Raises:
        InputError: if the base or every variant is missing, or the base has a hole.
    """
    results.panel.check_metrics([metric])
    base, *others = variants
    own = list(results.panel.models)
    there = [name for name in others if name in results.contest]
    if base not in results.contest or not there:
        absent = [name for name in variants if name not in own]
        advice = results.add_models(absent, own) if absent else "evaluate them under it"
        raise InputError(f"protocol '{results.protocol}': no '{base}' and variant of it to compare; {advice}")
    if results.contest[base].holes(results.scenarios):
        raise InputError(f"protocol '{results.protocol}': '{base}' has missing cells; run the study to the end first")
    names = [name for name in usual_metrics(results.panel.label_range) if name not in _LEFT_OUT]
    found = values_of(results, {"mean": results.scenarios}, names)
    whole = [name for name in there if not results.contest[name].holes(results.scenarios)]
    compared = {str(row["a"]): row for row in _compared(results, metric, whole, base)}
    notes = Notes()

    def row(model: str) -> Cells:
        cells = identity(results, results.contest[model], notes)
        told = cells["model"].text.removeprefix(model)  # mark of a model that reads the masks, if its name is not shown
        cells["what"] = Cell(f"{variants[model]}{told}", note=cells["model"].note)
        cells |= {name: found[model, "mean", name] for name in names}
        for name in names:
            if METRICS[name].accuracy:
                cells[name] = checked_f1(results, name, cells[METRICS[name].accuracy], cells[name], notes)
        if "corr" in cells:
            cells["corr"] = checked_corr(results, model, results.scenarios, cells["corr"], notes)
        blank = "" if model == base else NOTHING
        cells |= {name: Cell(blank, np.nan) for name in ("difference", "p", "p_corrected")} | {"apart": Cell(blank, "")}
        if model in compared:
            cells |= difference_cells(results, metric, compared[model])
        return cells

    columns = (
        MODEL,
        Column("what", "What is different", "left"),
        SEEDS,
        *(metric_column(name, "csv") for name in names),
        Column("difference", f"Δ {METRICS[metric].title} {level_text(results.level)}", interval="shown"),
        Column("p", "p"),
        Column("p_corrected", "p (corrected)"),
        Column("apart", "Significant", "left"),
    )
    rows = [row_of(row(base), columns), *(row_of(row(m), columns, rule=not i) for i, m in enumerate(there))]
    direction = "below 0: the variant is better" if not METRICS[metric].higher_is_better else "above 0: it is better"
    caption = (
        f"Variants of {base}, means over the scenarios and seeds. Δ: variant − {base} in {metric_title(metric)}, "
        f"paired ({direction}); p is two-sided, corrected for the variants. {results.sizes} "
        f"{interval_caption(results)}"
    )
    absent = [
        name for name in others if name not in own and name not in gap_texts(results.panel.missing, results.scenarios)
    ]
    more = (
        [Footnote(f"Not in the study: {', '.join(absent)}.", remedy=f"added by {results.add_models(absent, own)}")]
        if absent
        else []
    )
    footnotes = (*notes.footnotes(), *more, *general_footnotes(results, every_model=False))
    title = f"{results.heading}: ablation of {base}"
    chosen = [name for name in ("mae", "corr", "acc7", "acc5_sims", "acc2_non0", "f1_non0", "f1_sims") if name in names]
    paper = ("what", *chosen, "difference", "p_corrected")
    return Table(title, columns, tuple(rows), footnotes, caption, paper)


def _compared(results: ProtocolResults, metric: str, variants: list[str], base: str) -> list[dict[object, object]]:
    if not variants:
        return []
    return compare_pairs(results, metric, [(name, base) for name in variants], chosen=True).to_dict("records")


def _no_variants(results: ProtocolResults, settings: TableSettings) -> str:
    if settings.variants and has_ablation(results, settings.variants):
        return ""
    base, *others = settings.variants or ("a model",)
    variants = f" such as {others[0]}" if others else ""
    return f"the study has no {base} with a variant{variants}; add both to its models"


@register_table("ablation", shows="a model and its variants", why_not=_no_variants)
def _ablation(results: ProtocolResults, settings: TableSettings) -> Table:
    return ablation_table(results, settings.variants, settings.metric)
