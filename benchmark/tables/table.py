"""One table, rendered to Markdown, CSV, LaTeX and HTML (the renderings are in `rendering`).

>>> columns = (Column("model", "Model", "left"), Column("mae", "MAE ↓"))
>>> table = Table("Results", columns, (Row((Cell("lnln"), Cell("0.91", 0.9093))),))
>>> print(table.csv(), end="")
model,mae
lnln,0.9093
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from benchmark.tables.rendering import html as as_html
from benchmark.tables.rendering import latex as as_latex
from benchmark.tables.rendering import text as as_text
from protocols import InputError, unknown_name

Value: TypeAlias = float | int | str | None


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: For machines: the CSV's head.
        title: For readers.
        align: Of head and cells.
        group: Neighbouring columns of one group stand under a common head.
        interval: Whether its cells carry an interval: `csv` for the columns `NAME_low` and `NAME_high` of the CSV,
            `shown` for readers as well, beside the value.
        unasked: Whether readers see it without asking: otherwise the CSV has it, and whoever names it sees it.
    """

    name: str
    title: str
    align: Literal["left", "right", "center"] = "right"
    group: str = ""
    interval: Literal["none", "csv", "shown"] = "none"
    unasked: bool = True


@dataclass(frozen=True)
class Interval:
    """An interval: its bounds at full precision, and what a reader sees, such as `[0.91, 0.94]`."""

    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What a reader sees.
        value: The plain value at full precision, for the CSV; None: the text itself.
        bold: The best of its column, or not to be told from it.
        note: Mark of a footnote, such as `a`; several are joined by commas.
        struck: Shown, but not valid: struck through.
        interval: Of the value, if it has one.
    """

    text: str
    value: Value = None
    bold: bool = False
    note: str = ""
    struck: bool = False
    interval: Interval | None = None


@dataclass(frozen=True)
class Row:
    """Cells, one a column.

    Attributes:
        cells: One a column.
        rule: Draw a line above, for rows that are not part of the contest.
        space: The first row of a block of rows: set it off from the one above.
    """

    cells: tuple[Cell, ...]
    rule: bool = False
    space: bool = False


@dataclass(frozen=True)
class Footnote:
    """A remark below the table; without a mark it is about the whole table.

    Attributes:
        text: A sentence.
        mark: What refers to it.
        remedy: What ends the state that the text describes, with a command: `added by ...`. It is for whoever runs the
            study, so that no file has it: a terminal says text and remedy once, below all tables.
    """

    text: str
    mark: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Table:
    """A table that knows its words and its numbers, and how to write both.

    Attributes:
        title: One line.
        columns: The columns.
        rows: The rows, each with one cell a column.
        footnotes: Below the table.
        caption: What a reader must know to read the numbers.
        paper: Names of the columns that a paper prints, in its order: what `latex` shows by default, and what a
            narrow terminal shows first. Empty: all.
        bold: What bold means here, in a sentence; the caption has it, too. A terminal that shows no captions says it.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[Footnote, ...] = ()
    caption: str = ""
    paper: tuple[str, ...] = ()
    bold: str = ""

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

    def only(self, columns: Sequence[str]) -> Table:
        """The same table with these columns, in this order; footnotes that nothing refers to any more are left out.

        A column that is named here is asked for (`Column.unasked`).

        Raises:
            InputError: for a column that is not there or is named twice, or when none is named.
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
            columns=tuple(replace(self.columns[i], unasked=True) for i in places),
            rows=rows,
            footnotes=tuple(f for f in self.footnotes if not f.mark or f.mark in used),
            paper=tuple(name for name in self.paper if name in columns),
        )

    def shown(self) -> Table:
        """The same table without the columns that only the CSV has unless they are asked for."""
        names = [column.name for column in self.columns if column.unasked]
        return self if len(names) == len(self.columns) else self.only(names)

    def records(self) -> list[dict[str, Value]]:
        """A dictionary a row: what the CSV holds, for other programs; missing numbers are None."""
        return as_text.records(self)

    def plain(self) -> tuple[list[str], list[list[str]]]:
        """Headers, and rows of texts with intervals and marks: for a terminal."""
        return as_text.plain(self.shown())

    def csv(self) -> str:
        """Machine-readable: column names, then plain values at full precision; missing values are empty.

        Shares are between 0 and 1, also where the other renderings print per cent. A struck cell keeps its value.
        """
        return as_text.csv_text(self)

    def markdown(self) -> str:
        """GitHub Markdown. A rule is a row of dashes, and a group a first line of each head: Markdown has neither."""
        return as_text.markdown(self.shown())

    def latex(self, label: str = "", *, all_columns: bool = False) -> str:
        """A `table` environment (`table*`, over both columns of a page, when it is wide) with booktabs rules.

        Compiles under pdfLaTeX, XeLaTeX and LuaLaTeX, with `\\usepackage{booktabs}`, `\\usepackage[T1]{fontenc}` for
        accented letters, and, where a cell is struck through, `\\usepackage[normalem]{ulem}`.

        Args:
            label: For `\\ref`.
            all_columns: Every column, instead of those that a paper prints (`paper`).
        """
        shown = self if all_columns else self.only(self.paper) if self.paper else self.shown()
        return as_latex.latex(shown, label)

    def html(self) -> str:
        """A `<figure>` with a `<table>`; classes `left`, `right`, `center`, `rule`, `best` are left to the page."""
        return as_html.html(self.shown())
