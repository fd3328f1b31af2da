"""`sentibench models check`: check models against the contract of all models, and measure their cost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from benchmark.cli.options import NumberRange, load_plugins, plugin_option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from benchmark.authoring.conformance import CheckResult, ConformanceReport, Cost

_MARKS = {"passed": "[green]✓[/]", "failed": "[bold red]✗[/]", "skipped": "[dim]–[/]"}


@click.command("check")
@click.argument("names", nargs=-1, metavar="NAME|FILE...")
@click.option("--all", "every", is_flag=True, help="Check every available model.")
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check. Several: repeat.")
@click.option(
    "--seconds",
    type=NumberRange(min=1),
    default=40.0,
    show_default=True,
    help="Time limit for overfitting sixteen samples, in seconds.",
)
@click.option("--traceback", is_flag=True, help="Show the traceback of an error within the model.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write JSON to this file.")
def check_models(
    names: tuple[str, ...],
    every: bool,
    only: tuple[str, ...],
    seconds: float,
    traceback: bool,
    plugins: tuple[str, ...],
    as_json: bool,
    out: Path | None,
) -> int:
    """Check models by NAME, or every model that a Python FILE registers.

    Each is built with its default config at small input widths. The exit code is 1 if a check fails.
    """
    from rich.console import Console

    from benchmark.authoring.conformance import check_model
    from protocols import InputError

    if out is not None and not out.resolve().parent.is_dir():
        raise InputError(f"--out: folder {out.resolve().parent} does not exist; create it first")
    load_plugins(plugins)
    console = Console(stderr=as_json, highlight=False)
    chosen = _chosen(names, every)
    reports = []
    for name in chosen:
        with console.status(name) if console.is_terminal else contextlib.nullcontext() as status:
            report = check_model(name, only=only, seconds=seconds, progress=_teller(status, name))
        reports.append(report)
        if not as_json:
            _show(console, report, full=len(chosen) == 1, traceback=traceback)
    text = json.dumps([report.model_dump(mode="json") for report in reports], indent=2, ensure_ascii=False)
    if out is not None:
        from benchmark.files import replace_text

        replace_text(out, text + "\n")
    if as_json:
        click.echo(text)
    failed = [report for report in reports if not report.passed]
    if len(chosen) > 1 and not as_json:
        console.print(f"\n{len(chosen) - len(failed)} of {len(chosen)} models pass")
    if not as_json and not traceback:
        files = [*plugins, *(name for name in names if _is_file(name))]
        _show_hint(console, failed, files, alone=len(chosen) == 1)
    return 1 if failed else 0


def _chosen(names: tuple[str, ...], every: bool) -> list[str]:
    """Return the names of the chosen models: by name, by file, or all; each once, in the given order."""
    from baselines import model_class, models
    from protocols import InputError, load_plugin

    if every and names:
        raise InputError("--all: leave out the names, or leave out --all")
    if every:
        return list(models())
    if not names:
        raise InputError("name a model ('sentibench models list' lists them), give a Python file, or --all")
    found: list[str] = []
    for name in names:
        if _is_file(name):
            new = [entry.partition(" ")[2] for entry in load_plugin(name) if entry.startswith("model ")]
            if not new:
                raise InputError(f"{name}: registers no model; decorate its class with @register")
            found += new
        else:
            model_class(name)
            found.append(name)
    return list(dict.fromkeys(found))


def _show_hint(console: Console, failed: list[ConformanceReport], files: list[str], *, alone: bool) -> None:
    """Print the command that shows more of a failure: its traceback, or the statement of the check."""
    results = [(report.model, result) for report in failed for result in report.failed]
    chosen = next((pair for pair in results if pair[1].traceback), None if alone else next(iter(results), None))
    if chosen is not None:
        model, result = chosen
        given = "".join(f" --plugin {quote(file)}" for file in files)
        more = " --traceback" if result.traceback else ""
        console.print(
            f"details: sentibench models check {model}{given} --only {result.name}{more}", style="dim", soft_wrap=True
        )


def _is_file(name: str) -> bool:
    return name.endswith(".py") or "/" in name


def _teller(status: Status | None, model: str) -> Callable[[str], None]:
    """Return a function that shows the name of the current check, on a terminal."""
    return lambda check: status.update(f"{model}: {check}") if status else None


def _show(console: Console, report: ConformanceReport, *, full: bool, traceback: bool) -> None:
    """Print one line per check, or one line for the model and one per failed check."""
    from rich.table import Table

    if full:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        for result in _causes(report):
            table.add_row(_MARKS[result.status], result.name, _text(result) + _also(report, result))
        console.print(table)
    count = {status: sum(r.status == status for r in report.results) for status in _MARKS}
    shared = " by one cause" if count["failed"] > 1 == len({_cause(result) for result in report.failed}) else ""
    totals = f"{count['passed']} passed, {count['failed']} failed{shared}, {count['skipped']} skipped"
    mark = _MARKS["passed" if report.passed else "failed"]
    console.print(f"{mark} [bold]{report.model}[/]: {totals} in {report.seconds:.1f} s")
    if not full:
        for result in _causes(report):
            if result.status == "failed":
                console.print(f"    {result.name}: [red]{_escaped(result.detail)}[/]{_also(report, result)}")
    if full and report.cost is not None:
        console.print(_cost_text(report.cost), style="dim")
    if traceback:
        for result in _causes(report):
            if result.traceback:
                console.print(f"\n{result.name}:\n{_escaped(result.traceback)}", soft_wrap=True)


def _causes(report: ConformanceReport) -> list[CheckResult]:
    """Return the results without the failures whose cause an earlier check has."""
    first: dict[str, CheckResult] = {}
    for result in report.failed:
        first.setdefault(_cause(result), result)
    return [result for result in report.results if result.status != "failed" or first[_cause(result)] is result]


def _cause(result: CheckResult) -> str:
    """Return the kind of an error with its place in the file, as its message may name a shape; else the finding."""
    if not result.traceback:
        return result.detail
    return f"{result.detail.partition(':')[0]} {result.detail.rpartition(' (')[2]}"


def _also(report: ConformanceReport, result: CheckResult) -> str:
    """Return the names of other checks that failed by the same cause, for the end of a text."""
    if result.status != "failed":
        return ""
    others = [other.name for other in report.failed if _cause(other) == _cause(result) and other is not result]
    return f"\n[red]the same in {', '.join(others)}[/]" if others else ""


def _text(result: CheckResult) -> str:
    """Return the checked property, with the finding of a failed check; or the reason why a check was skipped."""
    if result.status == "passed":
        return _escaped(result.statement)
    if result.status == "skipped":
        return f"[dim]skipped: {_escaped(result.detail)}[/]"
    return f"{_escaped(result.statement)}\n[red]{_escaped(result.detail)}[/]"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _cost_text(cost: Cost) -> str:
    """Return the cost of a model, in four lines."""
    return (
        f"  parameters           {cost.parameters:,}, text encoder excluded\n"
        f"  operations a sample  {_flops(cost.flops_per_sample)} to predict, "
        f"{_flops(cost.training_flops_per_sample)} to train\n"
        f"  a batch of 32        {cost.train_step_ms:.0f} ms to train, {cost.predict_ms:.0f} ms to predict "
        f"({cost.threads} thread{'s' if cost.threads > 1 else ''})\n"
        f"  peak in training     {cost.peak_memory_mb:.1f} MiB, {cost.memory_per_sample_mb:.2f} MiB more per sample"
    )


def _flops(count: int) -> str:
    return f"{count / 1e9:.2f} GFLOP" if count >= 1e9 else f"{count / 1e6:.2f} MFLOP"
