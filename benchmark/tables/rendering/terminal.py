"""Tables in a terminal: the columns that fit, bold cells, footnotes below."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from itertools import groupby
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from benchmark.tables.table import Cell, Column, Table

#: Number of spaces between columns.
_GAP = 2
#: Minimum width of wrapped words; numbers are never wrapped.
_WIDEST = 36
#: Columns of a leaderboard that are shown however narrow the terminal is.
_FIRST = ("rank", "model")


def show(
    table: Table,
    console: Console,
    *,
    elsewhere: str = "",
    all_columns: bool = False,
    caption: bool = False,
    said: Container[str] = (),
) -> None:
    """Print a table, without the footnotes that have a remedy: `show_remedies` prints them below all tables.

    Args:
        table: Table to print, with the columns that a paper prints.
        console: Console to print to.
        elsewhere: Place of the columns that do not fit and are left out; empty: they are continued below, under the
            same names.
        all_columns: Show every column.
        caption: Also print the caption.
        said: Footnotes that are printed elsewhere, see `common_footnotes`.
    """
    if all_columns:
        table = table.only([column.name for column in table.columns])
    elif table.paper:
        table = table.only([column.name for column in table.columns if column.name in table.paper])
    else:
        table = table.shown()
    left = 0
    if elsewhere:
        chosen = _fitting(table, table.plain()[1], console.width)
        left = len(table.columns) - len(chosen)
        table = table.only([table.columns[i].name for i in chosen])
    texts = table.plain()[1]
    blocks = _blocks(table, texts, console.width)
    console.print()
    console.print(Text(table.title, style="italic"))
    for number, block in enumerate(blocks):
        if number:
            console.print()
        for line in _lines(table, block, texts):
            console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
    if left:
        console.print(f"{left} more column{'s' if left > 1 else ''}: see {elsewhere}", style="dim")
    if caption and table.caption:
        console.print(Text(table.caption, style="dim"))
    for note in table.footnotes:
        if note.remedy or note.text in said:
            continue  # see `show_remedies`
        text = Text(f"({note.mark}) {note.text}" if note.mark else note.text, style="dim")
        console.print(text, soft_wrap="`" in note.text)  # a wrapped command cannot be copied


def common_footnotes(tables: Sequence[Table]) -> list[str]:
    """Return the footnotes without a mark that several tables share, to be printed once below all of them."""
    if len(tables) < 2:
        return []
    notes = [[note.text for note in table.footnotes if not note.mark and not note.remedy] for table in tables]
    return [text for text in dict.fromkeys(notes[0]) if all(text in own for own in notes)]


def show_remedies(tables: Iterable[Table], console: Console) -> None:
    """Print the footnotes of tables that have a remedy, each once: the missing part, and the command that adds it."""
    notes = [note for table in tables for note in table.footnotes if note.remedy]
    said = dict.fromkeys(f"{note.text.removesuffix('.')}; {note.remedy}." for note in notes)
    if said:
        console.print()
    for text in said:
        say(text, console)


def say(text: str, console: Console) -> None:
    """Print a remark, folded to the width, with commands that can still be copied."""
    for line in _folded(text, console.width):
        console.print(Text(line, style="dim"), soft_wrap=True)


def _folded(text: str, width: int) -> list[str]:
    """Fold a text into lines of this width, if words allow it; within a command, lines end with a backslash."""
    lines, command = [""], False
    for word in re.split(r"(?<= )|(?<=,)(?=\S)", text):  # with the space behind it; names in a list are words, too
        if lines[-1] and cell_len(lines[-1] + word) >= width:
            lines[-1] = f"{lines[-1]}\\" if command else lines[-1].rstrip()
            lines.append("")
        lines[-1] += word
        command ^= word.count("`") % 2 == 1
    return lines


def _width(column: Column, cells: Sequence[str]) -> int:
    widest = max((cell_len(cell) for cell in cells), default=0)
    return max(cell_len(column.title), min(widest, _WIDEST) if column.align == "left" else widest)


def _widths(table: Table, block: Sequence[int], texts: Sequence[Sequence[str]]) -> list[int]:
    """Return the widths of a block's columns; the last of a group takes the extra width of the group's head."""
    widths = [_width(table.columns[i], [row[i] for row in texts]) for i in block]
    for heads, members in groupby(range(len(block)), key=lambda k: table.columns[block[k]].heads):
        own = list(members)
        span = sum(widths[k] for k in own) + _GAP * (len(own) - 1)
        widths[own[-1]] += max(cell_len(heads[-1]) - span, 0)
    return widths


def _fits(table: Table, block: Sequence[int], texts: Sequence[Sequence[str]], width: int) -> bool:
    return sum(_widths(table, block, texts)) + _GAP * (len(block) - 1) <= width


def _fitting(table: Table, texts: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the columns that fit, chosen in the order of a paper."""
    names = [column.name for column in table.columns]
    order = [*_FIRST, *(table.paper or names), *names]
    chosen: list[int] = []
    for name in dict.fromkeys(order):
        if name not in names:
            continue
        i = names.index(name)
        if chosen and not _fits(table, sorted((*chosen, i)), texts, width):
            break
        chosen.append(i)
    return sorted(chosen)


