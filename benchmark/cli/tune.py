"""`sentibench tune`: search the hyper-parameters of a model on validation data."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from benchmark.cli.options import MakePool, Whole, checkpoint_option, executor_options, plugin_option
from benchmark.cli.progress import MinuteLines

if TYPE_CHECKING:
    from benchmark.runs.executors import Event
    from benchmark.tuning.journal import Key
    from benchmark.tuning.search import TuningOutcome, TuningPlan
    from benchmark.tuning.space import Fields
    from benchmark.tuning.trials import Trial

#: Number of trials in the table at the end.
SHOWN = 5


@click.command()
@click.argument("model")
@click.option(
    "--dataset", "datasets", multiple=True, required=True,
    help="Data set, with one split: mosi, mosi/official, synthetic. Several, to judge every trial on all: repeat.",
)  # fmt: skip
@click.option("--regime", default="uncertain", show_default=True, help="Training regime, also used for validation.")
@click.option("--budget", type=Whole(min=1), default=20, show_default=True, help="Total number of trials.")
@click.option(
    "--folds", type=Whole(min=2),
    help="Number of folds: judge by cross-validation within the training and validation videos, for a small validation "
    "part; the videos left out of a fold also choose the epoch of its training. Default: no folds.",
)  # fmt: skip
@click.option(
    "--seeds", default="3", show_default=True, help="Seeds of a trial on each data set: number (3) or list (0,3)."
)
@click.option("--encoder", help="Text encoder: minilm, a Hugging Face name, or a folder.")
@click.option("--finetune", is_flag=True, help="Train the text encoder with the model.")
@click.option(
    "--epochs", help="Maximum number of epochs; several, such as 25,6,12, are searched, starting with the first.",
)  # fmt: skip
@click.option("--fields", help="Vary only these of the fields that --dry-run shows, such as learning_rate,epochs.")
@click.option("--patience", type=Whole(min=1), help="Epochs without improvement before training ends.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the first trial's settings, such as a 'best.yaml'.",
)
@click.option(
    "--no-prune", is_flag=True,
    help="Do not end trials early; otherwise a trial ends if its first training is worse than the median of finished "
    "ones or, with several folds or data sets, than all of them.",
)  # fmt: skip
@click.option("--seed", "search_seed", type=Whole(min=0), default=0, show_default=True, help="Seed of the search.")
@plugin_option
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("results/tuning"), show_default=True,
    help="Folder of searches.",
)  # fmt: skip
@executor_options
@checkpoint_option
@click.option("--dry-run", is_flag=True, help="Print the search space and what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def tune(
    model: str,
    datasets: tuple[str, ...],
    regime: str,
    budget: int,
    folds: int | None,
    seeds: str,
    encoder: str | None,
    finetune: bool,
    epochs: str | None,
    fields: str | None,
    patience: int | None,
    config: Path | None,
    no_prune: bool,
    search_seed: int,
    plugins: tuple[str, ...],
    out: Path,
    device: str,
    make_pool: MakePool,
    checkpoint_seconds: float,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Search the hyper-parameters of MODEL on the validation part of one or more data sets.

    The first trial has the model's own settings, or those of --config; each is judged by the mean validation MAE over
    all data sets, folds and seeds. The same command continues after an interruption; with a larger budget, it extends
    the search. The test part is never read.
    """
    from benchmark.cli.options import read_seeds, split_list
    from benchmark.study.settings_file import read_tuned
    from benchmark.tuning.search import Tuning, pending, plan_tuning
    from benchmark.tuning.search import tune as search
    from protocols import InputError

    pool = make_pool()
    chosen = read_seeds(seeds)
    wanted: dict[str, Any] = {
        "model": model,
        "datasets": datasets,
        "regime": regime,
        "seeds": tuple(range(chosen)) if isinstance(chosen, int) else tuple(chosen or ()),
        "encoder": {"name": encoder or "minilm", "mode": "finetune" if finetune else "frozen"},
        "folds": folds,
        "epochs": _read_epochs(epochs),
        "fields": tuple(split_list(fields or "")),
        "optimisation": {"patience": patience} if patience is not None else {},
        "plugins": plugins,
        "prune": not no_prune,
        "search_seed": search_seed,
    }
    if config is not None:
        begun = read_tuned(config, model)
        wanted["begun_at"] = begun.tuning
        wanted["config"] = begun.config
    console = Console(stderr=as_json)
    with console.status("reading data") if console.is_terminal else contextlib.nullcontext():
        plan = plan_tuning(Tuning.model_validate(wanted))
        todo = pending(plan, out, budget)
    if dry_run:
        _show_space(plan, out, budget, todo, as_json, console)
        return 0
    if not as_json:
        finished = budget - len(todo)
        shape = f"{budget} trials x {plan.shape}, {finished} trials finished, {len(todo)} to do"
        console.print(f"tuning [bold]{model}[/] on {' and '.join(datasets)}: {shape}", highlight=False, soft_wrap=True)
    with TuningDisplay(plan, todo, console) as display:
        outcome = search(plan, out, budget, pool, device, display.event, display.trial, checkpoint_seconds)
    if outcome.best is None:
        raise InputError(f"no trial ended well; the first: {outcome.trials[0].reason or outcome.trials[0].state}")
    if as_json:
        click.echo(json.dumps(_content(outcome), indent=2))
    else:
        _show_best(outcome, console)
    failed = [t for t in outcome.trials if t.state == "failed"]
    for trial in failed:
        click.echo(f"failed: trial {trial.number}: {trial.reason}", err=True)
    return 1 if failed else 0


