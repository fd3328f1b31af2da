"""`sentibench export`: write results as records and model folders for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from benchmark.cli.options import OUT, Number, Whole

#: Formats of `benchmark.publishing.exporting`, which is not imported for `--help`.
FORMS = ("hf-card", "mteb-json", "lm-eval-json")


@click.command()
@click.argument("study", required=False)
@OUT
@click.option(
    "--to", "form", type=click.Choice(FORMS), required=True,
    help="hf-card: a folder per model with weights, config.json and model card, which predict reads; mteb-json, "
    "lm-eval-json: result files as these programs keep them.",
)  # fmt: skip
@click.option(
    "--into", "folder", type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to. Default: export/FORMAT beside the tables of the study.",
)  # fmt: skip
@click.option("--level", type=Number(), default=0.95, show_default=True, help="Confidence level of intervals.")
@click.option("--draws", type=Whole(min=1), default=2000, show_default=True, help="Number of bootstrap draws.")
def export(study: str | None, out: Path, form: str, folder: Path | None, level: float, draws: int) -> None:
    """Write one record per model and data set of STUDY (default: the one run last) for other programs.

    A record has protocols with versions, metrics with intervals, seeds, versions of the software and the checksum of
    the data. Nothing is sent anywhere.
    """
    from benchmark.publishing.exporting import export as write
    from benchmark.results.opening import find_results
    from benchmark.words import plural

    results = find_results(study, out)
    place = folder or results.folder / "export" / form
    files = write(results, form, place, draws=draws, level=level)
    click.echo(f"{place}: {plural(len(files), 'file')}")
