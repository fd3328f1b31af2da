"""`sentibench plot`: the figures of a study that was run."""

from __future__ import annotations

from pathlib import Path

import click

from benchmark.cli.options import chosen_study
from benchmark.cli.run import OUT


@click.command()
@click.argument("study", required=False)
@OUT
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(("png", "pdf", "svg")), help="Default: png and pdf."
)
def plot(study: str | None, out: Path, formats: tuple[str, ...]) -> None:
    """Draw the curves of STUDY (by default the one that was run last)."""
    from benchmark.plots import plot as draw

    for path in draw(chosen_study(study, out), out, formats or ("png", "pdf")):
        click.echo(path)
