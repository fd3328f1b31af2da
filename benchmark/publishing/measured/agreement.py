"""Agreement of the tables of a measured study with each other, for readers who do not have its data set."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

Row: TypeAlias = dict[str, str]

#: Columns that show the same number, the mean of a model over the scenarios of a protocol: by table, model and number;
#: an empty name is that of the metric.
_MEANS = {
    "leaderboard": (("model", ""),),
    "aggregates": (("model", "mean"),),
    "scenarios": (("model", "mean"),),
    "cost": (("model", ""),),
    "pairs": (("a", "value_a"), ("b", "value_b")),
}
#: A number that fills a cell, with or without the bounds of an interval.
_CELL = re.compile(r"([-+]?\d+(?:\.\d+)?)(?:[ ]?[kMGs])?(?: \[(-?\d+(?:\.\d+)?), (-?\d+(?:\.\d+)?)\])?")
#: Units in which Markdown shows the numbers of a CSV: as they are, per cent, thousands, millions, billions.
_UNITS = (1.0, 100.0, 1e-3, 1e-6, 1e-9)
_EQUAL = 1e-9


def disagreements(folder: Path, metric: str) -> list[str]:
    """Compare tables that show the same numbers: the means in all CSV files, and every Markdown table with its CSV.

    Args:
        folder: Folder of a measured study.
        metric: Metric of its tables.

    Returns:
        One line per number that two tables show differently, and per CSV that cannot be read.
    """
    names = [path.stem for path in sorted(folder.glob("*.md")) if path.with_suffix(".csv").is_file()]
    try:
        tables = {name: _rows(folder / f"{name}.csv") for name in names}
        found = list(_means(tables, metric))
    except (ValueError, KeyError) as error:
        return [f"{folder.name}: a CSV of its tables is damaged ({error}); restore it from version control"]
    for name, table in tables.items():
        found += _printed(f"{name}.md", (folder / f"{name}.md").read_text(encoding="utf-8"), table)
    return found


def _rows(path: Path) -> list[Row]:
    """Return the rows of a CSV by column; it begins again with a head where protocols have other columns."""
    rows, head = [], []
    for line in csv.reader(path.read_text(encoding="utf-8").splitlines()):
        if line[:1] == ["dataset"]:
            head = line
        elif line:
            rows.append(dict(zip(head, line, strict=True)))
    return rows


def _means(tables: Mapping[str, Sequence[Row]], metric: str) -> Iterator[str]:
    known: dict[tuple[str, str, str], tuple[float, str]] = {}
    for name, columns in _MEANS.items():
        for model, value in columns if name in tables else ():
            for row in tables[name]:
                cell = (row["dataset"], row["protocol"], row[model])
                number = float(row[value or metric] or "nan")
                first, where = known.setdefault(cell, (number, f"{name}.csv"))
                if not np.isclose(first, number, rtol=_EQUAL, atol=0, equal_nan=True):
                    yield f"{name}.csv: {value or metric} of {cell[2]} under {cell[1]} is {number}, {where} has {first}"


def _printed(name: str, text: str, table: Sequence[Row]) -> Iterator[str]:
    """Yield the numbers of a Markdown file that are not in the row of the CSV that they are printed from."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = [row for row, following in zip(rows, [*rows[1:], [""]], strict=True) if not _head(row, following)]
    if len(rows) != len(table):
        yield f"{name}: {len(rows)} rows, its CSV has {len(table)}"
        return
    for row, own in zip(rows, table, strict=True):
        values = np.array([float(text) for text in own.values() if _CELL.fullmatch(text)])
        for cell in row:
            shown = _CELL.fullmatch(re.sub(r"<sup>.*?</sup>|[*\\]|</?u>", "", cell).strip())
            for part in shown.groups() if shown else ():
                if part is not None and not _rounds_to(values, part):
                    yield f"{name}: {part} in the row of {row[0]}, {row[1]} is not in that row of its CSV"


def _head(row: list[str], following: list[str]) -> bool:
    """Return True for heads of columns, the line below them, and lines between rows."""
    return set("".join(row)) <= set(":-–") or (set("".join(following)) <= set(":-") and following != [""])


def _rounds_to(values: np.ndarray, part: str) -> bool:
    decimals = len(part.partition(".")[2])
    distance = np.abs(np.multiply.outer(_UNITS, values) - float(part))
    return bool((distance <= 0.5000001 * 10.0**-decimals).any())
