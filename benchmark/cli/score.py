"""`sentibench score`: evaluate predictions that were made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.options import OUT, load_plugins, plugin_option, read_seeds, split_list

if TYPE_CHECKING:
    from benchmark.evaluation.panel import Panel
    from benchmark.publishing.tables import Entry
    from benchmark.results.external import External

_FORMATS = ("markdown", "csv", "latex", "html")


@click.command()
@click.argument("predictions", required=False, type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    help="Data set of the test samples: mosi, mosi/official, mmmo/fold*. Default with --beside: the study's.",
)
@click.option("--protocols", help="Comma-separated names. Default with --beside: the study's.")
@click.option(
    "--scenario", "scenarios", multiple=True, help="Text of a scenario, such as 'drop(rate=0.5)'. Several: repeat."
)
@click.option("--name", default="", show_default=False, help="Name of the row. Default: the name of the file.")
@click.option("--beside", help="Add the row to the leaderboards of this study: a name, a file, or a published folder.")
@OUT
@click.option("--template", type=click.Path(path_type=Path), help="Write the rows to predict as CSV, and stop.")
@click.option("--seeds", default="1", show_default=True, help="Seeds of the template: number (3) or list (0,1,2).")
@click.option(
    "--encoder", help="Text encoder whose tokens the masks were drawn on; checked against the column masks_sha256."
)
@click.option(
    "--absent",
    type=click.Choice(("refuse", "constant", "exclude")),
    default="refuse",
    show_default=True,
    help="Samples without an answer: an empty prediction is an error, and a missing row leaves its scenario without a "
    "number (refuse); they get the median of the training labels (constant); or they are left out for every model "
    "(exclude). Tables show the share that was answered.",
)
@click.option(
    "--scale",
    metavar="LOW,HIGH|words",
    help="Lowest and highest possible answer, mapped linearly to the labels' range; or 'words' for negative, neutral, "
    "positive. Default: the labels' range; answers that seem to be on another scale are refused.",
)
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
    absent: str,
    scale: str | None,
    plugins: tuple[str, ...],
    form: str | None,
    as_json: bool,
) -> int:
    """Evaluate PREDICTIONS: a CSV, parquet or JSONL file of columns sample_id, scenario, seed, prediction.

    A CSV has commas, semicolons or tabs between its cells. Optional columns: model (several models in one file) and
    masks_sha256 (to verify the masks). A scenario is given by its text or its fingerprint. 'sentibench protocols
    export' writes the masks to predict under and --template the rows to fill in; with PREDICTIONS, --template writes
    the rows that are missing from them.
    """
    from benchmark.publishing.tables import Entry
    from benchmark.results.external import template as make_template
    from benchmark.results.external import write_template
    from benchmark.results.external.answers import AnswerRules
    from benchmark.results.external.scoring import scoring_task
    from benchmark.tables.leaderboard import leaderboard_table
    from protocols import InputError

    load_plugins(plugins)
    asked = [*split_list(protocols), *scenarios]
    if not beside and not (dataset and asked):
        raise InputError("name --dataset and --protocols, or a study with --beside")
    task = scoring_task(out, dataset=dataset, protocols=asked, beside=beside)
    if predictions is None:
        if template is None:
            raise InputError("give a file of predictions, or --template FILE to write the rows that it must have")
        wanted = read_seeds(seeds) or 1
        numbers = list(range(wanted)) if isinstance(wanted, int) else wanted
        count = write_template(template, make_template(task.samples, task.protocols, numbers))
        click.echo(f"{template}: {count} rows to fill in")
        return 0
    found = task.inspect(predictions, name=name, encoder=encoder, rules=AnswerRules.of(absent, scale))
    if found.external is None:
        for line in found.faults:
            click.echo(f"sentibench: {line}", err=True)
        return 2
    if template is not None:
        click.echo(f"{template}: {write_template(template, found.external)} rows to fill in")
        return 0
    results = task.results(found.external)
    title = results.datasets[0]
    entries = [Entry(title, own.protocol, "leaderboard", leaderboard_table(own)) for own in task.rated(results)]
    if as_json:
        click.echo(json.dumps(_record(found.external, results.panels[0], entries), indent=2, allow_nan=False))
    elif form:
        _write(entries, form)
    else:
        _print(entries)
    return 0


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
        "answered": dict(external.answered),
        "dataset": panel.dataset,
        "split": panel.split,
        "tables": [as_record(entry) for entry in entries],
        "missing": [str(gap) for gap in external.missing],
        "notes": list(external.notes),
    }
