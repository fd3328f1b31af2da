"""`sentibench data`: extract, import, list, verify, describe and remove data sets."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import click

from benchmark.cli.extract import extract, manifest
from benchmark.cli.options import OUT, Commands, Number, load_plugins, plugin_option


@click.group(cls=Commands)
def data() -> None:
    """Extract, import, list, verify, describe and remove data sets."""


data.add_command(extract)
data.add_command(manifest)


@data.command("import")
@click.argument("name")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace an existing data set of that name.")
@click.option(
    "--label-range",
    nargs=2,
    type=Number(),
    metavar="LOW HIGH",
    help="Lowest and highest label. Default: from the file or its checksum; else the smaller of -1 to 1 and -3 to 3 "
    "that contains all labels. Any other range must be given.",
)
@click.option(
    "--map-labels",
    nargs=2,
    type=Number(),
    metavar="LOW HIGH",
    help="Map the label range linearly to this one: -3 3 (or -1 1, for the bins of CH-SIMS) gives labels from 1 to 5 "
    "accuracies and F1; without it they have only MAE and Corr.",
)
@click.option(
    "--vocabulary",
    metavar="NAME",
    help="MMSA pickle, npz: vocabulary of the token ids, bert-base-uncased or bert-base-chinese. Default: from the "
    "file or its checksum; else by the script of most raw texts.",
)
@click.option(
    "--split",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="npz, csd, CSV: file with the part (train, valid, test) of each video (CSV 'video,part', or JSON). Default: "
    "by a hash of the video.",
)
@click.option(
    "--use",
    metavar="ROLE=FILE",
    multiple=True,
    help="csd: file of the labels, words, vectors, audio or vision (or 'none'), if names do not show it; repeatable.",
)
@click.option(
    "--label-column",
    metavar="COLUMN",
    help="csd: number of the label column, from 0. CSV: name of the label column (default: label).",
)
@click.option("--text-column", metavar="NAME", help="CSV: name of the text column. Default: text.")
def import_(
    name: str,
    paths: tuple[Path, ...],
    force: bool,
    label_range: tuple[float, float] | None,
    map_labels: tuple[float, float] | None,
    vocabulary: str | None,
    split: Path | None,
    use: tuple[str, ...],
    label_column: str | None,
    text_column: str | None,
) -> None:
    """Import PATH as the data set NAME.

    PATH is a feature pickle (MMSA, MISA, MulT) or a folder of train.pkl, dev.pkl and test.pkl, an npz archive, a folder
    of CMU-SDK .csd files (or the files), or a CSV of text and labels. NAME can be chosen freely: nothing is derived
    from it. Videos are those named by the source, or by its ids (dia125_utt3, VIDEO[3]). Every guess is printed;
    anything that would be ignored, such as an unknown array, is refused.
    """
    from benchmark.data.catalog import import_data
    from benchmark.data.importers import ImportOptions

    options = ImportOptions(split, _roles(use), label_column, text_column, paths[1:], vocabulary, map_labels)
    report = import_data(name, paths[0], force=force, label_range=label_range, options=options)
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


def _roles(use: tuple[str, ...]) -> dict[str, str]:
    """Read ROLE=FILE arguments into files by role; raises InputError."""
    from protocols import InputError

    roles: dict[str, str] = {}
    for text in use:
        role, equals, file = text.partition("=")
        if not equals or not file or role in roles:
            raise InputError(f"--use {text}: expected ROLE=FILE, each role once, as in --use vision=Facet_42.csd")
        roles[role] = file
    return roles


@data.command("list")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(plugins: tuple[str, ...], as_json: bool) -> None:
    """List the available data sets."""
    from rich.console import Console
    from rich.table import Table

    from benchmark.data.catalog import data_home, list_stores
    from benchmark.data.registered import registered_datasets

    load_plugins(plugins)
    stores = list_stores()
    if as_json:
        rows = [{"name": s.name, "samples": s.samples, "splits": s.splits, "sha256": s.fingerprint} for s in stores]
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("data set", "samples", "splits", "source", "store sha256"):
        table.add_column(column, overflow="fold", justify="right" if column == "samples" else "left")
    for s in stores:
        table.add_row(s.name, str(s.samples), ", ".join(s.splits), s.provenance.source, s.fingerprint[:12])
    table.add_row("synthetic", "any", "official", "generated from a seed", "-")
    for name, make in registered_datasets().items():
        table.add_row(name, "-", "-", (make.__doc__ or "code").strip().splitlines()[0], "-")
    console = Console(markup=False)
    console.print(table)
    console.print(f"stores are in {data_home()}", style="dim", highlight=False, soft_wrap=True)


@data.command("verify")
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> int:
    """Check that stores are unchanged since their import (all, or those named); exit code 1 if one has changed."""
    from benchmark.data.catalog import find_store, store_files
    from benchmark.data.store import verify_store

    paths = [find_store(name) for name in names] or store_files()
    if not paths:
        click.echo("no data sets; import one with: sentibench data import NAME FILE")
        return 0
    good = True
    for path in paths:
        report = verify_store(path)
        good &= report.ok
        verdict = "ok" if report.ok else f"CHANGED: expected store sha256 {report.stored}, import it again"
        click.echo(f"{report.info.name}: {report.info.samples} samples, store sha256 {report.found[:16]}... {verdict}")
    return 0 if good else 1


@data.command("describe")
@click.argument("name", metavar="NAME[/SPLIT]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write figures of labels and lengths to this folder.",
)
@click.option("--probe/--no-probe", default=True, help="Predict labels from each modality separately.")
def describe(name: str, as_json: bool, figures: Path | None, probe: bool) -> None:
    """Describe a data set: parts, classes, lengths, gaps, overlap of parts, and how well each modality predicts alone.

    Warnings about threats to an evaluation come last.
    """
    from rich.console import Console

    from benchmark.cli.description import show
    from benchmark.data.description import describe as describe_samples
    from benchmark.data.reference import Reference
    from benchmark.data.sources import load_samples
    from protocols import InputError

    given = Reference.parse(name)
    samples = load_samples(given.name)
    family = [split for split in samples.splits if fnmatchcase(split, given.split)]
    if family and given.split not in family:
        raise InputError(f"'{name}' is a family of splits; describe one of them, such as {given.name}/{family[0]}")
    description = describe_samples(samples, given.split or None, probe=probe)
    files: list[Path] = []
    if figures is not None:
        from benchmark.figures.distributions import plot_distributions

        files = plot_distributions(description.to_dict(), figures)
    if as_json:
        click.echo(json.dumps(description.to_dict(), indent=2, allow_nan=False, ensure_ascii=False))
        return
    show(description, Console())
    for path in files:
        click.echo(path)


@data.command("remove")
@click.argument("name")
@OUT
@click.option("--yes", is_flag=True, help="Also remove a data set that runs in --out were trained on.")
def remove(name: str, out: Path, yes: bool) -> None:
    """Remove the data set NAME from the data folder.

    Finished runs keep their results. They cannot be evaluated under further scenarios before the same data set is
    imported again, so a data set with runs in --out is removed only with --yes.
    """
    from benchmark.data.catalog import find_store
    from benchmark.data.store import store_info
    from benchmark.runs.store import RunStore
    from benchmark.words import plural
    from protocols import InputError

    path = find_store(name)
    runs = []
    if not yes:
        content = store_info(path).fingerprint
        runs = [record for record in RunStore(out).records() if record.spec.data_sha256 == content]
    if runs:
        raise InputError(
            f"data set '{name}': {plural(len(runs), 'run')} in {out} were trained on it (the first: "
            f"{runs[0].spec.title}) and could no longer be evaluated under further scenarios; give --yes to remove it"
        )
    try:
        path.unlink()
    except OSError as error:
        raise InputError(f"{path}: cannot be removed ({error.strerror or error})") from None
    click.echo(f"{name}: removed ({path})")
