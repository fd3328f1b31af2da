"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    pass

F = TypeVar("F", bound=Callable[..., Any])


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
    if not parts or not all(p.isdigit() for p in parts):
        raise InputError(f"--seeds: expected a number of seeds such as 5, or a list such as 0,3,7; found '{text}'")
    if len(parts) == 1 and not text.strip().endswith(","):
        if int(parts[0]) == 0:
            raise InputError("--seeds: expected at least 1 seed; write '0,' for the one seed 0")
        return int(parts[0])
    return [int(p) for p in parts]


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


OUT_DEFAULT = Path("results/runs")
OUT = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=OUT_DEFAULT, show_default=True,
    help="Folder of runs, tables and figures.",
)  # fmt: skip
