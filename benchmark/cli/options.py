"""Options that several verbs share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from benchmark.runs.executors import Executor

F = TypeVar("F", bound=Callable[..., Any])
#: Function that makes the executor of the options.
MakePool = Callable[[], "Executor[Any, Any]"]


class Commands(click.Group):
    """Group of commands that suggests the nearest of them for an unknown one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the name and command that arguments begin with; raises InputError for an unknown name."""
        from protocols import unknown_name

        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            raise unknown_name("command", name, self.list_commands(ctx), hint=f"(see {ctx.command_path} --help)")
        return super().resolve_command(ctx, args)


class Whole(click.IntRange):
    """Whole number in plain digits: `1_0` is a typing error and not 10."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fails as click's own types do."""
        from protocols import read_whole

        if isinstance(value, str) and read_whole(value) is None:
            self.fail(f"{value!r} is not a valid integer.", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.types.FloatParamType):
    """Decimal number in plain digits: `1_0` is a typing error and not 10."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fails as click's own types do."""
        from protocols import read_number

        if isinstance(value, str) and read_number(value) is None:
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return super().convert(value, param, ctx)


class NumberRange(Number, click.FloatRange):
    """`Number` within bounds."""


def plugin_option(command: F) -> F:
    """Add `--plugin FILE`, any number of times, as `plugins`."""
    text = "Python file that registers models, mechanisms, protocols or data sets. Several: repeat."
    return click.option("--plugin", "plugins", multiple=True, type=click.Path(), help=text)(command)


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read a duration such as `90`, `30m`, `1.5h`."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", value.strip())
    seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if not seconds:
        raise click.BadParameter(f"expected seconds such as 90, or 30m, or 1.5h; found '{value}'")
    return seconds


def executor_options(command: F) -> F:
    """Add the options of executors. The command is given `device`, and `make_pool`, which makes the chosen executor."""

    @wraps(command)
    def bundled(
        *arguments: Any, executor: str, workers: int | None, device: str | None, timeout: float | None,
        address: str | None, cpus_per_run: float | None, gpus_per_run: float | None, retries: int | None, **others: Any,
    ) -> Any:  # fmt: skip
        device = device or ("cuda" if gpus_per_run else "cpu")
        given = {"address": address, "cpus_per_run": cpus_per_run, "gpus_per_run": gpus_per_run, "retries": retries}
        given = {name: value for name, value in given.items() if value is not None}
        make_pool = partial(chosen_executor, executor, workers, device, timeout, **given)
        return command(*arguments, device=device, make_pool=make_pool, **others)

    for option in (
        click.option("--retries", type=Whole(min=0),
                     help="Ray: further attempts for a run whose process or node is lost; none after an exception. "
                     "Default: 2."),
        click.option("--gpus-per-run", type=NumberRange(min=0),
                     help="Ray: GPUs that a run reserves and computes on, such as 0.25. Default: 1 with --device "
                     "cuda."),
        click.option("--cpus-per-run", type=NumberRange(min=0),
                     help="Ray: CPUs that a run reserves; it computes with one thread. Default: 1."),
        click.option("--address",
                     help="Ray: HOST:PORT of a cluster, or auto for that of this machine. Default: $RAY_ADDRESS, or a "
                     "new cluster of this machine alone."),
        click.option("--executor", default="local", show_default=True,
                     help="Executor of the runs: local (worker processes), ray (machines of a cluster), inline (this "
                     "process, for debuggers), or the name of an installed one."),
        click.option("--timeout", callback=_seconds, metavar="DURATION",
                     help="Time limit of a run, such as 90 (seconds), 30m or 2h; a run that takes longer is ended and "
                     "filed as failed. Default: no limit."),
        click.option("--device", help="Device: cpu, cuda or cuda:1. Default: cpu; cuda with --gpus-per-run."),
        click.option("--workers", type=click.IntRange(min=1),
                     help="Number of runs at a time. Default: one per core, on a GPU at most one per 12 GiB of its "
                     "free memory; with Ray, as many as the cluster has room for."),
    ):  # fmt: skip
        bundled = option(bundled)
    return cast(F, bundled)


def chosen_executor(
    executor: str, workers: int | None, device: str, timeout: float | None, **options: Any
) -> Executor[Any, Any]:
    """Make the executor that the options of `executor_options` ask for; raises InputError."""
    from benchmark.runs.executors import make_executor, options_of, runs_at_once

    taken = options_of(executor)
    if "device" in taken:  # it knows the devices of other machines
        options["device"] = device
    elif device != "cpu" and options.keys() <= taken:
        workers = runs_at_once(device, workers)
    return make_executor(executor, workers=workers, timeout=timeout, **options)


def checkpoint_option(command: F) -> F:
    """Add `--checkpoint-seconds`."""
    return click.option(
        "--checkpoint-seconds", type=NumberRange(min=0), default=60.0, show_default=True,
        help="Seconds between two saved states of a training; the same command continues a killed training from the "
        "last one. 0: save after every epoch.",
    )(command)  # fmt: skip


def load_plugins(plugins: Iterable[str]) -> None:
    """Import plugin files; raises InputError."""
    from protocols import load_plugin

    for plugin in plugins:
        load_plugin(plugin)


def split_list(text: str | None) -> list[str]:
    """Split `a, b` into a list."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def read_shard(text: str) -> tuple[int, int]:
    """Read `2/8` as the second of eight parts; raises InputError for anything else."""
    from protocols import InputError, read_whole

    number, _, count = (read_whole(part) for part in text.partition("/"))
    if number is None or count is None or not 1 <= number <= count:
        raise InputError(f"--shard: expected K/N with K from 1 to N, such as 2/8; found '{text}'")
    return number, count


def read_seeds(text: str | None) -> int | list[int] | None:
    """Read `5` as five seeds and `0,3` as these two; raises InputError for anything else."""
    from protocols import InputError, read_whole

    if text is None:
        return None
    parts = split_list(text)
    numbers = [n for n in map(read_whole, parts) if n is not None and n >= 0]
    if not parts or len(numbers) < len(parts):
        raise InputError(f"--seeds: expected a number of seeds such as 5, or a list such as 0,3,7; found '{text}'")
    if len(parts) == 1 and not text.strip().endswith(","):
        if numbers[0] == 0:
            raise InputError("--seeds: expected at least 1 seed; write '0,' for the one seed 0")
        return numbers[0]
    return numbers


OUT_DEFAULT = Path("results/runs")
OUT = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=OUT_DEFAULT, show_default=True,
    help="Folder of runs, tables and figures.",
)  # fmt: skip
