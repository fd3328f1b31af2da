"""Tables as HTML: a fragment for a page, or a whole page."""

from __future__ import annotations

import html as html_library
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.tables.table import Cell, Column, Table

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
figure { margin: 0 0 3rem; overflow-x: auto; }
table { border-collapse: collapse; border-block: 2px solid; }
caption { font-weight: 600; text-align: left; padding-bottom: .5rem; }
th, td { padding: .2rem .6rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
thead tr:last-child { border-bottom: 1px solid; }
th[scope=colgroup] { border-bottom: 1px solid; }
tr.rule { border-top: 1px solid; }
tr.space td { padding-top: .8rem; }
.left { text-align: left; } .right { text-align: right; } .center { text-align: center; }
.interval { font-size: .85em; opacity: .75; }
figcaption { font-size: .9em; max-width: 60rem; } figcaption p { margin: .3rem 0; }
"""


def html(table: Table) -> str:
    """Render `Table.html`."""
    lines = ['<figure class="sentibench-table">', "<table>", f"<caption>{_escaped(table.title)}</caption>"]
    lines += ["<thead>", *_heads(table), "</thead>", "<tbody>"]
    for row in table.rows:
        cells = "".join(_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True))
        classes = " ".join(name for name, given in (("rule", row.rule), ("space", row.space)) if given)
        lines.append(f'<tr class="{classes}">{cells}</tr>' if classes else f"<tr>{cells}</tr>")
    lines += ["</tbody>", "</table>"]
    notes = [f"<p>{_escaped(table.caption)}</p>"] if table.caption else []
    for note in table.footnotes:
        notes.append(f"<p>{f'<sup>{_escaped(note.mark)}</sup> ' if note.mark else ''}{_escaped(note.text)}</p>")
    lines += [f"<figcaption>{''.join(notes)}</figcaption>"] if notes else []
    return "\n".join([*lines, "</figure>"]) + "\n"


def page(title: str, tables: Iterable[Table]) -> str:
    """Return a whole document of some tables, without scripts or external resources."""
    lines = ["<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">']
    lines += ['<meta name="viewport" content="width=device-width">', f"<title>{_escaped(title)}</title>"]
    lines += [f"<style>{_STYLE}</style>", "</head>", "<body>", *(html(table) for table in tables), "</body>", "</html>"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return html_library.escape(text, quote=True)


def _heads(table: Table) -> list[str]:
    levels = [k for k in range(2) if any(column.heads[k] for column in table.columns)]
    rows: list[list[str]] = [[] for _ in (*levels, "titles")]
    for at, level in enumerate(levels):
        for heads, members in groupby(table.columns, key=lambda column: column.heads[: level + 1]):
            own = list(members)
            if heads[level]:
                rows[at].append(
                    f'<th scope="colgroup" class="center" colspan="{len(own)}">{_escaped(heads[level])}</th>'
                )
                continue
            for column in own:
                if any(column.heads):
                    rows[at].append("<td></td>")
                elif not at:
                    rows[at].append(_head(column, rows=len(rows)))
    for column in table.columns:
        if any(column.heads) or not levels:
            rows[-1].append(_head(column))
    return [f"<tr>{''.join(row)}</tr>" for row in rows]


def _head(column: Column, rows: int = 1) -> str:
    span = f' rowspan="{rows}"' if rows > 1 else ""
    return f'<th scope="col" class="{column.align}"{span}>{_escaped(column.title)}</th>'


def _cell(cell: Cell, column: Column) -> str:
    text = _escaped(cell.text)
    if text and cell.struck:
        text = f"<s>{text}</s>"
    if text and cell.bold:
        text = f"<strong>{text}</strong>"
    if text and cell.underlined:
        text = f"<u>{text}</u>"
    text += f"<sup>{_escaped(cell.note)}</sup>" if cell.note else ""
    if cell.interval and column.interval == "shown":
        text += f' <span class="interval">{_escaped(cell.interval.text)}</span>'
    return f'<td class="{f"{column.align} best" if cell.bold else column.align}">{text}</td>'
