"""`sentibench report`: the tables of a study that was run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmark.cli.options import chosen_study
from benchmark.cli.run import OUT

if TYPE_CHECKING:
    from rich.console import Console

    from benchmark.report.table import Table
    from benchmark.study import Study

#: What a terminal shows of a leaderboard, as far as it is wide enough, what may go first last; files have every column.
_SHOWN = (
    "rank", "model", "mae", "corr", "acc2_non0", "acc7", "acc5", "f1_non0", "acc2_has0", "parameters", "train_seconds",
)  # fmt: skip
_FORMATS = ("markdown", "csv", "latex", "html")


@click.command()
@click.argument("study", required=False)
@OUT
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Print the tables in this format.")
def report(study: str | None, out: Path, form: str | None) -> None:
    """Write and show the leaderboards of STUDY (by default the one that was run last)."""
    from rich.console import Console

    from benchmark.publish import report as write

    chosen = chosen_study(study, out)
    if form:
        for _, _, table in write(chosen, out).tables:
            click.echo(getattr(table, form)())
    else:
        show_results(chosen, out, Console(), figures=False)


def show_results(study: Study, out: Path, console: Console, figures: bool = True) -> None:
    """Write tables (and figures) of a study and print its leaderboards."""
    from benchmark.plots import plot as draw
    from benchmark.publish import report as write

    written = write(study, out)
    for _, _, table in written.tables:
        _print(table, console)
    files = [*written.files, *(draw(study, out) if figures else ())]
    for path in files:
        if path.suffix in {".md", ".csv", ".png"} and not (path.suffix == ".csv" and path.stem != "leaderboard"):
            console.print(str(path), style="dim", highlight=False, soft_wrap=True)


def _print(table: Table, console: Console) -> None:
    from rich.table import Table as RichTable
    from rich.text import Text

    headers, rows = table.plain()
    at = {column.name: i for i, column in enumerate(table.columns)}
    for line in rows:  # the interval stands beside the value it is of
        line[at["mae"]] += f"  ({line[at['mae_low']]}-{line[at['mae_high']]})"
    headers[at["mae"]] += " (95 %)"
    widths = [max(len(line[i]) for line in (headers, *rows)) + 2 for i in range(len(headers))]
    chosen: list[int] = []
    for name in _SHOWN:
        if name in at and sum(widths[i] for i in (*chosen, at[name])) <= console.width:
            chosen.append(at[name])
    view = RichTable(title=table.title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for i in sorted(chosen):
        view.add_column(headers[i], justify=table.columns[i].align, no_wrap=True)
    for row, cells in zip(table.rows, rows, strict=True):
        if row.rule:
            view.add_row(*("-" * len(headers[i]) for i in sorted(chosen)), style="dim")
        view.add_row(*(Text(cells[i], style="bold" if row.cells[i].bold else "") for i in sorted(chosen)))
    console.print()
    console.print(view)
    for note in table.footnotes:
        mark = f"[{note.mark}] " if note.mark else ""
        console.print(f"{mark}{note.text}", style="dim", markup=False, highlight=False)