def _blocks(table: Table, texts: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Split columns into blocks that fit, each starting with the columns that name the row."""
    lefts = [i for i, column in enumerate(table.columns) if column.align == "left"]
    count = lefts[0] + 1 if lefts else 0
    while count in lefts:
        count += 1
    key, rest = range(count), range(count, len(table.columns))
    blocks = [list(key)]
    for i in rest:
        if len(blocks[-1]) > len(key) and not _fits(table, (*blocks[-1], i), texts, width):
            blocks.append(list(key))
        blocks[-1].append(i)
    return blocks


def _lines(table: Table, block: Sequence[int], texts: Sequence[Sequence[str]]) -> list[Text]:
    """Print a block of columns: heads, and a line (or several, with wrapped words) per row."""
    columns = [table.columns[i] for i in block]
    widths = _widths(table, block, texts)
    lines = _groups(columns, widths)
    lines.append(_line([Text(c.title, style="bold") for c in columns], columns, widths))
    for row, cells in zip(table.rows, texts, strict=True):
        if row.rule:
            lines.append(Text("─" * (sum(widths) + _GAP * (len(widths) - 1)), style="dim"))
        elif row.space and row is not table.rows[0]:
            lines.append(Text())
        wrapped = [
            wrap(cells[i], width, break_on_hyphens=False) or [""] for i, width in zip(block, widths, strict=True)
        ]
        for k in range(max(map(len, wrapped))):
            parts = [
                Text(own[k] if k < len(own) else "", style=_style(row.cells[i]))
                for own, i in zip(wrapped, block, strict=True)
            ]
            lines.append(_line(parts, columns, widths))
    return lines


def _groups(columns: Sequence[Column], widths: Sequence[int]) -> list[Text]:
    """Return the lines of common heads, the topmost first."""
    levels = [level for level in (0, 1) if any(column.heads[level] for column in columns)]
    return [_group_line(columns, widths, level) for level in levels]


def _group_line(columns: Sequence[Column], widths: Sequence[int], level: int) -> Text:
    line, at = Text(), 0
    for heads, members in groupby(columns, key=lambda column: column.heads[: level + 1]):
        group, count = heads[level], len(list(members))
        span = sum(widths[at : at + count]) + _GAP * (count - 1)
        if cell_len(group) > span:  # the title has it in full
            group = f"{group[: span - 1]}…"
        ruled = bool(group) and span >= cell_len(group) + 4
        title, fill = (f" {group} ", "─") if ruled else (group, " ")
        left = (span - cell_len(title)) // 2
        line.append(fill * left, style="dim").append(title, style="bold")
        line.append(fill * (span - left - cell_len(title)), style="dim").append(" " * _GAP)
        at += count
    line.rstrip()
    return line


def _line(parts: Sequence[Text], columns: Sequence[Column], widths: Sequence[int]) -> Text:
    line = Text()
    for k, (part, column, width) in enumerate(zip(parts, columns, widths, strict=True)):
        spaces = max(width - part.cell_len, 0)
        before = {"left": 0, "right": spaces, "center": spaces // 2}[column.align]
        line.append(" " * (before + (_GAP if k else 0))).append_text(part).append(" " * (spaces - before))
    line.rstrip()
    return line


def _style(cell: Cell) -> str:
    return " ".join(
        name for name, given in (("bold", cell.bold), ("underline", cell.underlined), ("strike", cell.struck)) if given
    )
