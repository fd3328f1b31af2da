"""Records of a CSV, each with its first line: every line is part of one record, so that none is lost.

RFC 4180: cells may be in quotes, a quote within such a cell is written twice, and a cell in quotes may span lines. A
quote that is never closed would take the following records into its cell, up to the next quote. A cell may therefore
span lines only if these cannot be records: none between its first and its last line, and not both of these together
with the cells beside it. A line could be a record if it has the right number of cells and a number in the right column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from protocols import InputError, read_number

_BREAK = re.compile(r"\r\n|\r|\n")


def read_records(
    path: Path,
    lines: Sequence[str],
    start: int,
    separator: str,
    columns: int,
    number_column: int | None,
    expected: str = "as in the header",
) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a CSV: the number of the first line of each, counted from 1, and its cells.

    Args:
        path: Path of the file, for messages.
        lines: All lines of the file with their ends; blank ones are skipped.
        start: Index of the first line that is read.
        separator: Separator of cells.
        columns: Number of cells of every record.
        number_column: Index of a column with a number in every record, by which records are recognised; None if there
            is none.
        expected: Origin of the number of cells, for errors.

    Raises:
        InputError: With the line, for a record with another number of cells, a quote that is not closed, text after a
            closing quote, or a cell whose lines could be records.
    """
    held: list[str] = []
    reader = csv.reader(_noting(lines[start:], held), delimiter=separator, skipinitialspace=True, strict=True)
    first = start + 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(f"{path}: line {_fault(str(error), first, len(held))}") from None
        if cells is None:
            return
        if len(cells) > 1 or "".join(held).strip():
            if len(held) > 1:
                _check_spans(path, first, cells, separator, columns, number_column)
            if len(cells) != columns:
                shown = "the separator" if separator == "\t" else f"'{separator}'"
                raise InputError(
                    f"{path}: line {first}: has {len(cells)} cells, expected {columns}, {expected}; put a text that "
                    f"holds {shown} in quotes"
                )
            yield first, cells
        first += len(held)
        held.clear()


def _noting(lines: Sequence[str], held: list[str]) -> Iterator[str]:
    """Yield the lines and collect in `held` those of the current record."""
    for line in lines:
        held.append(line)
        yield line


def _fault(said: str, first: int, held: int) -> str:
    last = first + max(held, 1) - 1
    if "unexpected end" in said:
        return f"{first}: a quote is opened and never closed; close it, or write a quote within a text as two"
    if "expected after" in said:
        begun = "" if last == first else f" of a cell that begins in line {first}"
        return f"{last}: text after the closing quote{begun}; write a quote within a text as two"
    if "field larger" in said:
        return f"{first}: a cell of more than {csv.field_size_limit():,} characters; is a quote not closed?"
    return f"{last}: cannot be read as CSV ({said})"


def _check_spans(
    path: Path, first: int, cells: Sequence[str], separator: str, columns: int, number: int | None
) -> None:
    """Raise InputError if the lines of a cell, together with the cells beside it, could be separate records."""
    at = first
    for k, cell in enumerate(cells):
        lines = _BREAK.split(cell)
        if len(lines) > 1:
            split = [line.split(separator) for line in lines]
            rows = [[*cells[:k], *split[0]], *split[1:-1], [*split[-1], *cells[k + 1 :]]]
            possible = [i for i, row in enumerate(rows) if _could_be_record(row, columns, number)]
            inner = [i for i in possible if 0 < i < len(rows) - 1]
            if inner or (0 in possible and len(rows) - 1 in possible):
                record = at + (inner[0] if inner else len(rows) - 1)
                raise InputError(
                    f"{path}: line {at}: a cell in quotes runs on to line {at + len(rows) - 1}, and line {record} "
                    "could be a separate record; close the quote where the text ends, or write the text in one line"
                )
        at += len(lines) - 1


def _could_be_record(cells: Sequence[str], columns: int, number: int | None) -> bool:
    """Return True for enough cells with a number in the right place, counted from the left or the right."""
    if len(cells) < columns or not "".join(cells).strip():
        return False
    if number is None:
        return True
    return any(read_number(cells[at].strip().strip('"')) is not None for at in (number, number - columns))
