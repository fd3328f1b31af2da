"""Tables as Markdown, CSV, records and plain texts."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchmark.files import csv_cell

if TYPE_CHECKING:
    from benchmark.tables.table import Cell, Column, Table, Value


def records(table: Table) -> list[dict[str, Value]]:
    """Render `Table.records`."""
    result = []
    for row in table.rows:
        values: dict[str, Value] = {}
        for cell, column in zip(row.cells, table.columns, strict=True):
            values[column.name] = _known(cell.text if cell.value is None else cell.value)
            if column.interval != "none":
                values[f"{column.name}_low"] = _known(cell.interval.low) if cell.interval else None
                values[f"{column.name}_high"] = _known(cell.interval.high) if cell.interval else None
        result.append(values)
    return result


def csv_text(table: Table) -> str:
    """Render `Table.csv`."""
    head = []
    for column in table.columns:
        bounds = [] if column.interval == "none" else [f"{column.name}_low", f"{column.name}_high"]
        head += [column.name, *bounds]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for values in records(table):
        writer.writerow([_csv_value(values[name]) for name in head])
    return out.getvalue()


def plain(table: Table) -> tuple[list[str], list[list[str]]]:
    """Render `Table.plain`."""
    heads = ["\n".join(filter(None, (*column.heads, column.title))) for column in table.columns]
    rows = [[_plain(c, column) for c, column in zip(row.cells, table.columns, strict=True)] for row in table.rows]
    return heads, rows


def markdown(table: Table) -> str:
    """Render `Table.markdown`."""
    dashes = {"left": ":--", "right": "--:", "center": ":-:"}
    lines = [f"### {_escaped(table.title)}", ""]
    lines.append(_line(_head(column) for column in table.columns))
    lines.append(_line(dashes[column.align] for column in table.columns))
    for row in table.rows:
        if row.rule:
            lines.append(_line("–" for _ in table.columns))
        lines.append(_line(_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)))
    lines.append("")
    lines += [_escaped(table.caption), ""] if table.caption else []
    lines += [f"- {f'<sup>{_escaped(f.mark)}</sup> ' if f.mark else ''}{_escaped(f.text)}" for f in table.footnotes]
    return "\n".join(lines).rstrip() + "\n"


def _known(value: Value) -> Value:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def _csv_value(value: Value) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(csv_cell(value))


def _plain(cell: Cell, column: Column) -> str:
    text = f"~{cell.text}~" if cell.struck and cell.text else cell.text
    parts = [text, f"({cell.note})" if cell.note else "", _interval(cell, column)]
    return " ".join(part for part in parts if part)


def _interval(cell: Cell, column: Column) -> str:
    return cell.interval.text if cell.interval and column.interval == "shown" else ""


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    escaped = re.sub(r"([\\`*_|\[\]~$])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _head(column: Column) -> str:
    return "<br>".join(_escaped(text) for text in (*column.heads, column.title) if text)


def _cell(cell: Cell, column: Column) -> str:
    text = _escaped(cell.text)
    if text and cell.struck:
        text = f"~~{text}~~"
    if text and cell.bold:
        text = f"**{text}**"
    if text and cell.underlined:
        text = f"<u>{text}</u>"
    text = f"{text}<sup>{_escaped(cell.note)}</sup>" if cell.note else text
    interval = _escaped(_interval(cell, column))
    return f"{text} {interval}" if interval else text
