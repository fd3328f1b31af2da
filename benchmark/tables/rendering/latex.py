"""Tables as LaTeX: booktabs rules, and text that prints alike under every engine."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby
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


def latex(table: Table, label: str = "") -> str:
    """Render `Table.latex`."""
    size = _size(table)
    environment = "table*" if size > _NARROW else "table"
    lines = [f"\\begin{{{environment}}}", r"  \centering"]
    lines.append(f"  \\caption{{{escaped(_sentences(table.title, table.caption))}}}")
    lines += [f"  \\label{{{label}}}"] if label else []
    lines.append(r"  \par\smallskip")  # some classes leave no room between a caption and the table
    lines += [r"  \footnotesize", r"  \setlength{\tabcolsep}{3pt}"] if size > _WIDE else [r"  \small"]
    spec = "".join(column.align[0] for column in table.columns)
    lines += [f"  \\begin{{tabular}}{{{spec}}}", r"    \toprule", *_heads(table), r"    \midrule"]
    for i, row in enumerate(table.rows):
        if i and (row.rule or row.space):
            lines.append(r"    \midrule" if row.rule else r"    \addlinespace")
        cells = [_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]
        lines.append("    " + " & ".join(cells) + r" \\")
    lines += [r"    \bottomrule", r"  \end{tabular}"]
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


def _heads(table: Table) -> list[str]:
    titles = "    " + " & ".join(escaped(column.title) for column in table.columns) + r" \\"
    if not any(column.group for column in table.columns):
        return [titles]
    above, rules, at = [], [], 1
    for group, members in groupby(table.columns, key=lambda column: column.group):
        count = len(list(members))
        if group:
            above.append(f"\\multicolumn{{{count}}}{{c}}{{{escaped(group)}}}")
            rules.append(f"\\cmidrule(lr){{{at}-{at + count - 1}}}")
        else:
            above += [""] * count
        at += count
    return ["    " + " & ".join(above) + r" \\", "    " + " ".join(rules), titles]


def _cell(cell: Cell, column: Column) -> str:
    text = escaped(cell.text)
    if text and cell.bold:
        text = f"\\textbf{{{text}}}"
    if text and cell.struck:
        text = f"\\sout{{{text}}}"
    if cell.note:
        text = f"{text}\\textsuperscript{{{escaped(cell.note)}}}"
    if cell.interval and column.interval == "shown":
        text = f"{text} {{\\scriptsize {escaped(cell.interval.text)}}}"
    return f"{{}}{text}" if text.startswith(("[", "*")) else text  # else read as an argument of \\


def _size(table: Table) -> int:
    """Estimate the width in characters; an interval is set in smaller type."""
    width = 0
    for i, column in enumerate(table.columns):
        shown = column.interval == "shown"
        cells = [row.cells[i] for row in table.rows]
        longest = (
            max(
                (len(c.text) + len(c.note) // 2 + (len(c.interval.text) * 3 // 4 if c.interval and shown else 0))
                for c in cells
            )
            if cells
            else 0
        )
        width += max(len(column.title), longest) + 2
    return width


def _sentences(*parts: str) -> str:
    return " ".join(part if part[-1] in ".?!" else f"{part}." for part in parts if part)
