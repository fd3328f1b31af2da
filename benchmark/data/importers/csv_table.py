"""A CSV as a table of text whose columns have roles: the separator and the columns are found by the header.

UTF-8; comma, semicolon or tab; every line is accounted for (`csv_records`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmark.data.importers.assemble import identifiers
from benchmark.data.importers.csv_records import read_records
from benchmark.data.samples import FloatArray, StringArray
from protocols import InputError, read_number

_SEPARATORS = (",", ";", "\t")


class CsvTable:
    """Cells as text, and the column of each role.

    Args:
        path: Path of the file.
        names: Names of each role's column in lower case, the first of a header that is found counts.
        required: Roles that the file must have.
        chosen: Columns that the user may name, by role; None where none was named.

    Raises:
        InputError: With the line, for a file that cannot be read as such a table.
    """

    def __init__(
        self,
        path: Path,
        names: Mapping[str, Sequence[str]],
        required: Sequence[str],
        chosen: Mapping[str, str | None] | None = None,
    ) -> None:
        self.path = path
        lines = list(io.StringIO(_decoded(path), newline=""))
        head = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
        self.separator, self.columns = _header(path, "".join(lines[head : head + 1]), names)
        self.heads = _roles(path, self.columns, names, required, chosen or {})
        number = self.columns.index(self.heads["label"]) if "label" in required else None
        records = list(read_records(path, lines, head + 1, self.separator, len(self.columns), number))
        if not records:
            raise InputError(f"{path}: has a header and no row; expected a row for each sample")
        self._lines, self._records = zip(*records, strict=True)

    def __len__(self) -> int:
        return len(self._records)

    def column(self, role: str) -> StringArray:
        """Return the cells of the column with a role, unchanged."""
        at = self.columns.index(self.heads[role])
        return np.array([cells[at] for cells in self._records], dtype=object)

    def filled(self, role: str) -> bool:
        """Return True if any cell of the column has content: MMSA's files have empty columns of unimodal labels."""
        return any(cell.strip() for cell in self.column(role).tolist())

    def line(self, row: int) -> int:
        """Return the first line of a row, counted from 1."""
        return int(self._lines[row])

    def at(self, row: int, role: str) -> str:
        """Return the name of a cell, for errors."""
        return f"{self.path}: line {self.line(row)}, column {self.heads[role]}"

    def numbers(self, role: str) -> FloatArray:
        """Return the cells of a column as numbers; decimal commas are accepted if semicolons separate columns."""
        values = np.empty(len(self), dtype=np.float64)
        for row, cell in enumerate(self.column(role).tolist()):
            value = read_number(cell.replace(",", ".") if self.separator == ";" else cell)
            if value is None:
                raise InputError(f"{self.at(row, role)}: expected a number, found {cell!r:.60}")
            values[row] = value
        with np.errstate(over="ignore"):
            return values.astype(np.float32)

    def key(self, role: str) -> StringArray:
        """Return the cells of a column of ids; raises InputError for an empty one."""
        return identifiers(lambda row: self.at(row, role), self.column(role), len(self))


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: is UTF-16 text; save it as UTF-8")
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line}: byte {raw[error.start]:#04x} is not UTF-8; save it as UTF-8") from None
    if "\0" in content:
        raise InputError(
            f"{path}: line {content.count(chr(10), 0, content.index(chr(0))) + 1}: has a NUL byte; expected text"
        )
    return content


def _header(path: Path, line: str, names: Mapping[str, Sequence[str]]) -> tuple[str, list[str]]:
    """Return the separator that gives the most known columns of the header, and the columns."""
    best: tuple[int, int, str, list[str]] | None = None
    known = {name for columns in names.values() for name in columns}
    for rank, separator in enumerate(_SEPARATORS):
        try:
            read = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
            cells = [cell.strip() for cell in next(read, [])]
        except csv.Error as error:
            raise InputError(f"{path}: its header cannot be read ({error})") from None
        score = sum(cell.lower() in known for cell in cells), len(cells)
        if best is None or (score[0], score[1], -rank) > (best[0], best[1], -_SEPARATORS.index(best[2])):
            best = (*score, separator, cells)
    if best is None:
        raise InputError(f"{path}: has no header")
    return best[2], best[3]


def _roles(
    path: Path,
    heads: Sequence[str],
    names: Mapping[str, Sequence[str]],
    required: Sequence[str],
    chosen: Mapping[str, str | None],
) -> dict[str, str]:
    shown = ", ".join(heads)[:160]
    lower = [head.lower() for head in heads]
    twice = next((head for head in lower if lower.count(head) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: the header has column {twice!r:.60} twice; rename one")
    roles = {}
    for role, columns in names.items():
        matching = [heads[lower.index(name)] for name in columns if name in lower]
        if matching:
            roles[role] = matching[0]
    for role, wanted in chosen.items():
        if wanted is not None:
            if wanted not in heads:
                raise InputError(f"{path}: has no column {wanted!r:.60}; found {shown}")
            roles = {r: head for r, head in roles.items() if head != wanted} | {role: wanted}
    for role in required:
        if role not in roles:
            other = f", or name the column with --{role}-column" if role in chosen else ""
            raise InputError(
                f"{path}: is text without a column '{role}' in its first line; found {shown}; expected a CSV with "
                f"{' and '.join(required)}{other}"
            )
    return roles
