"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from protocols import read_number, read_whole

if TYPE_CHECKING:
    from benchmark.study.study import Study

F = TypeVar("F", bound=Callable[..., Any])


class Whole(click.IntRange):
    """A whole number in plain digits: `1_0` is a typing error and not 10."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; fails as click's own types do."""
        if isinstance(value, str) and read_whole(value) is None:
            self.fail(f"{value!r} is not a valid integer.", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.types.FloatParamType):
    """A decimal number in plain digits: `1_0` is a typing error and not 10."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; fails as click's own types do."""
        if isinstance(value, str) and read_number(value) is None:
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return super().convert(value, param, ctx)


class NumberRange(Number, click.FloatRange):
    """`Number` within bounds."""


def plugin_option(command: F) -> F:
    """`--plugin FILE`, any number of times, as `plugins`."""
    text = "A Python file that registers models, mechanisms, protocols or data sets."
    return click.option("--plugin", "plugins", multiple=True, type=click.Path(), help=text)(command)


def load_plugins(plugins: Iterable[str]) -> None:
    """Import plugin files; raises InputError."""
    from protocols import load_plugin

    for plugin in plugins:
        load_plugin(plugin)


def split_list(text: str | None) -> list[str]:
    """`a, b` as a list."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def read_seeds(text: str | None) -> int | list[int] | None:
    """`5` for five seeds, `0,3` for these; raises InputError for anything else."""
    from protocols import InputError

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


def check_device(device: str) -> None:
    """Raises InputError for a device that is not there."""
    import torch

    from protocols import InputError

    try:
        found = torch.device(device)
    except RuntimeError:
        raise InputError(f"--device: '{device}' is none; write cpu, cuda or cuda:1") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise InputError("--device: no CUDA device is available here; leave the option out to run on the processor")


def chosen_study(name: str | None, out: Path) -> Study:
    """The study of a name, a file, or a folder under `out`; None: the one that was run last. Raises InputError."""
    from benchmark.study.running import last_study, read_study

    return last_study(out) if name is None else read_study(name, {}, out)
