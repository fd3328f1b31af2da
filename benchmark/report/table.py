"""One table, rendered to Markdown, CSV, LaTeX and HTML.

>>> columns = (Column("model", "Model", "left"), Column("mae", "MAE ↓"))
>>> table = Table("Results", columns, (Row((Cell("lnln"), Cell("0.91", 0.9093))),))
>>> print(table.csv(), end="")
model,mae
lnln,0.9093
"""

from __future__ import annotations

import csv
import html
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from protocols import InputError

Value: TypeAlias = float | int | str | None

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "–": "--",
    "−": r"$-$",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "\n": " ",
    "\r": " ",
}


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: For machines: the CSV's head.
        title: For readers.
        align: Of head and cells.
        group: Neighbouring columns of one group stand under a common head.
    """

    name: str
    title: str
    align: Literal["left", "right", "center"] = "right"
    group: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What a reader sees.
        value: The plain value at full precision, for the CSV; None: the text itself.
        bold: The best of its column, or not to be told from it.
        note: Mark of a footnote, such as `a`; several are joined by commas.
        struck: Shown, but not valid: struck through.
    """

    text: str
    value: Value = None
    bold: bool = False
    note: str = ""
    struck: bool = False


@dataclass(frozen=True)
class Row:
    """Cells, one a column; `rule` draws a line above, for rows that are not part of the contest."""

    cells: tuple[Cell, ...]
    rule: bool = False


@dataclass(frozen=True)
class Footnote:
    """A remark below the table; without a mark it is about the whole table."""

    text: str
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table that knows its words and its numbers, and how to write both.

    Attributes:
        title: One line.
        columns: The columns.
        rows: The rows, each with one cell a column.
        footnotes: Below the table.
        caption: What a reader must know to read the numbers.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[Footnote, ...] = ()
    caption: str = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise InputError(f"table '{self.title}': a column name occurs twice in {', '.join(names)}; rename one")
        for i, row in enumerate(self.rows):
            if len(row.cells) != len(self.columns):
                raise InputError(
                    f"table '{self.title}': row {i} has {len(row.cells)} cells, expected {len(self.columns)}"
                )

    def plain(self) -> tuple[list[str], list[list[str]]]:
        """Headers, and rows of texts with their marks: for a terminal."""
        rows = [[f"{c.text} [{c.note}]" if c.note else c.text for c in row.cells] for row in self.rows]
        return [column.title for column in self.columns], rows

    def csv(self) -> str:
        """Machine-readable: column names, then plain values at full precision; missing values are empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.name for column in self.columns])
        for row in self.rows:
            writer.writerow([_plain_value(cell) for cell in row.cells])
        return out.getvalue()

    def markdown(self) -> str:
        """GitHub Markdown. A rule is a row of dashes, as Markdown has none inside a table."""
        dashes = {"left": ":--", "right": "--:", "center": ":-:"}
        lines = [f"### {_markdown(self.title)}", ""]
        lines.append(_line(_markdown(column.title) for column in self.columns))
        lines.append(_line(dashes[column.align] for column in self.columns))
        for row in self.rows:
            if row.rule:
                lines.append(_line("–" for _ in self.columns))
            lines.append(_line(_markdown_cell(cell) for cell in row.cells))
        lines.append("")
        lines += [_markdown(self.caption), ""] if self.caption else []
        lines += [
            f"- {f'<sup>{_markdown(f.mark)}</sup> ' if f.mark else ''}{_markdown(f.text)}" for f in self.footnotes
        ]
        return "\n".join(lines).rstrip() + "\n"

    def latex(self, label: str = "") -> str:
        """A `table` environment with booktabs rules; needs `\\usepackage{booktabs}`."""
        spec = "".join(column.align[0] for column in self.columns)
        lines = [r"\begin{table}", r"  \centering", f"  \\caption{{{_latex(_sentences(self.title, self.caption))}}}"]
        lines += [f"  \\label{{{label}}}"] if label else []
        lines += [f"  \\begin{{tabular}}{{{spec}}}", r"    \toprule"]
        lines.append("    " + " & ".join(_latex(c.title) for c in self.columns) + r" \\")
        lines.append(r"    \midrule")
        for i, row in enumerate(self.rows):
            if row.rule and i:
                lines.append(r"    \midrule")
            lines.append("    " + " & ".join(_latex_cell(cell) for cell in row.cells) + r" \\")
        lines += [r"    \bottomrule", r"  \end{tabular}"]
        for note in self.footnotes:
            mark = f"\\textsuperscript{{{_latex(note.mark)}}}~" if note.mark else ""
            lines.append(f"  \\par\\footnotesize {mark}{_latex(note.text)}")
        return "\n".join([*lines, r"\end{table}"]) + "\n"

    def html(self) -> str:
        """A `<figure>` with a `<table>`; classes `left`, `right`, `center`, `rule`, `best` are left to the page."""
        lines = ['<figure class="sentibench-table">', "<table>", f"<caption>{_html(self.title)}</caption>"]
        heads = "".join(f'<th scope="col" class="{c.align}">{_html(c.title)}</th>' for c in self.columns)
        lines += [f"<thead><tr>{heads}</tr></thead>", "<tbody>"]
        for row in self.rows:
            cells = "".join(_html_cell(cell, column) for cell, column in zip(row.cells, self.columns, strict=True))
            lines.append(f'<tr class="rule">{cells}</tr>' if row.rule else f"<tr>{cells}</tr>")
        lines += ["</tbody>", "</table>"]
        if self.caption or self.footnotes:
            notes = [f"<p>{_html(self.caption)}</p>"] if self.caption else []
            notes += [
                f"<p>{f'<sup>{_html(f.mark)}</sup> ' if f.mark else ''}{_html(f.text)}</p>" for f in self.footnotes
            ]
            lines.append(f"<figcaption>{''.join(notes)}</figcaption>")
        return "\n".join([*lines, "</figure>"]) + "\n"


def _sentences(*parts: str) -> str:
    return " ".join(part if part[-1] in ".?!" else f"{part}." for part in parts if part)


def _plain_value(cell: Cell) -> str:
    if cell.value is None:
        return cell.text
    if isinstance(cell.value, float):
        return repr(float(cell.value)) if math.isfinite(cell.value) else ""
    return str(cell.value)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _markdown(text: str) -> str:
    escaped = re.sub(r"([\\`*_|\[\]~])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown_cell(cell: Cell) -> str:
    text = f"**{_markdown(cell.text)}**" if cell.bold and cell.text else _markdown(cell.text)
    return f"{text}<sup>{_markdown(cell.note)}</sup>" if cell.note else text


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_cell(cell: Cell) -> str:
    text = f"\\textbf{{{_latex(cell.text)}}}" if cell.bold and cell.text else _latex(cell.text)
    text = f"{text}\\textsuperscript{{{_latex(cell.note)}}}" if cell.note else text
    return f"{{}}{text}" if text.startswith("[") else text  # \\ would read it as its optional argument


def _html(text: str) -> str:
    return html.escape(text, quote=True)


def _html_cell(cell: Cell, column: Column) -> str:
    classes = f"{column.align} best" if cell.bold else column.align
    text = f"<strong>{_html(cell.text)}</strong>" if cell.bold and cell.text else _html(cell.text)
    note = f"<sup>{_html(cell.note)}</sup>" if cell.note else ""
    return f'<td class="{classes}">{text}{note}</td>'
