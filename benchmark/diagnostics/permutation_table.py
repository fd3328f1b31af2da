"""Integrity permutation as a table for readers, with a verdict on the use of the scores."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from benchmark.diagnostics.permutation_data import CONTROL, OWN, SHUFFLED, TRUE
from benchmark.diagnostics.placing import table_rows
from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.statistics import SEEDS_FOR_ORDER
from benchmark.tables.cells import level_text, number, probability, ratio, signed
from benchmark.tables.table import Cell, Column, Footnote, Row, Table
from benchmark.words import listed, plural, sample_sizes

#: Mean change of a score below which shuffling cannot show whether scores are used.
CHANGED = 0.02


def permutation_table(data: pd.DataFrame, subject: str, protocol: str | None = None) -> Table:
    """Make the table of an integrity permutation.

    Rows are protocols and metrics, with the verdict below, or, with `protocol`, its points; `data` is made by
    `permutation_data`.

    Raises:
        InputError: for an unknown protocol.
    """
    return _summary(data, subject) if protocol is None else _by_point(data, subject, protocol)


def verdicts(data: pd.DataFrame) -> list[str]:
    """State for every protocol, in a sentence, which metrics get worse when the scores are shuffled.

    Significantly worse is a result of the paired test after Holm's correction, for another draw of videos and seeds. A
    metric worse in every single shuffling shows that these runs use the scores on these samples, even if little. Scores
    are called decoration only if some metric is significantly worse in the positive control, with shuffled text.
    """
    lines = []
    means = data[data["scenario"] == ""]
    detected = means[(means["given"] == CONTROL) & (means["p_holm"] < 1 - means["level"])].to_dict("records")
    for protocol, own in means[means["given"] == SHUFFLED].groupby("protocol", sort=False):
        control = [str(row["metric"]) for row in detected if row["protocol"] == protocol and _is_worse(row)]
        rows = own.to_dict("records")
        level, count, change = (rows[0][name] for name in ("level", "permutations", "change"))
        apart = [row for row in rows if row["p_holm"] < 1 - level]
        worse = [str(row["metric"]) for row in apart if _is_worse(row)]
        better = [str(row["metric"]) for row in apart if not _is_worse(row)]
        always = [str(row["metric"]) for row in rows if row["as_good"] == 0]
        if worse:
            says = f"shuffling the scores makes {_titles(worse)} worse: the model uses them"
        elif change < CHANGED:
            says = f"shuffling changes a score by {change:.3f} on average, too little to tell whether they are used"
        elif always:
            shufflings = "the one shuffling" if count == 1 else f"each of {count} shufflings"
            says = (
                f"{_titles(always)} worse in {shufflings}, but not beyond chance (videos and seeds, Holm-corrected): "
                "no proof that the scores are of use"
            )
        elif control:
            says = "nothing gets worse when the scores are shuffled: as far as these runs can tell, they are decoration"
        else:
            says = "nothing gets worse when the scores are shuffled, nor when the text is: too few data to tell"
        says += f"; {_titles(better)} better with shuffled scores" if better else ""
        says += f" (control: shuffled text makes {_titles(control)} worse)" if control else ""
        lines.append(f"{protocol}: {says}.")
    return lines


def _is_worse(row: dict[Hashable, Any]) -> bool:
    return bool((row["difference"] < 0) == METRICS[str(row["metric"])].higher_is_better)


def _titles(metrics: list[str]) -> str:
    return listed([METRICS[m].title for m in metrics])


def _summary(data: pd.DataFrame, subject: str) -> Table:
    level = float(data["level"].iloc[0])
    count = int(data["permutations"].iloc[0])
    first, rows = table_rows(data, None)
    columns = (
        first,
        Column("metric", "Metric", "left"),
        Column("change", "|ΔI|"),
        Column("own", "own"),
        Column("shuffled", "value", group="shuffled"),
        Column("shuffled_difference", f"− own {level_text(level)}", group="shuffled", interval="shown"),
        Column("shuffled_p", "p (Holm)", group="shuffled"),
        Column("as_good", "as good", group="shuffled"),
        Column("true", "value", group="true"),
        Column("true_difference", f"− own {level_text(level)}", group="true", interval="shown"),
        Column("true_p", "p (Holm)", group="true"),
        Column("control_difference", f"− own {level_text(level)}", group="control: text", interval="shown"),
        Column("control_p", "p (Holm)", group="control: text"),
    )
    made: list[Row] = []
    for name, part, _ in rows:
        for i, metric in enumerate(dict.fromkeys(part["metric"])):
            own, shuffled, true, control = (_row(part, str(metric), given) for given in (OWN, SHUFFLED, TRUE, CONTROL))
            cells = (
                Cell("" if i else name, name),
                Cell(METRICS[str(metric)].heading + (" (%)" if METRICS[str(metric)].percent else ""), str(metric)),
                Cell("", float(own["change"])) if i else ratio(float(own["change"])),
                number(str(metric), float(own["value"])),
                number(str(metric), float(shuffled["value"])),
                replace(_difference(shuffled), bold=bool(shuffled["p_holm"] < 1 - level)),
                probability(float(shuffled["p_holm"])),
                Cell(f"{int(shuffled['as_good'])} of {count}", int(shuffled["as_good"])),
                number(str(metric), float(true["value"])),
                replace(_difference(true), bold=bool(true["p_holm"] < 1 - level)),
                probability(float(true["p_holm"])),
                replace(_difference(control), bold=bool(control["p_holm"] < 1 - level)),
                probability(float(control["p_holm"])),
            )
            made.append(Row(cells, space=not i and bool(made)))
    caption = (
        f"{_sizes(data)} Means over the scenarios of a protocol with the model's own estimates of integrity, with "
        f"these shuffled among the test samples (mean over {plural(count, 'shuffling')}) and with the true integrity; "
        "control: with the own estimates and the encoded text of other samples, shuffled as the estimates were; "
        "|ΔI|: by how much shuffling changes a score; as good: shufflings that are at least as good as the own "
        "estimates. Differences are paired, over videos and seeds; p is Holm-corrected over the rows, intervals are "
        f"not. Bold: p below {1 - level:.3g}."
    )
    notes = [Footnote(line) for line in verdicts(data)] + _few(data)
    return Table(f"Integrity permutation: {subject}", columns, tuple(made), tuple(notes), caption)


def _by_point(data: pd.DataFrame, subject: str, protocol: str) -> Table:
    level = float(data["level"].iloc[0])
    first, rows = table_rows(data, protocol)
    metrics = [str(m) for m in dict.fromkeys(data["metric"])]
    columns = [first, Column("change", "|ΔI|")]
    for metric in metrics:
        head = METRICS[metric].heading + (" (%)" if METRICS[metric].percent else "")
        columns += [
            Column(metric, "own", group=head, interval="csv"),
            Column(f"{metric}_shuffled", f"shuffled − own {level_text(level)}", group=head, interval="shown"),
            Column(f"{metric}_true", f"true − own {level_text(level)}", group=head, interval="shown"),
        ]
    made = []
    for name, part, rule in rows:
        cells = [Cell(name), ratio(float(part["change"].iloc[0]))]
        for metric in metrics:
            own = _row(part, metric, OWN)
            cells.append(number(metric, *(float(own[c]) for c in ("value", "low", "high"))))
            cells += [_difference(_row(part, metric, given)) for given in (SHUFFLED, TRUE)]
        made.append(Row(tuple(cells), rule))
    caption = (
        f"{_sizes(data)} With the model's own estimates of integrity, and what changes when they are shuffled among "
        "the test samples or replaced by the true integrity; |ΔI|: by how much shuffling changes a score. Differences "
        "are paired, over videos and seeds. Bold: the interval leaves out 0 (every point separately, not corrected)."
    )
    return Table(f"Integrity permutation under {protocol}: {subject}", tuple(columns), tuple(made), (), caption)


def _row(part: pd.DataFrame, metric: str, given: str) -> pd.Series:
    return part[(part["metric"] == metric) & (part["given"] == given)].iloc[0]


def _difference(row: pd.Series) -> Cell:
    """Format a number with its sign, bold if the interval leaves out 0."""
    metric, low, high = str(row["metric"]), float(row["difference_low"]), float(row["difference_high"])
    cell = signed(number(metric, float(row["difference"]), low, high))
    return replace(cell, bold=bool(low > 0 or high < 0))


def _sizes(data: pd.DataFrame) -> str:
    samples, videos, seeds = (int(np.nanmax(data[name])) for name in ("samples", "videos", "seeds"))
    return f"{sample_sizes(samples, videos)}, {plural(seeds, 'seed')}."


def _few(data: pd.DataFrame) -> list[Footnote]:
    seeds = int(data["seeds"].max())
    if seeds >= SEEDS_FOR_ORDER:
        return []
    return [Footnote(f"Fewer than {SEEDS_FOR_ORDER} seeds: the differences may be those of another training.")]
