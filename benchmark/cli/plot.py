"""`sentibench plot`: draw the figures of a study, or the diagnostics of a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmark.cli.options import OUT, NumberRange, Whole, load_plugins, plugin_option, split_list

_DIAGNOSTICS = "diagnostics"
#: Default protocols of the diagnostics: everything at once, whole modalities, positions.
_EXAMINED = ("uncertain", "inter-drop", "intra-random")
_FORMATS = ("png", "pdf", "svg")
#: Kinds of figures of this project, as in `benchmark.figures.kinds`, which is not imported for `--help`.
KINDS = ("curves", "heatmap", "subsets", "confusion", "cost", "ranks", "overview", "integrity")

_format_option = click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(_FORMATS),
    help="File format. Several: repeat. Default: all.",
)


class _Plot(click.Command):
    """`plot [STUDY]` draws a study; the word `diagnostics` in its place starts a command of its own."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == [_DIAGNOSTICS]:
            return diagnostics.make_context(f"{info_name} {_DIAGNOSTICS}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_Plot)
@click.argument("study", required=False)
@OUT
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the figures; required for a published folder. Default: that of the study.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="NAME",
    help=f"Kind of figure: {', '.join(KINDS)}, or one of a plugin. Several: repeat. Default: all that apply, or curves "
    "with --against.",
)
@click.option("--protocol", help="Draw this protocol only, also in cost, ranks and calibration.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Metric, as in `sentibench report`, such as mae or acc5. Several: repeat.",
)
@click.option(
    "--models",
    help="Models to emphasise, such as senti-ifusion,lnln; others are grey or left out. Default: all, if few.",
)
@click.option("--scenario", help="Scenario of the confusion matrices, such as 'drop(rate=0.5)'. Default: complete.")
@click.option(
    "--against",
    metavar="MODEL",
    help="Draw paired differences to MODEL instead of values: curves, or an overview with --kind overview.",
)
@click.option(
    "--width", type=click.Choice(("column", "text")), default="text", show_default=True, help="Width: 3.4 or 7 inches."
)
@click.option("--no-title", is_flag=True, help="Leave title and note out, and write them to a text file beside.")
@click.option("--height", type=NumberRange(min=0.5, max=10), help="Height of a row of panels in inches.")
@click.option(
    "--font-size", type=NumberRange(min=4, max=20), default=8, show_default=True, help="Size of labels in points."
)
@_format_option
def plot(
    study: str | None,
    out: Path,
    into: Path | None,
    kinds: tuple[str, ...],
    protocol: str | None,
    metrics: tuple[str, ...],
    models: str | None,
    scenario: str | None,
    width: str,
    against: str | None,
    no_title: bool,
    height: float | None,
    font_size: float,
    formats: tuple[str, ...],
) -> None:
    """Draw the figures of STUDY (default: the one run last), each with the CSV it is drawn from.

    STUDY is a name, a study file or a published folder.

    'sentibench plot diagnostics RUN' examines a trained Senti-iFusion; see 'sentibench plot diagnostics --help'.
    """
    from benchmark.figures.sheet import PrintLayout, print_layout
    from benchmark.publishing.figures import plot as draw
    from benchmark.results.opening import find_results
    from protocols import InputError

    if against and kinds and not {"curves", "overview"} & set(kinds):
        raise InputError("--against: only curves and overviews show differences; add --kind curves or --kind overview")
    with print_layout(PrintLayout(not no_title, height, font_size)):
        draw(
            find_results(study, out),
            formats or _FORMATS,
            kinds=kinds or (("curves",) if against else ("all",)),
            protocol=protocol,
            metrics=metrics,
            models=split_list(models),
            scenario=scenario,
            width=width,
            against=against,
            folder=into,
            on_skip=lambda line: click.echo(line, err=True),
            written=click.echo,
        )


@click.command(_DIAGNOSTICS)
@click.argument("run")
@OUT
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    help=f"Protocol, or a scenario such as 'drop(rate=0.5)'. Several: repeat. Default: {', '.join(_EXAMINED)}.",
)
@click.option("--seed", type=Whole(min=0), help="Use only the run of STUDY:MODEL with this seed.")
@click.option("--dataset", help="Use only the runs of STUDY:MODEL on this data set: NAME, NAME/SPLIT or NAME/fold*.")
@click.option(
    "--permutations",
    type=Whole(min=1),
    default=20,
    show_default=True,
    help="Number of random permutations of the scores.",
)
@click.option("--by-point", is_flag=True, help="Also print the tables of every protocol point by point.")
@click.option("--device", default="cpu", show_default=True, help="Device: cpu, cuda or cuda:1.")
@plugin_option
@_format_option
def diagnostics(
    run: str,
    out: Path,
    protocols: tuple[str, ...],
    seed: int | None,
    dataset: str | None,
    permutations: int,
    by_point: bool,
    device: str,
    plugins: tuple[str, ...],
    formats: tuple[str, ...],
) -> None:
    """Examine a trained Senti-iFusion on its test part.

    RUN is a run's folder, its id or the first four or more digits of it, or STUDY:MODEL, whose seeds are averaged.

    Integrity permutation: loss when the estimated integrity is shuffled among the samples (no loss means that the model
    does not use the estimates), and gain with the true integrity; shuffled text is the positive control. Recovery:
    distance of completed features from those of the complete input, relative to leaving the gap, token by token and in
    the output of the shared sentiment head. Calibration of the estimates. Share of samples that each modality leads.

    Tables and figures go into diagnostics/ in the folder of the run or, for STUDY:MODEL, of the study.
    """
    from rich.console import Console

    from benchmark.cli.progress import counting
    from benchmark.diagnostics import examine, runs_to_examine, write_diagnostics
    from benchmark.prediction.predict import open_run
    from benchmark.tables.rendering.terminal import show
    from protocols import get_protocol

    load_plugins(plugins)
    plans = [get_protocol(name) for name in protocols or _EXAMINED]
    folders, folder, label = runs_to_examine(run, out, seed=seed, dataset=dataset)
    opened = [open_run(path, device) for path in folders]
    with counting("examine") as tell:
        found = examine(opened, plans, permutations=permutations, name=label, progress=tell)
    written = write_diagnostics(found, folder / found.file_name, formats or _FORMATS)
    console = Console()
    for table in (*written.tables, *(written.by_point if by_point else ())):
        show(table, console, caption=True)
    for line in written.absent:
        click.echo(f"left out: {line}", err=True)
    click.echo(f"\n{written.folder}/ ({len(written.files)} files; diagnostics.md has every table, also point by point)")