def _read_epochs(text: str | None) -> tuple[int, ...]:
    """Read `25` or `25,6,12`; raises InputError for anything else."""
    from benchmark.cli.options import split_list
    from protocols import InputError, read_whole

    numbers = [read_whole(part) or 0 for part in split_list(text or "")]
    if text is not None and not (numbers and min(numbers) > 0):
        raise InputError(f"--epochs: expected a number such as 25, or several such as 25,6,12; found '{text}'")
    return tuple(dict.fromkeys(numbers))


class TuningDisplay:
    """Prints one line per finished trial and, on a terminal, the current trainings and the time left."""

    def __init__(self, plan: TuningPlan, todo: Sequence[int], console: Console) -> None:
        self._plan, self._todo, self._console = plan, len(todo), console
        self._ended = 0
        self._running: dict[int, dict[Key, float]] = {}
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console, transient=True,
            disable=not console.is_terminal or not todo,
        )  # fmt: skip
        self._task = self._progress.add_task("searching", total=len(todo))
        self._minutes = MinuteLines(console)

    def __enter__(self) -> TuningDisplay:
        self._progress.start()
        self._minutes.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._minutes.stop()
        self._progress.stop()

    def event(self, which: tuple[int, Key], event: Event) -> None:
        """Show an event of a training."""
        trial, (dataset, seed) = which
        share = 1.0 if event.phase == "end" else event.done / max(event.total, 1)
        self._running.setdefault(trial, {})[dataset, seed] = share
        name = f"trial {trial} {dataset} seed {seed}"
        mae = f", validation MAE {event.valid_mae:.3f}" if event.valid_mae is not None else ""
        self._update(f"{name}: {event}{mae}")
        self._minutes.event(name, event)

    def trial(self, trial: Trial) -> None:
        """Show how a trial ended."""
        self._ended += 1
        self._running.pop(trial.number, None)
        if trial.valid_mae is not None:
            each = " ".join(f"{value:.4f}" for value in trial.by_training.values())
            how = f"validation MAE {trial.valid_mae:.4f} ({each})"
        else:
            how = f"{trial.state}: {trial.reason}"
        cost = f"{trial.epochs} epochs, {trial.seconds:.0f} s"
        line = f"[{self._ended}/{self._todo}] trial {trial.number}: {how}, {cost}; {_settings(trial.fields)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._update("searching")

    def _update(self, text: str) -> None:
        trainings = len(self._plan.specs)
        part = sum(sum(shares.values()) / trainings for shares in self._running.values())
        completed = min(self._ended + part, self._todo)
        self._progress.update(self._task, description=text, completed=completed)
        self._minutes.share = completed / max(self._todo, 1)


def _settings(fields: Fields) -> str:
    """`width 64, learning_rate 0.0003`."""
    shown = ((name.rsplit(".", 1)[-1], value) for name, value in fields.items())
    return ", ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown)


def _show_space(plan: TuningPlan, out: Path, budget: int, todo: list[int], as_json: bool, console: Console) -> None:
    from benchmark.tuning.space import describe, space_content

    folder = plan.folder(out)
    if as_json:
        content = {"folder": str(folder), "budget": budget, "to_do": todo, "first": plan.first}
        click.echo(json.dumps({**content, "space": space_content(plan.space)}, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("field", "first", "searched"):
        table.add_column(column, overflow="fold")
    for name, search in plan.space.items():
        table.add_row(name, str(plan.first[name]), describe(search))
    console.print(table)
    shape = f"{budget} trials x {plan.shape}, {budget - len(todo)} trials finished, {len(todo)} to do"
    console.print(f"{shape}; in {folder}", highlight=False, soft_wrap=True)


def _show_best(outcome: TuningOutcome, console: Console) -> None:
    from benchmark.tuning.files import usage
    from benchmark.tuning.trials import gain, ranked

    first = outcome.trials[0]
    best = ranked(outcome.trials)[:SHOWN]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trial", justify="right")
    table.add_column("validation MAE", justify="right", no_wrap=True)
    table.add_column("gain (sd over trainings)", justify="right", no_wrap=True)
    table.add_column("settings", overflow="fold")
    for trial in [*best, *([] if first in best else [first])]:
        value = f"{trial.valid_mae:.4f}" if trial.valid_mae is not None else str(trial.state)
        difference = gain(trial, first) if trial.number else None
        spread = "" if difference is None or difference[1] is None else f" ({difference[1]:.4f})"
        shown = "" if difference is None else f"{difference[0]:+.4f}{spread}"
        name = str(trial.number) if trial.number else "0, first"
        table.add_row(name, value, shown, _settings(trial.fields))
    console.print(table)
    console.print(
        "gain: decrease of validation MAE from trial 0, which has the initial settings, training by training; the "
        "search chose on the same data, so expect a smaller gain on other data",
        style="dim",
        highlight=False,
    )
    if outcome.best is first:
        console.print("No trial is better than the first settings.", highlight=False, soft_wrap=True)
    console.print(f"Settings: {outcome.best_file}", highlight=False, soft_wrap=True, markup=False)
    if outcome.best is first:
        return
    command = usage(outcome.plan, outcome.folder)
    console.print(f"Use them: {command}", highlight=False, soft_wrap=True, markup=False)


def _content(outcome: TuningOutcome) -> dict[str, Any]:
    """Return the outcome as a record for JSON."""
    from benchmark.tuning.files import trial_row, usage

    return {
        "folder": str(outcome.folder),
        "best_file": str(outcome.best_file),
        "best": outcome.best.number if outcome.best else None,
        "trained": outcome.trained,
        "use": usage(outcome.plan, outcome.folder),
        "trials": [trial_row(outcome.plan, trial) for trial in outcome.trials],
    }
