"""Tables of reported over measured numbers: a block of lines per model, a column per metric or point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.protocol_results import ORACLE
from benchmark.evaluation.statistics import SEEDS_FOR_ORDER
from benchmark.papers.below_leaderboards import awaited_note, provenance, reported_cell
from benchmark.papers.reported.schema import UNKNOWN_CONVENTION
from benchmark.papers.reproduce.comparison import difference_text
from benchmark.tables.table import Cell, Column, Footnote, Notes, Row, Table

_NOTHING = Cell("–", float("nan"))


@dataclass(frozen=True)
class TableColumn:
    """Column of a table: one metric at one point.

    Attributes:
        key: Key of the point.
        metric: Metric as reported; one of `UNKNOWN_CONVENTION` if the paper's convention is not stated.
        title: Title for readers.
    """

    key: str
    metric: str
    title: str


@dataclass(frozen=True)
class ReportedAndMeasured:
    """Reported and measured numbers of a table.

    Attributes:
        reported: Rows from `published`.
        measured: Numbers from `measure`, with points named by key.
        papers: Lines of `sources.csv` by id.
        awaited: Sources, by name of their model, whose numbers have not been entered.
        comparable: True if both are about the same data set.
        mask_informed: Models that read the masks at test time.
        seeds: Number of seeds of the study.
        remarks: Remarks on the trainings by model: see `benchmark.tables.remarks.training_texts`.
        undefined: Reason why a correlation is 0 by definition, by model and key of a point.
    """

    reported: pd.DataFrame
    measured: pd.DataFrame
    papers: Mapping[str, Mapping[str, str]]
    awaited: tuple[str, ...]
    comparable: bool
    mask_informed: frozenset[str] = frozenset()
    seeds: int = 0
    remarks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    undefined: Mapping[tuple[str, str], str] = field(default_factory=dict)


def stacked(
    title: str, heads: Sequence[TableColumn], sides: ReportedAndMeasured, caption: str, notes: Sequence[str]
) -> Table:
    """Make a table with, for every model, its reported numbers, ours with the interval, and the difference.

    Models of papers that the suite does not have are below a rule.
    """
    builder = _Builder(heads, sides)
    keys, metrics = {h.key for h in heads}, {h.metric for h in heads}
    reported = sides.reported[sides.reported["key"].isin(keys) & sides.reported["metric"].isin(metrics)]
    measured = [str(m) for m in dict.fromkeys(sides.measured["model"])]
    contest = [m for m in measured if m != ORACLE]
    named = [str(m) for m in dict.fromkeys(reported["model"]) if m]
    blocks = [
        builder.block(model, reported[reported["model"].eq(model)], True)
        for model in [*(m for m in named if m in contest), *(m for m in contest if m not in named)]
    ]
    below = [builder.block(ORACLE, reported.iloc[:0], True)] if ORACLE in measured else []
    rest = reported[~reported["model"].isin(measured)]
    below += [builder.block(str(m), rest[rest["method"].eq(m)], False) for m in dict.fromkeys(rest["method"])]
    below += [builder.awaited_block(s) for s in sides.awaited if s not in measured]
    rows = _spaced(blocks)
    others = _spaced(below)
    if others and rows:
        others[0] = replace(others[0], rule=True, space=False)
    columns = (
        Column("model", "Model", "left"),
        Column("line", "", "left"),
        *(Column(f"{h.key} {h.metric}", h.title) for h in heads),
    )
    footnotes = (*builder.notes.footnotes(), *(Footnote(note) for note in notes))
    return Table(title, columns, (*rows, *others), footnotes, caption)


def _spaced(blocks: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the rows of all blocks; blocks of several lines are separated."""
    rows: list[Row] = []
    before = 0
    for block in blocks:
        for i, row in enumerate(block):
            rows.append(replace(row, space=i == 0 and bool(before) and max(len(block), before) > 1))
        before = len(block)
    return rows


