"""`sentibench merge`: combine folders of runs made on several machines."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option("--into", required=True, type=click.Path(path_type=Path), help="Folder of runs to add to; made if new.")
def merge(folders: tuple[Path, ...], into: Path) -> None:
    """Combine the runs and studies of each FOLDER (the '--out' of a 'sentibench run') in the folder of --into.

    Missing runs are copied, and missing cells are added to existing runs. Cells that both have must be equal if
    processor capability and libraries are equal; otherwise the first is kept, with a note. No FOLDER is changed, and
    the same command again changes nothing.
    """
    from benchmark.study.merging import merge as combine
    from benchmark.words import plural

    merged = combine(folders, into)
    for line in merged.notes:
        click.echo(line)
    click.echo(
        f"{into}: {plural(merged.copied, 'run')} copied, {merged.extended} extended, {merged.unchanged} unchanged; "
        f"studies: {', '.join(merged.studies) or 'none'}"
    )
