"""`sentibench plot`: the figures of a study that was run."""

from __future__ import annotations

from pathlib import Path

import click

from benchmark.cli.options import chosen_study, split_list
from benchmark.cli.run import OUT

_KINDS = ("curves", "heatmap", "subsets", "confusion", "cost", "ranks", "integrity", "all")


@click.command()
@click.argument("study", required=False)
@OUT
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="curves over rates; heatmap over two rates; subsets of modalities; confusion matrices; accuracy against cost; "
    "ranks with critical differences; estimated integrity. Default: all that apply.",
)
@click.option("--protocol", help="Only this one (cost, ranks and calibration are then over it).")
@click.option("--metric", "metrics", multiple=True, help="As in `sentibench report`, such as mae or acc5; repeatable.")
@click.option("--models", help="Shown in full, others grey or left out: `senti-ifusion,lnln`. Default: all of a few.")
@click.option("--scenario", help="Of the confusion matrices, such as 'drop(rate=0.5)'. Default: complete.")
@click.option("--width", type=click.Choice(("column", "text")), default="text", help="3.4 or 7 inches; default: text.")
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(("png", "pdf", "svg")), help="Repeatable; default: all."
)
def plot(
    study: str | None,
    out: Path,
    kinds: tuple[str, ...],
    protocol: str | None,
    metrics: tuple[str, ...],
    models: str | None,
    scenario: str | None,
    width: str,
    formats: tuple[str, ...],
) -> None:
    """Draw the figures of STUDY (by default the one that was run last), each with the CSV it is drawn from."""
    from benchmark.plots import plot as draw

    draw(
        chosen_study(study, out),
        out,
        formats or ("png", "pdf", "svg"),
        kinds=kinds or ("all",),
        protocol=protocol,
        metrics=metrics,
        models=split_list(models),
        scenario=scenario,
        width=width,
        told=lambda line: click.echo(line, err=True),
        written=click.echo,
    )
