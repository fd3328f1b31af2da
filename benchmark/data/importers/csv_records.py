"""Records of a CSV, each with the line that it begins in: every line is part of one record, and none is lost.

RFC 4180: cells may be in quotes, a quote within such a cell is written twice, and a cell in quotes may span lines. A
quote that is never closed would take the records below it into its cell, up to the next quote. So a cell may span lines
only where these cannot be records: none between its first and its last line, and not both of those with what stands
beside the cell. A record has cells enough, and a number where one belongs.
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
    """The records of a CSV: the number of the first line of each, counted from 1, and its cells.

    Args:
        path: The file, as messages name it.
        lines: All lines of the file with their ends; blank ones are passed over.
        start: Index of the first line that is read.
        separator: Between cells.
        columns: Cells that every record must have.
        number_column: Index of a column that holds a number in every record, by which records are known; None where
            there is none.
        expected: Says in errors where the number of cells comes from.

    Raises:
        InputError: naming the line, for a record of another number of cells, a quote that is not closed, text after a
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
    """The lines; those that the reader took for its present record are noted."""
    for line in lines:
        held.append(line)
        yield line


def _fault(said: str, first: int, held: int) -> str:
    last = first + max(held, 1) - 1
    if "unexpected end" in said:
        return f"{first}: a quote is opened that nothing closes; close it, or write a quote within a text as two"
    if "expected after" in said:
        begun = "" if last == first else f" of a cell that begins in line {first}"
        return f"{last}: text after the closing quote{begun}; write a quote within a text as two"
    if "field larger" in said:
        return f"{first}: a cell of more than {csv.field_size_limit():,} characters; is a quote not closed?"
    return f"{last}: cannot be read as CSV ({said})"


def _check_spans(
    path: Path, first: int, cells: Sequence[str], separator: str, columns: int, number: int | None
) -> None:
    """Raise InputError where the lines of a cell, with what stands beside it, could be records of their own."""
    at = first
    for k, cell in enumerate(cells):
        lines = _BREAK.split(cell)
        if len(lines) > 1:
            split = [line.split(separator) for line in lines]
            rows = [[*cells[:k], *split[0]], *split[1:-1], [*split[-1], *cells[k + 1 :]]]
            found = [i for i, row in enumerate(rows) if _could_be_record(row, columns, number)]
            inner = [i for i in found if 0 < i < len(rows) - 1]
            if inner or (0 in found and len(rows) - 1 in found):
                record = at + (inner[0] if inner else len(rows) - 1)
                raise InputError(
                    f"{path}: line {at}: a cell in quotes runs on to line {at + len(rows) - 1}, and line {record} "
                    "could be a record of its own; close the quote where the text ends, or write the text in one line"
                )
        at += len(lines) - 1


def _could_be_record(cells: Sequence[str], columns: int, number: int | None) -> bool:
    """Whether there are cells enough, and a number where one belongs, from the left or the right."""
    if len(cells) < columns or not "".join(cells).strip():
        return False
    if number is None:
        return True
    return any(read_number(cells[at].strip().strip('"')) is not None for at in (number, number - columns))
