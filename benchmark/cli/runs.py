"""`sentibench runs`: list stored runs, show the disk space that they take, and remove them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from benchmark.cli.options import OUT, Commands

if TYPE_CHECKING:
    from benchmark.runs.housekeeping import Selection, StoredRun

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=Commands)
def runs() -> None:
    """List stored runs, show the disk space that they take, and remove them."""


def _selection(command: F) -> F:
    """Add the options that select runs."""
    for option in (
        click.option("--failed", is_flag=True, help="Select runs that failed, and damaged ones."),
        click.option("--id", "ids", multiple=True, metavar="ID", help="Select the run whose id begins with ID, which "
                     "must be only one. Several: repeat."),
        click.option("--model", "models", multiple=True, metavar="NAME", help="Select runs of a model. Several: "
                     "repeat."),
        click.option("--study", "studies", multiple=True, metavar="NAME", help="Select runs of a study in OUT. "
                     "Several: repeat."),
    ):  # fmt: skip
        command = option(command)
    return command


@runs.command("list")
@_selection
@OUT
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(out: Path, as_json: bool, **options: Any) -> None:
    """List the runs in a folder: all, or those that match every given option.

    Columns: id, date, size, status, data set and split, model, seed, studies in the folder that use it.
    """
    found, unresolved, _ = _selected(out, options)
    if as_json:
        click.echo(json.dumps([vars(run) for run in found], indent=2, default=str))
        return
    _show(found)
    for name, reason in unresolved.items():
        click.echo(f"the runs of study '{name}' are not known: {reason}", err=True)


@runs.command("size")
@OUT
@click.option("--json", "as_json", is_flag=True, help="Print JSON: number of files and bytes by subject.")
def size(out: Path, as_json: bool) -> None:
    """Show the disk space that runs, states, temporary files and tables take."""
    from benchmark.runs.housekeeping import sizes
    from benchmark.words import plural

    found = sizes(_folder(out))
    if as_json:
        click.echo(json.dumps({kind: {"files": n, "bytes": size} for kind, (n, size) in found.items()}, indent=2))
        return
    for kind, (count, total) in found.items():
        click.echo(f"{_bytes(total):>10}  {kind} ({plural(count, 'file')})")
    click.echo(f"{_bytes(sum(total for _, total in found.values())):>10}  total")


@runs.command("remove")
@_selection
@click.option("--states", is_flag=True, help="Remove all text states, and the states of killed trainings, which then "
              "start again. Runs are removed only if another option selects them.")  # fmt: skip
@OUT
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="Remove without asking.")
def remove(out: Path, states: bool, dry_run: bool, yes: bool, **options: Any) -> int:
    """Remove the runs that match every given option, or states of texts and trainings.

    A run that a study in the folder uses is only removed if that study or the id of the run is given, or if it failed.
    Runs and states that a process uses stay. The exit code is 1 if a selected run stays.
    """
    from benchmark.runs.housekeeping import in_use, remove_runs, remove_states
    from benchmark.runs.store import RunStore
    from benchmark.words import plural
    from protocols import InputError

    if not states and not any(options.values()):
        raise InputError("runs remove: select runs with --study, --model, --id or --failed, or states with --states")
    if not dry_run:
        RunStore(_folder(out)).sweep()  # of a removal that was killed
    chosen: list[StoredRun] = []
    stay: dict[str, list[str]] = {}
    parts = []
    if any(options.values()):
        found, unresolved, selection = _selected(out, options)
        for run in found:
            reason = selection.needed(run, unresolved) or (in_use(run.folder) and "a process uses it")
            if reason:
                stay.setdefault(reason, []).append(run.id)
            else:
                chosen.append(run)
        parts = [f"{plural(len(chosen), 'run')} ({_bytes(sum(run.bytes for run in chosen))})"]
    free, busy = remove_states(_folder(out), dry_run=True) if states else (0, 0)
    if states:
        parts.append(f"{plural(free, 'folder')} of states{f' ({busy} in use stay)' if busy else ''}")
    text = " and ".join(parts)
    _show(chosen)
    if not dry_run and (chosen or free):
        if not yes and not sys.stdin.isatty():
            raise InputError(f"runs remove: would remove {text}; add --yes to do so")
        if not yes and not click.confirm(f"remove {text}?"):
            return 1
        for run in remove_runs(out, chosen):
            stay.setdefault("a process uses it", []).append(run.id)
        if states:
            remove_states(out)
    for reason, names in stay.items():
        more = f" (and {plural(len(names) - 1, 'other')})" if names[1:] else ""
        click.echo(f"{names[0]}{more} stays: {reason}", err=True)
    click.echo(f"{'would remove' if dry_run else 'removed'} {text}")
    return 1 if stay else 0


def _selected(out: Path, options: dict[str, Any]) -> tuple[list[StoredRun], dict[str, str], Selection]:
    """Return the selected runs, the studies that cannot be resolved with reasons, and the selection."""
    from benchmark.runs.housekeeping import Selection, stored_runs
    from benchmark.study.uses import studies_by_run
    from protocols import InputError

    selection = Selection(**options)
    uses, unresolved = studies_by_run(_folder(out))
    for name in selection.studies:
        if name in unresolved:
            raise InputError(f"study '{name}': its runs are not known: {unresolved[name]}")
    return (
        selection.of(stored_runs(out, uses), {name for names in uses.values() for name in names}),
        unresolved,
        selection,
    )


def _folder(out: Path) -> Path:
    from protocols import InputError

    if not out.is_dir():
        raise InputError(f"{out}: is not a folder of runs; name one with --out")
    return out


def _show(found: list[StoredRun]) -> None:
    from benchmark.words import one_line

    rows = [
        (run.id, f"{run.date:%Y-%m-%d %H:%M}", _bytes(run.bytes), run.status,
         *(one_line(text, 80) for text in (f"{run.dataset}/{run.split}", run.model, str(run.seed),
                                           ", ".join(run.studies) or "-")))
        for run in found
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _bytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.2f} MB"
