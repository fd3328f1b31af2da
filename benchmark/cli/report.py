"""`sentibench report`: write and print the tables of a study."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from benchmark.cli.options import OUT, Number, Whole, split_list

if TYPE_CHECKING:
    from rich.console import Console

    from benchmark.publishing.tables import Entry
    from benchmark.results.study_results import StudyResults

#: Kinds of tables of this project, as in `benchmark.tables.kinds`, which is not imported for `--help`.
TABLES = (
    "leaderboard", "scenarios", "subsets", "grid", "aggregates", "pairs", "ablation", "cost", "optimism", "paper",
    "seeds",
)  # fmt: skip
_FORMATS = ("markdown", "csv", "latex", "html")
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("study", required=False)
@OUT
@click.option(
    "--table",
    "names",
    multiple=True,
    default=("leaderboard",),
    show_default=True,
    metavar="NAME",
    help=f"Table to print: {', '.join(TABLES)}, or one of a plugin. Several: repeat.",
)
@click.option("--protocol", "protocols", multiple=True, help="Print only the tables of this protocol. Several: repeat.")
@click.option(
    "--metric", default="mae", show_default=True, help="Metric of the tables that show only one, such as f1_non0."
)
@click.option(
    "--against", default="best", show_default=True, help="Baseline of the pairs table: best, all, or a model name."
)
@click.option("--at", help="optimism: rate of the protocol at which epochs are chosen, such as 0.5. Default: its mean.")
@click.option("--metrics", help="paper: metrics, comma-separated. Default: mae, corr and acc2_non0 or acc2_sims.")
@click.option(
    "--rates", help="paper: points of the protocols, such as 0,0.5, 0.5:0.2 on two axes, or mean. Default: the mean."
)
@click.option(
    "--spread",
    type=click.Choice(("sd", "interval")),
    help="paper: standard deviation over seeds (default), or interval.",
)
@click.option("--columns", help="Columns to print: comma-separated names as in the CSV, or all.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Print the tables in this format.")
@click.option(
    "--level", type=Number(), default=0.95, show_default=True, help="Confidence level of intervals, ranks and bold."
)
@click.option("--draws", type=Whole(min=1), default=2000, show_default=True, help="Number of bootstrap draws.")
@click.option(
    "--with-reported",
    is_flag=True,
    help="Add published numbers to leaderboards, below a rule, with known faults marked.",
)
@click.option(
    "--publish",
    "published",
    type=_FOLDER,
    help="Write tables and predictions into a FOLDER that can be committed and checked.",
)
@click.option(
    "--check",
    "checked",
    type=_FOLDER,
    help="Recompute every number of a published FOLDER from its "
    "predictions; or check that the files of a FOLDER of runs are as they were filed.",
)
@click.option("--refresh", "refreshed", type=_FOLDER, help="Rebuild the tables of a published FOLDER.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def report(
    study: str | None,
    out: Path,
    names: tuple[str, ...],
    protocols: tuple[str, ...],
    metric: str,
    against: str,
    at: str | None,
    metrics: str | None,
    rates: str | None,
    spread: Literal["sd", "interval"] | None,
    columns: str | None,
    form: str | None,
    level: float,
    draws: int,
    with_reported: bool,
    published: Path | None,
    checked: Path | None,
    refreshed: Path | None,
    as_json: bool,
) -> int:
    """Write the tables of STUDY (default: the one run last) and print the chosen ones; those of a published folder are
    printed only.

    Every table is written to OUT/studies/NAME/tables as Markdown, CSV, LaTeX and HTML; the table paper, of all data
    sets and protocols, to OUT/studies/NAME with its notes and references.bib. LaTeX needs the packages booktabs, ulem
    (normalem) and fontenc (T1).
    """
    from rich.console import Console

    from benchmark.cli.measured import check_measured, publish_measured, refresh_measured
    from benchmark.results.opening import find_results

    if checked:
        return check_measured(checked, as_json=as_json)
    if refreshed:
        return refresh_measured(refreshed)
    if published:
        return publish_measured(find_results(study, out), published, draws=draws, level=level)

    from benchmark.publishing.tables import as_record
    from benchmark.publishing.tables import report as write
    from benchmark.tables.kinds import TableSettings
    from protocols import InputError
    from senti_ifusion.ablation import ABLATION

    results = find_results(study, out)
    given = [f"--{name}" for name, value in (("metrics", metrics), ("rates", rates), ("spread", spread)) if value]
    if given and "paper" not in names:
        raise InputError(f"{given[0]}: only the table paper reads it; add --table paper")
    settings = TableSettings(metric, against, ABLATION, draws, level, at)
    settings = replace(
        settings, metrics=tuple(split_list(metrics)), points=tuple(split_list(rates)), spread=spread or "sd"
    )
    written = write(results, settings, names, protocols)
    entries = written.chosen(names, protocols)
    left_out = written.left_out(names, protocols)
    if not entries:
        raise InputError("; ".join(left_out))
    for line in left_out:
        click.echo(line, err=True)
    entries = _with_columns(_with_reported(entries) if with_reported else entries, columns)
    if as_json:
        click.echo(json.dumps([as_record(entry) for entry in entries], indent=2, allow_nan=False))
    elif form:
        click.echo(_formatted(entries, form, metric, columns == "all"), nl=False)
    else:
        console = Console()
        _print(entries, console, all_columns=columns is not None, caption=len(entries) == 1)
        _print_files(written.files, console)
    return 1 if written.failed else 0


def show_results(results: StudyResults, console: Console) -> list[Path]:
    """Write the tables and figures of a study, and print its leaderboards; returns the files."""
    from benchmark.publishing.figures import plot as draw
    from benchmark.publishing.tables import report as write

    written = write(results)
    _print(written.chosen(), console)
    files = [*written.files, *draw(results, required=False)]
    _print_files(files, console)
    return files


def _with_reported(entries: list[Entry]) -> list[Entry]:
    from benchmark.papers.beside_measured import with_published

    def below(entry: Entry) -> Entry:
        if entry.name != "leaderboard":
            return entry
        data, protocol = entry.dataset, entry.protocol
        table = with_published(entry.table, dataset=data, published=entry.published, protocol=protocol)
        return replace(entry, table=table)

    return [below(entry) for entry in entries]


def _with_columns(entries: list[Entry], columns: str | None) -> list[Entry]:
    if columns is None:
        return entries
    known = {column.name for entry in entries for column in entry.table.columns}
    chosen = []
    for entry in entries:
        every = [column.name for column in entry.table.columns]
        given = every if columns == "all" else split_list(columns)
        # a column that only another data set of the study has is left out here
        wanted = [name for name in given if name in every or name not in known]
        if given and not wanted:
            continue
        first = next(column.name for column in entry.table.columns if column.align == "left")  # names the row
        names = wanted if not wanted or first in wanted else [first, *wanted]
        chosen.append(replace(entry, table=entry.table.only(names)))
    return chosen


def _formatted(entries: list[Entry], form: str, metric: str, all_columns: bool) -> str:
    from benchmark.publishing.tables import csv_text

    if form == "csv":
        return csv_text(entries)
    if form == "latex":
        return "\n".join(entry.table.latex(entry.label(metric), all_columns=all_columns) for entry in entries)
    return "\n".join(getattr(entry.table, form)() for entry in entries)


def _print(entries: list[Entry], console: Console, *, all_columns: bool = False, caption: bool = False) -> None:
    from benchmark.tables.rendering.terminal import common_footnotes, show, show_remedies

    common = common_footnotes([entry.table for entry in entries])
    for entry in entries:
        elsewhere = "" if all_columns or entry.name != "leaderboard" else "--columns, or the files"
        show(entry.table, console, elsewhere=elsewhere, all_columns=all_columns, caption=caption, said=common)
    if common:
        console.print()
    for text in common:
        console.print(text, style="dim", markup=False, highlight=False)
    if not caption:
        bold = dict.fromkeys(entry.table.bold for entry in entries if entry.table.bold)
        console.print(f"\n{' '.join([*bold, 'The files explain every number.'])}", style="dim")
    show_remedies((entry.table for entry in entries), console)


def _print_files(files: list[Path] | tuple[Path, ...], console: Console) -> None:
    """Print the paths of files that a person opens, and the folder of the tables with the number of its files."""
    folders: dict[Path, int] = {}
    console.print()
    for path in files:
        tables = next((parent for parent in path.parents if parent.name == "tables"), None)
        if tables:
            folders[tables] = folders.get(tables, 0) + 1
        elif path.suffix in {".md", ".png", ".tex", ".bib"} or path.name == "leaderboard.csv":
            console.print(str(path), style="dim", markup=False, highlight=False, soft_wrap=True)
    for folder, count in folders.items():
        note = f"{folder}/ ({count} files: every table as Markdown, CSV, LaTeX, HTML)"
        console.print(note, style="dim", markup=False, highlight=False, soft_wrap=True)
