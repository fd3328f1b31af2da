"""`sentibench score`: predictions that were made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.options import load_plugins, plugin_option, read_seeds, split_list
from benchmark.cli.run import OUT

if TYPE_CHECKING:
    from benchmark.evaluation.panel import Panel
    from benchmark.publishing.tables import Entry
    from benchmark.results.external import External

_FORMATS = ("markdown", "csv", "latex", "html")


@click.command()
@click.argument("predictions", required=False, type=click.Path(path_type=Path))
@click.option("--dataset", help="Whose test samples: mosi, mosi/official, mmmo/fold*. With --beside: the study's.")
@click.option("--protocols", help="Comma-separated names. With --beside: the study's.")
@click.option("--scenario", "scenarios", multiple=True, help="A scenario's text, such as 'drop(rate=0.5)'.")
@click.option("--name", default="", help="Of the row; default: the name of the file.")
@click.option("--beside", help="Put the row into the leaderboards of this study: a name, a file, or a measured folder.")
@OUT
@click.option("--template", type=click.Path(path_type=Path), help="Write what is to be predicted as CSV, and stop.")
@click.option("--seeds", default="1", show_default=True, help="Of the template: how many (3), or which (0,1,2).")
@click.option("--encoder", help="Text encoder whose tokens the masks were drawn on, for a column masks_sha256.")
@plugin_option
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Print the leaderboards in this format.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def score(
    predictions: Path | None,
    dataset: str | None,
    protocols: str | None,
    scenarios: tuple[str, ...],
    name: str,
    beside: str | None,
    out: Path,
    template: Path | None,
    seeds: str,
    encoder: str | None,
    plugins: tuple[str, ...],
    form: str | None,
    as_json: bool,
) -> int:
    """Rate PREDICTIONS, a CSV or parquet file with columns sample_id, scenario, seed, prediction.

    Columns model (several in one file) and masks_sha256 (to make sure of the masks) may be there, too.
    A scenario is given by its text or its fingerprint. To know what to predict, write the masks with 'sentibench
    protocols export' and the rows with --template; with PREDICTIONS, --template writes the rows that these lack.
    """
    from benchmark.cli.compare import chosen_panel, chosen_panels
    from benchmark.data.config import EncoderConfig
    from benchmark.evaluation.protocol_results import protocol_points
    from benchmark.results.external import (
        add_external,
        evaluation_set,
        external_panel,
        inspect_predictions,
        write_template,
    )
    from benchmark.results.external import template as make_template
    from benchmark.results.external.faults import protocols_named
    from protocols import InputError

    load_plugins(plugins)
    asked = [*split_list(protocols), *scenarios]
    panel = chosen_panel(chosen_panels(beside, out), dataset) if beside else None
    if panel is not None:
        dataset = dataset if dataset and "/" in dataset else f"{panel.dataset}/{panel.split}"
        asked = asked or list(dict.fromkeys(panel.points["protocol"]))
    if not dataset or not asked:
        raise InputError("name --dataset and --protocols, or a study with --beside")
    chosen = protocols_named(asked)
    for protocol in chosen:
        if panel is not None:
            protocol_points(panel, protocol.name)  # raises for one that the study does not have
    samples = evaluation_set(dataset)
    if predictions is None:
        if template is None:
            raise InputError("give a file of predictions, or --template FILE for the rows that it must have")
        wanted = read_seeds(seeds) or 1
        numbers = list(range(wanted)) if isinstance(wanted, int) else wanted
        count = write_template(template, make_template(samples, chosen, numbers))
        click.echo(f"{template}: {count} rows to fill in")
        return 0
    found = inspect_predictions(
        predictions, samples, chosen, name=name, encoder=EncoderConfig(name=encoder) if encoder else None
    )
    if found.external is None:
        for line in found.faults:
            click.echo(f"sentibench: {line}", err=True)
        return 2
    if template is not None:
        click.echo(f"{template}: {write_template(template, found.external)} rows to fill in")
        return 0
    whole = add_external(panel, found.external) if panel is not None else external_panel(found.external)
    entries = _leaderboards(whole, [p.name for p in chosen])
    if as_json:
        click.echo(json.dumps(_record(found.external, whole, entries), indent=2, allow_nan=False))
    elif form:
        _write(entries, form)
    else:
        _print(entries)
    return 0


def _leaderboards(panel: Panel, names: list[str]) -> list[Entry]:
    from benchmark.evaluation.protocol_results import ProtocolResults
    from benchmark.publishing.tables import Entry
    from benchmark.tables.leaderboard import leaderboard_table

    present = set(panel.cells.loc[panel.cells["model"].isin(panel.external), "scenario"])
    title = f"{panel.dataset}/{panel.split}"
    entries = []
    for name in names:
        own = panel.points.loc[panel.points["protocol"] == name, "scenario"]
        if present & set(own):
            results = ProtocolResults.of(panel, name, add_models=_add_models)
            entries.append(Entry(title, name, "leaderboard", leaderboard_table(results)))
    return entries


def _add_models(models: Sequence[str], everyone: Sequence[str]) -> str:
    return "rating the predictions `--beside STUDY`, a study that has them"


def _write(entries: list[Entry], form: str) -> None:
    from benchmark.publishing.tables import csv_text
    from benchmark.tables.rendering.html import page

    if form == "csv":
        text = csv_text(entries)
    elif form == "html":
        text = page(entries[0].dataset, [entry.table for entry in entries])
    else:
        text = "\n".join(getattr(entry.table, form)() for entry in entries)
    click.echo(text, nl=False)


def _print(entries: list[Entry]) -> None:
    from rich.console import Console

    from benchmark.tables.rendering.terminal import show, show_remedies

    console = Console()
    for entry in entries:
        show(entry.table, console)
    show_remedies((entry.table for entry in entries), console)


def _record(external: External, panel: Panel, entries: list[Entry]) -> dict[str, Any]:
    from benchmark.publishing.tables import as_record

    return {
        "models": list(external.models),
        "dataset": panel.dataset,
        "split": panel.split,
        "tables": [as_record(entry) for entry in entries],
        "missing": [str(gap) for gap in external.missing],
        "notes": list(external.notes),
    }
