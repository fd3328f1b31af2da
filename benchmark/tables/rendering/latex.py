"""Tables as LaTeX: booktabs rules, and text that prints alike under every engine."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.tables.table import Cell, Column, Table

_ESCAPES = {
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
    '"': r"\char34{}",
    "`": r"\textasciigrave{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "–": "--",
    "—": "---",
    "−": r"$-$",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
}

#: Letters and signs that every engine prints with T1 fonts; others are guarded.
_PLAIN = frozenset(
    "¡¢£¤¥¦§¨©ª«¬®¯°²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĂăĄąĆćČčĎďĐđĘęĚěĞğİĹĺĽľŁłŃńŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž‘’‚“”„…•€"
)
#: Number of characters from which a table does not fit one of a page's two columns.
_NARROW = 48
#: Number of characters from which it is set in smaller type.
_WIDE = 80
#: Number of characters in smaller type that fit a page of two columns, 410 pt wide.
_PAGE = 96
#: Number of characters of a printed citation, such as [12].
_CITATION = 5


def latex(table: Table, label: str = "") -> str:
    """Render `Table.latex`."""
    widths = _widths(table)
    size = sum(widths)
    environment = "table*" if size > _NARROW else "table"
    lines = [f"\\begin{{{environment}}}", r"  \centering"]
    lines.append(f"  \\caption{{{escaped(_sentences(table.title, table.caption))}}}")
    lines += [f"  \\label{{{label}}}"] if label else []
    lines.append(r"  \par\smallskip")  # some classes leave no room between a caption and the table
    lines += [r"  \footnotesize", r"  \setlength{\tabcolsep}{3pt}"] if size > _WIDE else [r"  \small"]
    for number, block in enumerate(_blocks(table, widths)):
        lines += [r"  \par\medskip"] if number else []
        lines += _tabular(table, block)
    if table.footnotes:
        lines += [r"  \par\smallskip", r"  \begin{minipage}{\linewidth}\footnotesize\raggedright"]
        for note in table.footnotes:
            mark = f"\\textsuperscript{{{escaped(note.mark)}}}~" if note.mark else ""
            lines.append(f"    {mark}{escaped(note.text)}\\par")
        lines.append(r"  \end{minipage}")
    return "\n".join([*lines, f"\\end{{{environment}}}"]) + "\n"


def escaped(text: str) -> str:
    """Escape a text so that LaTeX prints it literally, whatever it contains.

    Letters that pdfLaTeX has no fonts for are printed by XeLaTeX and LuaLaTeX (if their font has them), while pdfLaTeX
    prints their code.
    """
    # two hyphens would become a dash, two apostrophes a quotation mark
    parts = re.split(r"(?<=[-',])(?=[-',])", unicodedata.normalize("NFC", text))
    return "{}".join("".join(_character(c) for c in part) for part in parts)


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character in _PLAIN or (character.isascii() and character.isprintable()):
        return character
    category = unicodedata.category(character)
    if character.isspace() or category in {"Cc", "Zl", "Zp"}:
        return " "
    if category in {"Cs", "Cn", "Cf", "Co"}:  # not printable by any engine
        return f"\\texttt{{U+{ord(character):04X}}}"
    # in braces, which the command for struck text must not look into
    return f"{{\\ifdefined\\Umathchar {character}\\else\\texttt{{U+{ord(character):04X}}}\\fi}}"


def _tabular(table: Table, block: Sequence[int]) -> list[str]:
    columns = [table.columns[i] for i in block]
    spec = "".join(column.align[0] for column in columns)
    lines = [f"  \\begin{{tabular}}{{{spec}}}", r"    \toprule", *_heads(columns), r"    \midrule"]
    for i, row in enumerate(table.rows):
        if i and (row.rule or row.space):
            lines.append(r"    \midrule" if row.rule else r"    \addlinespace")
        cells = [_cell(row.cells[k], table.columns[k]) for k in block]
        lines.append("    " + " & ".join(cells) + r" \\")
    return [*lines, r"    \bottomrule", r"  \end{tabular}"]


def _blocks(table: Table, widths: Sequence[int]) -> list[list[int]]:
    """Split columns into as few blocks as fit a page, of about equal width, so that no single column is left over."""

    def cost(blocks: list[list[int]]) -> tuple[int, int]:
        heads = [(table.columns[a[-1]].heads, table.columns[b[len(key)]].heads) for a, b in pairwise(blocks)]
        return len(blocks), sum(before == after and any(after) for before, after in heads)

    key = _key(table)
    blocks = _split(table, widths, _PAGE)
    limits = range(_PAGE // 2, _PAGE) if len(blocks) > 1 else ()
    return next((even for even in (_split(table, widths, n) for n in limits) if cost(even) <= cost(blocks)), blocks)


def _key(table: Table) -> list[int]:
    """Return the columns that name the row: all up to the first left-aligned ones."""
    lefts = [column.align == "left" for column in table.columns]
    key = list(range(lefts.index(True) + 1)) if True in lefts else []
    while len(key) < len(lefts) and lefts[len(key)]:
        key.append(len(key))
    return key


def _split(table: Table, widths: Sequence[int], limit: int) -> list[list[int]]:
    """Split columns into blocks of a width, each starting with the columns that name the row; groups stay whole."""
    key = _key(table)
    blocks = [list(key)]
    rest = range(len(key), len(table.columns))
    for _, members in groupby(rest, key=lambda i: table.columns[i].heads if any(table.columns[i].heads) else i):
        for i in (own := list(members)):
            fits = _span(table, widths, [*blocks[-1], *(own if i == own[0] else [i])]) <= limit
            if not fits and len(blocks[-1]) > len(key):
                blocks.append(list(key))
            blocks[-1].append(i)
    return blocks


def _span(table: Table, widths: Sequence[int], block: Sequence[int]) -> int:
    """Estimate the width of some columns; one of a head that is wider than its columns."""
    spans = []
    for level in (0, 1):
        runs = groupby(block, key=lambda i: table.columns[i].heads[: level + 1])
        spans.append(sum(max(sum(widths[i] for i in own), len(heads[level]) + 2) for heads, own in runs))
    return max(spans)


def _heads(columns: Sequence[Column]) -> list[str]:
    lines = []
    for level in range(len(columns[0].heads)):
        if not any(column.heads[level] for column in columns):
            continue
        above, rules, at = [], [], 1
        for heads, members in groupby(columns, key=lambda column: column.heads[: level + 1]):
            own = list(members)
            if heads[level]:
                cite = _cited(own[0].cite) if not level else ""
                above.append(f"\\multicolumn{{{len(own)}}}{{c}}{{{escaped(heads[level])}{cite}}}")
                rules.append(f"\\cmidrule(lr){{{at}-{at + len(own) - 1}}}")
            else:
                above += [""] * len(own)
            at += len(own)
        lines += ["    " + " & ".join(above) + r" \\", "    " + " ".join(rules)]
    return [*lines, "    " + " & ".join(escaped(column.title) for column in columns) + r" \\"]


def _cited(key: str) -> str:
    return f"~\\cite{{{key}}}" if key else ""


def _cell(cell: Cell, column: Column) -> str:
    text = escaped(cell.text)
    if text and cell.bold:
        text = f"\\textbf{{{text}}}"
    if text and cell.underlined:
        text = f"\\underline{{{text}}}"
    if text and cell.struck:
        text = f"\\sout{{{text}}}"
    text += _cited(cell.cite)
    if cell.note:
        text = f"{text}\\textsuperscript{{{escaped(cell.note)}}}"
    if cell.interval and cell.interval.text and column.interval == "shown":
        text = f"{text} {{\\scriptsize {escaped(cell.interval.text)}}}"
    return f"{{}}{text}" if text.startswith(("[", "*")) else text  # else read as an argument of \\


def _widths(table: Table) -> list[int]:
    """Estimate the width of each column in characters; an interval is set in smaller type."""
    widths = []
    for i, column in enumerate(table.columns):
        shown = column.interval == "shown"
        lengths = [
            len(c.text)
            + len(c.note) // 2
            + _CITATION * bool(c.cite)
            + (len(c.interval.text) * 3 // 4 if c.interval and shown else 0)
            for c in (row.cells[i] for row in table.rows)
        ]
        widths.append(max([len(column.title), *lengths]) + 2)
    return widths


def _sentences(*parts: str) -> str:
    return " ".join(part if part[-1] in ".?!" else f"{part}." for part in parts if part)
