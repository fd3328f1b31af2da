"""`sentibench reproduce`: rebuild tables and figures of papers, published beside measured numbers."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.options import (
    OUT,
    OUT_DEFAULT,
    MakePool,
    Whole,
    executor_options,
    load_plugins,
    plugin_option,
    read_seeds,
    split_list,
)

if TYPE_CHECKING:
    from rich.console import Console

    from benchmark.runs.executors import Executor
    from benchmark.runs.record import RunRecord
    from benchmark.study.plan import Plan

_FORMATS = ("markdown", "csv", "latex", "html")


@click.command()
@click.argument("name", default="list", metavar="[NAME|list]")
@OUT
@click.option("--no-run", is_flag=True, help="Show existing results and list missing runs; train nothing.")
@click.option("--dataset", help="Measure on this data set instead, such as synthetic:size=tiny; the tables note it.")
@click.option("--models", help="Comma-separated names. Default: the models of the table.")
@click.option("--seeds", help="Number of seeds (5), or a list (0,3,7).")
@click.option("--epochs", type=Whole(min=0), help="Maximum number of epochs, for every model.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Print all tables in this format.")
@executor_options
@plugin_option
def reproduce(
    name: str,
    out: Path,
    no_run: bool,
    dataset: str | None,
    models: str | None,
    seeds: str | None,
    epochs: int | None,
    form: str | None,
    device: str,
    make_pool: MakePool,
    plugins: tuple[str, ...],
) -> int:
    """Run the missing runs of a paper's table or figure; show published beside measured numbers. `list` lists names.

    Runs are filed under --out like those of any study, so finished runs are reused.
    """
    from rich.console import Console

    from benchmark.papers.reproduce import prepare
    from benchmark.tables.rendering.terminal import say, show

    load_plugins(plugins)
    console = Console(stderr=form is not None)
    if name == "list":
        _list(out, console)
        return 0
    pool = make_pool()
    given: dict[str, Any] = {"dataset": dataset, "models": split_list(models), "seeds": read_seeds(seeds)}
    given |= {"epochs": epochs, "plugins": plugins}
    reading = console.status("reading data sets") if console.is_terminal else contextlib.nullcontext()
    comparing = console.status("comparing") if console.is_terminal else contextlib.nullcontext()
    with reading:
        entry = prepare(name, **given)
    failed = sum(_run(plan, out, console, pool, device) for plan in entry.plans) if not no_run else 0
    with comparing:
        made = entry.present(out)
    if form:
        for table in made.tables:
            click.echo(getattr(table, form)())
    else:
        for table in made.first:
            marked = tuple(note for note in table.footnotes if note.mark)
            show(replace(table, footnotes=marked), console, elsewhere="the files, or a wider terminal")
        console.print()
        if made.ablation:
            say(f"paired differences of the variants: `{_ablation_command(entry.plans[0].study.name, out)}`", console)
        said = dict.fromkeys(
            text for t in made.first for text in (t.caption, *(f.text for f in t.footnotes if not f.mark))
        )
        for text in filter(None, said):  # a text about all tables is printed once
            say(text, console)
        for path in made.files:
            console.print(str(path), style="dim", markup=False, highlight=False, soft_wrap=True)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    return 1 if failed else 0


def _ablation_command(study: str, out: Path) -> str:
    where = "" if out == OUT_DEFAULT else f" --out {quote(str(out))}"
    return f"sentibench report {study} --table ablation{where}"


def _run(plan: Plan, out: Path, console: Console, executor: Executor[int, RunRecord], device: str) -> int:
    """Run the missing runs; returns the number of failed ones."""
    from benchmark.cli.progress import StudyDisplay
    from benchmark.study.running import pending
    from benchmark.study.running import run as run_study

    todo = pending(plan, out)
    shape = f"{len(plan.runs)} runs x {len(plan.scenarios)} scenarios, {len(todo)} to do"
    console.print(f"study [bold]{plan.study.name}[/]: {shape}", highlight=False, soft_wrap=True)
    with StudyDisplay(plan, todo, console) as display:
        outcome = run_study(plan, out, executor, display.event, device, display.record)
    for record in outcome.failed:
        click.echo(f"failed: {record.spec.title}: {record.error}", err=True)
    return len(outcome.failed)


def _list(out: Path, console: Console) -> None:
    from rich.table import Table as RichTable

    from benchmark.papers.reproduce import ITEMS, NEEDS, SERIES, prepare_item, prepare_series
    from benchmark.study.running import pending
    from protocols import InputError

    states = {name: need.state for name, need in NEEDS.items()}
    table = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "shows", "printed in", "data (available)", "runs missing"):
        table.add_column(
            column,
            justify="right" if column == "runs missing" else "left",
            overflow="fold",
            no_wrap=column == "name",  # names are typed by users: keep them in one piece
        )
    with console.status("reading data sets") if console.is_terminal else contextlib.nullcontext():
        for item in ITEMS.values():
            data = ", ".join(f"{d} ({states[d]})" for d in item.datasets)
            missing = "-"
            with contextlib.suppress(InputError):  # no data available: the previous column says so
                plan = prepare_item(item.name).plan
                missing = "none needed" if plan is None else f"{len(pending(plan, out))} of {len(plan.runs)}"
            table.add_row(item.name, item.shows, item.paper, data, missing)
        for name, series in SERIES.items():
            plans = prepare_series(name)
            missing = f"{sum(len(pending(p, out)) for p in plans)} of {sum(len(p.runs) for p in plans)}"
            table.add_row(name, series.shows, "this suite", "generated (yes)", missing)
    console.print(table)
    console.print(
        "data: yes = the published file; another file = a store of this name from another source", style="dim"
    )
    console.print(
        f"runs missing: those not in {out}, for the available data",
        style="dim",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for need in NEEDS.values():
        if states[need.name] == "no":
            console.print(need.how_to_get, style="dim", markup=False, highlight=False, soft_wrap=True)
