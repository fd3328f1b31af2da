"""`sentibench data`: import, list, verify, describe."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def data() -> None:
    """Import, list, verify and describe data sets."""


@data.command("import")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a data set of that name.")
@click.option(
    "--label-range", nargs=2, type=float, help="Lowest and highest label, where they are not the layout's own."
)
def import_(name: str, path: Path, force: bool, label_range: tuple[float, float] | None) -> None:
    """Import the feature file PATH (an MMSA pickle or an npz archive) as the data set NAME."""
    from benchmark.data.catalog import import_data

    report = import_data(name, path, force=force, label_range=label_range)
    info = report.info
    click.echo(f"{name}: {info.samples} samples, splits {', '.join(info.splits)}")
    for modality, counts in info.provenance.cleaning.items():
        replaced = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
        if replaced:
            click.echo(f"  {modality}: replaced by 0: {replaced}")
    for note in info.provenance.notes:
        click.echo(f"  {note}")
    sizes = f"{report.source_bytes / 2**20:.1f} MiB in the source, {report.store_bytes / 2**20:.1f} MiB in the store"
    click.echo(f"  {info.path} ({sizes})")


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the data sets that are there."""
    from rich.console import Console
    from rich.table import Table

    from benchmark.data.catalog import data_home, list_stores

    stores = list_stores()
    if as_json:
        rows = [{"name": s.name, "samples": s.samples, "splits": s.splits, "sha256": s.fingerprint} for s in stores]
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("data set", "samples", "splits", "source", "sha256"):
        table.add_column(column, overflow="fold", justify="right" if column == "samples" else "left")
    for s in stores:
        table.add_row(s.name, str(s.samples), ", ".join(s.splits), s.provenance.source, s.fingerprint[:12])
    table.add_row("synthetic", "any", "official", "generated from a seed", "-")
    console = Console()
    console.print(table)
    console.print(f"stores are in {data_home()}", style="dim", highlight=False)


@data.command("verify")
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> int:
    """Check that stores hold what was imported (all of them, or those named); exit code 1 if one does not."""
    from benchmark.data.catalog import find_store, store_files
    from benchmark.data.store import verify_store

    paths = [find_store(name) for name in names] or store_files()
    if not paths:
        click.echo("no data set yet; import one with: sentibench data import NAME FILE")
        return 0
    good = True
    for path in paths:
        report = verify_store(path)
        good &= report.ok
        verdict = "ok" if report.ok else f"CHANGED: expected sha256 {report.stored}, import it again"
        click.echo(f"{report.info.name}: {report.info.samples} samples, sha256 {report.found[:16]}... {verdict}")
    return 0 if good else 1


@data.command("describe")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def describe(name: str, as_json: bool) -> None:
    """Describe a data set: splits, classes, lengths, gaps, duplicates, videos in more than one part."""
    from rich.console import Console
    from rich.table import Table

    from benchmark.data.describe import describe as describe_samples
    from benchmark.data.sources import load_samples

    description = describe_samples(load_samples(name))
    if as_json:
        click.echo(json.dumps(description.to_dict(), indent=2))
        return
    console = Console()
    console.print(f"[bold]{name}[/]", highlight=False)
    for title, frame in description.tables().items():
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for column in frame.columns:
            table.add_column(str(column), justify="left" if frame[column].dtype == object else "right", overflow="fold")
        for row in frame.itertuples(index=False):
            table.add_row(*(f"{v:g}" if isinstance(v, float) else str(v) for v in row))
        console.print(table, "")
    for line in description.notes:
        console.print(f"- {line}", highlight=False)