class _Builder:
    """Maker of the lines of a table, which collects its footnotes."""

    def __init__(self, heads: Sequence[TableColumn], sides: ReportedAndMeasured) -> None:
        self.heads, self.sides, self.notes = heads, sides, Notes()
        self._measured = {
            (str(row["model"]), str(row["point"]), str(row["metric"])): row for row in sides.measured.to_dict("records")
        }

    def block(self, model: str, reported: pd.DataFrame, measured: bool) -> list[Row]:
        """Return the lines of one model."""
        name = f"{model} (mask-informed)" if model in self.sides.mask_informed else model
        if model == ORACLE:
            mark = self.notes.mark("the best possible prediction, known from the generator: a bound")
            return [
                Row((Cell(name if i == 0 else "", name, note=mark if i == 0 else ""), *line))
                for i, line in enumerate(
                    line for kind in self._conventions() for line in self._measured_lines(model, kind)
                )
            ]
        papers = [frame for _, frame in reported.groupby(["source", "table"], sort=False)]
        lines = [self._reported_line(frame) for frame in papers]
        if model in self.sides.awaited and measured:
            lines.append(self._awaited_line(model))
        for metric_of in self._conventions() if measured else []:
            lines += self._measured_lines(model, metric_of)
        if measured and self.sides.comparable:
            lines += [self._difference_line(model, frame, len(papers) > 1) for frame in papers]
        lines = [line for line in lines if line]
        return [Row((Cell(name if i == 0 else "", name), *line)) for i, line in enumerate(lines)]

    def awaited_block(self, source: str) -> list[Row]:
        """Return the empty line of a paper whose model is not measured either."""
        return [Row((Cell(self.sides.papers[source]["name"]), *self._awaited_line(source)))]

    def _conventions(self) -> list[dict[str, str]]:
        """Return our metrics for the columns: both conventions for neutral samples if a paper states none."""
        if not any(h.metric in UNKNOWN_CONVENTION for h in self.heads):
            return [{h.metric: h.metric for h in self.heads}]
        kinds = [h.metric.partition("_")[0] for h in self.heads]
        return [{h.metric: f"{k}_{s}" for h, k in zip(self.heads, kinds, strict=True)} for s in ("non0", "has0")]

    def _reported_line(self, frame: pd.DataFrame) -> list[Cell]:
        first = {str(k): v for k, v in frame.iloc[0].items()}
        paper = self.sides.papers[str(first["source"])]
        at = {(str(row["key"]), str(row["metric"])): row for row in frame.to_dict("records")}
        cells = [
            reported_cell({str(k): v for k, v in at[h.key, h.metric].items()}, self.notes)
            if (h.key, h.metric) in at
            else _NOTHING
            for h in self.heads
        ]
        point = str(first["point"]) if frame["point"].nunique() == 1 else ""
        return [Cell(f"reported, {paper['name']}", note=self.notes.mark(provenance(first, paper, point))), *cells]

    def _awaited_line(self, model: str) -> list[Cell]:
        paper = self.sides.papers[model]
        return [
            Cell(f"reported, {paper['name']}", note=self.notes.mark(awaited_note(model, paper))),
            *(_NOTHING for _ in self.heads),
        ]

    def _measured_lines(self, model: str, metric_of: Mapping[str, str]) -> list[list[Cell]]:
        found = [self._measured.get((model, h.key, metric_of[h.metric])) for h in self.heads]
        first = next((row for row in found if row is not None), None)
        if first is None:
            return []
        seeds = int(first["seeds"])
        other = next(iter(metric_of.values())) if set(metric_of) & set(UNKNOWN_CONVENTION) else ""
        text = "measured" + (f", {METRICS[other].title}" if other else "")
        notes = [f"fewer than {SEEDS_FOR_ORDER} seeds: the interval says little about another training"]
        notes = notes if seeds < SEEDS_FOR_ORDER and model != ORACLE else []
        if seeds < self.sides.seeds and model != ORACLE:
            notes.append(f"mean over {seeds} of {self.sides.seeds} seeds: the others have no numbers")
        notes += self.sides.remarks.get(model, ())
        if any(row is not None and row["flag"] == "hole" for row in found):
            notes.append("some of its cells are missing; run it again")
        lines = [[Cell(text, note=self.notes.mark(*notes))]]
        lines += [[Cell("95 % from")], [Cell("95 % to")]]
        for head, row in zip(self.heads, found, strict=True):
            for line, column in zip(lines, ("measured", "low", "high"), strict=True):
                value = float(row[column]) if row is not None else np.nan
                text = self.sides.undefined.get((model, head.key), "")
                mark = self.notes.mark(text) if text and head.metric == "corr" and column == "measured" else ""
                line.append(
                    Cell(METRICS[metric_of[head.metric]].format(value), value, note=mark)
                    if np.isfinite(value)
                    else _NOTHING
                )
        return lines

    def _difference_line(self, model: str, frame: pd.DataFrame, several: bool) -> list[Cell]:
        at = {(str(row["key"]), str(row["metric"])): row for row in frame.to_dict("records")}
        cells = []
        for head in self.heads:
            theirs, ours = at.get((head.key, head.metric)), self._measured.get((model, head.key, head.metric))
            if theirs is None or ours is None or not theirs["valid"]:
                cells.append(_NOTHING)
                continue
            factor = 100.0 if METRICS[head.metric].percent else 1.0
            value = factor * float(ours["measured"]) - float(theirs["value"])
            cells.append(Cell(difference_text(head.metric, value), value / factor))
        if all(cell is _NOTHING for cell in cells):
            return []
        name = self.sides.papers[str(frame["source"].iloc[0])]["name"]
        return [Cell(f"difference from {name}" if several else "difference"), *cells]
