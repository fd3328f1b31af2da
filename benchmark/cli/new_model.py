"""`sentibench models new`: write a small model to start from, as one file."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.command("new")
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File or folder to write to. Default: NAME.py in the current folder."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def new_model(name: str, out: Path | None, force: bool) -> None:
    """Write NAME.py: a small model that trains as it is, with a comment at each place to change."""
    from benchmark.authoring.scaffold import model_name
    from benchmark.authoring.scaffold import new_model as write

    path = write(name, out, force=force)
    file, name = shlex.quote(str(path)), model_name(name)
    click.echo(f"{path}: model '{name}'; next:")
    click.echo(f"  sentibench models check {file}")
    click.echo(
        f"  sentibench run --plugin {file} --models {name},text-only --dataset synthetic:size=tiny --name {name}"
    )
    click.echo(f"  sentibench report {name}")
