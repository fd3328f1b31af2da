"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

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
