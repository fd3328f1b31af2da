"""`sentibench site`: write an interactive page of a study, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from benchmark.cli.options import OUT


@click.command()
@click.argument("names", nargs=-1, metavar="[STUDY]... PAGE")
@OUT
def site(names: tuple[str, ...], out: Path) -> None:
    """Write the interactive page of each STUDY (default: the one run last) to the file PAGE.

    PAGE is one HTML file that contains all data; it opens without a server or network. STUDY may also be a published
    folder.
    """
    from rich.console import Console
    from rich.progress import Progress

    from benchmark.results.opening import find_results
    from benchmark.site import build
    from protocols import InputError

    if not names:
        raise InputError("site: expected [STUDY]... PAGE, such as 'site demo page.html'")
    page = Path(names[-1])
    results = [find_results(study, out) for study in names[:-1] or (None,)]
    console = Console(stderr=True)
    # without a thread that refreshes the bar, which a fork would lose
    with Progress(console=console, transient=True, disable=not console.is_terminal, auto_refresh=False) as bar:
        task = bar.add_task("intervals and ranks", total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, refresh=True)

        path = build(results, page, progress=tell)
    click.echo(f"{path} ({path.stat().st_size / 1e6:.2f} MB)")
