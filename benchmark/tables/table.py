"""One table, rendered to Markdown, CSV, LaTeX and HTML (the renderings are in `rendering`).

>>> columns = (Column("model", "Model", "left"), Column("mae", "MAE ↓"))
>>> table = Table("Results", columns, (Row((Cell("lnln"), Cell("0.91", 0.9093))),))
>>> print(table.csv(), end="")
model,mae
lnln,0.9093
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from benchmark.tables.rendering import html as as_html
from benchmark.tables.rendering import latex as as_latex
from benchmark.tables.rendering import text as as_text
from protocols import InputError, unknown_name

Value: TypeAlias = float | int | str | None


@dataclass(frozen=True)
class Column:
    """Column of a table.

    Attributes:
        name: Name for machines: the head in the CSV.
        title: Head for readers.
        align: Alignment of head and cells.
        group: Common head of neighbouring columns with the same group.
        over: Common head of neighbouring groups, such as a data set.
        cite: Citation key of this head, for LaTeX.
        interval: `csv` for columns `NAME_low` and `NAME_high` with intervals in the CSV,
            `shown` for intervals beside the value as well, `none` for no intervals.
        by_default: True if readers see it by default; otherwise only in the CSV, and when it is named.
    """

    name: str
    title: str
    align: Literal["left", "right", "center"] = "right"
    group: str = ""
    interval: Literal["none", "csv", "shown"] = "none"
    by_default: bool = True
    over: str = ""
    cite: str = ""

    @property
    def heads(self) -> tuple[str, ...]:
        """Common heads above the title, the topmost first."""
        return self.over, self.group


@dataclass(frozen=True)
class Interval:
    """Interval: its bounds at full precision, and its text for readers, such as `[0.91, 0.94]`."""

    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Cell:
    """Cell of a table.

    Attributes:
        text: Text for readers.
        value: Plain value at full precision, for the CSV; None: the text itself.
        bold: True for the best of its column and those not significantly worse.
        underlined: True for the second best of its column, and those not significantly worse.
        cite: Citation key behind the text, for LaTeX.
        note: Mark of a footnote, such as `a`; several are joined by commas.
        struck: True for an invalid value, which is struck through.
        interval: Interval of the value, if it has one.
    """

    text: str
    value: Value = None
    bold: bool = False
    note: str = ""
    struck: bool = False
    interval: Interval | None = None
    underlined: bool = False
    cite: str = ""


@dataclass(frozen=True)
class Row:
    """Row of a table.

    Attributes:
        cells: One cell per column.
        rule: Draw a line above, for rows outside the ranking.
        space: Separate the row from the one above, as the first of a block of rows.
    """

    cells: tuple[Cell, ...]
    rule: bool = False
    space: bool = False


@dataclass(frozen=True)
class Footnote:
    """Remark below the table; without a mark, it applies to the whole table.

    Attributes:
        text: Text of the remark, a sentence.
        mark: Letter that cells refer to.
        remedy: Command that removes the described state: `added by ...`. It is meant for whoever runs the study, so
            files omit it; a terminal prints text and remedy once, below all tables.
    """

    text: str
    mark: str = ""
    remedy: str = ""


class Notes:
    """Footnotes of a table in order of first use, each with a letter that `used` ones do not have."""

    def __init__(self, used: Iterable[Footnote] = ()) -> None:
        self._used = {footnote.mark for footnote in used}
        self._marks: dict[str, str] = {}

    def mark(self, *texts: str) -> str:
        """Return the marks of footnotes in the order of the footnotes, joined by commas; empty texts have none."""
        return self._joined(self._mark(text) for text in texts if text)

    def on(self, cell: Cell, *texts: str) -> Cell:
        """Return the cell with the marks of further footnotes."""
        return replace(cell, note=self._joined([*cell.note.split(","), *self.mark(*texts).split(",")]))

    def footnotes(self) -> list[Footnote]:
        """Return all footnotes."""
        return [Footnote(text, mark) for text, mark in self._marks.items()]

    @staticmethod
    def _joined(marks: Iterable[str]) -> str:
        return ",".join(sorted(filter(None, marks), key=lambda mark: (len(mark), mark)))

    def _mark(self, text: str) -> str:
        if text not in self._marks:
            letters = (chr(ord("a") + i % 26) * (1 + i // 26) for i in itertools.count())
            self._marks[text] = next(letter for letter in letters if letter not in self._used)
            self._used.add(self._marks[text])
        return self._marks[text]


@dataclass(frozen=True, repr=False)
class Table:
    """Table with texts for readers and numbers for machines, and its renderings.

    Attributes:
        title: Title, one line.
        columns: The columns.
        rows: The rows, each with one cell per column.
        footnotes: Remarks below the table.
        caption: Text that explains the numbers.
        paper: Names of the columns that a paper prints, in its order: the default of `latex`, and the first columns in
            a narrow terminal. Empty: all.
        bold: Meaning of bold, in a sentence that is also part of the caption; printed by a terminal without captions.
        notes: Markdown of what the caption leaves out, for a file beside the table; empty if there is none.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[Footnote, ...] = ()
    caption: str = ""
    paper: tuple[str, ...] = ()
    bold: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise InputError(f"table '{self.title}': a column name occurs twice in {', '.join(names)}; rename one")
        for i, row in enumerate(self.rows):
            if len(row.cells) != len(self.columns):
                raise InputError(
                    f"table '{self.title}': row {i} has {len(row.cells)} cells, expected {len(self.columns)}"
                )
        for name in self.paper:
            if name not in names:
                raise unknown_name(f"column of table '{self.title}'", name, names)

    def __repr__(self) -> str:
        return f"<table '{self.title}': {len(self.rows)} rows, {len(self.columns)} columns>"

    def _repr_html_(self) -> str:
        """Return the table as notebooks show it."""
        return self.html()

    def only(self, columns: Sequence[str]) -> Table:
        """Return the table with these columns, in this order; footnotes that nothing refers to any more are left out.

        A column named here is shown also if it is not by default (`Column.by_default`).

        Raises:
            InputError: for an unknown or repeated column, or without any column.
        """
        at = {column.name: i for i, column in enumerate(self.columns)}
        for name in columns:
            if name not in at:
                raise unknown_name(f"column of table '{self.title}'", name, at)
        if not columns or len(set(columns)) < len(columns):
            raise InputError(f"columns are '{','.join(columns)}', expected at least one, each of them once")
        places = [at[name] for name in columns]
        rows = tuple(replace(row, cells=tuple(row.cells[i] for i in places)) for row in self.rows)
        used = {mark for row in rows for cell in row.cells for mark in cell.note.split(",")}
        return replace(
            self,
            columns=tuple(replace(self.columns[i], by_default=True) for i in places),
            rows=rows,
            footnotes=tuple(f for f in self.footnotes if not f.mark or f.mark in used),
            paper=tuple(name for name in self.paper if name in columns),
        )

    def shown(self) -> Table:
        """Return the table without the columns that only the CSV shows by default."""
        names = [column.name for column in self.columns if column.by_default]
        return self if len(names) == len(self.columns) else self.only(names)

    def records(self) -> list[dict[str, Value]]:
        """Return a dictionary per row with the content of the CSV, for other programs; missing numbers are None."""
        return as_text.records(self)

    @property
    def citations(self) -> set[str]:
        """Citation keys in the LaTeX."""
        cells = (cell.cite for row in self.rows for cell in row.cells)
        return {*cells, *(column.cite for column in self.columns)} - {""}

    def plain(self) -> tuple[list[str], list[list[str]]]:
        """Return headers, and rows of texts with intervals and marks, for a terminal."""
        return as_text.plain(self.shown())

    def csv(self) -> str:
        """Return CSV: column names, then plain values at full precision; missing values are empty.

        Shares are between 0 and 1, also where the other renderings print per cent. A struck cell keeps its value.
        """
        return as_text.csv_text(self)

    def markdown(self) -> str:
        """Return GitHub Markdown, which has no rules or groups: a row of dashes, and a first line of each head."""
        return as_text.markdown(self.shown())

    def latex(self, label: str = "", *, all_columns: bool = False) -> str:
        """Return a `table` environment (`table*`, over both columns of a page, if it is wide) with booktabs rules.

        Columns that do not fit beside each other on a page are continued below, under the names of the rows.
        Compiles under pdfLaTeX, XeLaTeX and LuaLaTeX, with `\\usepackage{booktabs}`, `\\usepackage[T1]{fontenc}` for
        accented letters, and, where a cell is struck through, `\\usepackage[normalem]{ulem}`.

        Args:
            label: Label for `\\ref`.
            all_columns: Every column, instead of those that a paper prints (`paper`).
        """
        shown = self if all_columns else self.only(self.paper) if self.paper else self.shown()
        return as_latex.latex(shown, label)

    def html(self) -> str:
        """Return a `<figure>` with a `<table>`; the page styles the classes left, right, center, rule, best."""
        return as_html.html(self.shown())
