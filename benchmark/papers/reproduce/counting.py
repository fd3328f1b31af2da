"""Tables and figures that need no training: data set statistics and label distributions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.data.description import Description, describe
from benchmark.data.reference import Reference
from benchmark.data.sources import load_samples
from benchmark.papers.reported.checks import TEST_LABELS
from benchmark.papers.reproduce.needs import NEEDS, data_facts
from benchmark.papers.reproduce.setup import Setup
from benchmark.tables.table import Cell, Column, Footnote, Row, Table

_COLUMNS = (
    Column("dataset", "Data set", "left"),
    Column("part", "Part", "left"),
    *(Column(name, name.capitalize()) for name in ("samples", "videos", "negative", "zero", "positive")),
    Column("mean", "Label mean"),
    Column("deviation", "Label sd"),
)


def count(setup: Setup, folder: Path, formats: Sequence[str]) -> tuple[list[Table], list[Path]]:
    """Make the statistics table, and for `distributions` the figures of every data set."""
    described = [
        (str(data), published, describe(load_samples(data.name), data.split or None, probe=False))
        for data, published in ((Reference.parse(name), published) for name, published in setup.data)
    ]
    rows = [row for name, published, own in described for row in _rows(name, published, own)]
    notes = [Footnote(f"{data_facts(name)}.") for name, _, _ in described]
    notes.append(Footnote("Published: labels of the official test set. CH-SIMS counts labels of 0 as negative."))
    table = Table("Samples and labels of every part", _COLUMNS, tuple(rows), tuple(notes), f"{setup.item.paper}.")
    files: list[Path] = []
    if setup.item.kind == "distributions":
        from benchmark.figures.distributions import plot_distributions  # imports matplotlib

        for _, _, own in described:
            files += plot_distributions(own.to_dict(), folder, formats=formats)
    return [table], files


def _rows(name: str, published: str, description: Description) -> list[Row]:
    rows: list[Row] = []
    for part in description.parts:
        if part.split != description.split:
            continue
        counts = (part.samples, part.videos, part.negative, part.zero, part.positive)
        values = [Cell("–" if v is None else f"{v:.3f}", v) for v in (part.mean, part.deviation)]
        head = Cell(name if not rows else "", name)
        rows.append(Row((head, Cell(part.part), *(Cell(f"{k:,}", k) for k in counts), *values)))
    if Reference.parse(name).name != published:
        return rows
    negative, zero, positive = TEST_LABELS[published]
    blank = Cell("–", float("nan"))
    signs = [Cell(f"{k:,}", k) for k in (negative, zero, positive)]
    if published == "sims":
        signs[1] = blank
    total = negative + zero + positive
    place = (Cell("", NEEDS[published].title), Cell("test, published"))
    rows.append(Row((*place, Cell(f"{total:,}", total), blank, *signs, blank, blank)))
    return rows
