"""`sentibench protocols`: list, show and export protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmark.cli.options import Commands, load_plugins, plugin_option

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from benchmark.data.config import EncoderConfig
    from protocols import Layout
    from protocols.survey import PointSurvey, Survey

_SHADES = " ░▒▓█"


@click.group(cls=Commands)
def protocols() -> None:
    """List, show and export protocols."""


@protocols.command("list")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_protocols(plugins: tuple[str, ...], as_json: bool) -> None:
    """List protocols, mechanisms and training regimes."""
    from rich.console import Console

    from protocols import mechanisms, regimes
    from protocols import protocols as registered
    from protocols.regimes import PARAMETRISED

    load_plugins(plugins)
    if as_json:
        content = {
            "protocols": {
                str(p): {"title": p.title, "fingerprint": p.fingerprint, "scenarios": [str(s) for s in p.scenarios]}
                for p in registered().values()
            },
            "mechanisms": {name: " ".join((cls.__doc__ or "").split()) for name, cls in mechanisms().items()},
            "regimes": {**regimes(), **PARAMETRISED},
        }
        click.echo(json.dumps(content, indent=2))
        return
    console = Console(markup=False)
    table = _table("protocol", "scenarios", "axis", "what is missing")
    for protocol in registered().values():
        table.add_row(str(protocol), str(len(protocol.points)), " x ".join(protocol.axes) or "-", protocol.title)
    console.print(table)
    table = _table("kind", "mechanism", "rule", "known from")
    for name, cls in mechanisms().items():
        rule = " ".join((cls.__doc__ or "").split("\n\n")[0].split())
        table.add_row(cls.kind, name, rule, cls.known_from)
    console.print("", table)
    table = _table("training regime", "drawn again every epoch")
    for name, text in {**regimes(), **PARAMETRISED}.items():
        table.add_row(name, text)
    console.print("", table)


@protocols.command("show")
@click.argument("name")
@click.option(
    "--dataset", help="Data set whose samples are used (NAME or NAME/SPLIT). Default: examples of varied lengths."
)
@click.option("--part", default="test", show_default=True, help="Part of the data set: train, valid or test.")
@click.option("--sample", help="Id of the sample to draw. Default: one of median length.")
@click.option("--figure", type=click.Path(path_type=Path), help="Also draw a figure into this PNG, PDF or SVG file.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_protocol(
    name: str,
    dataset: str | None,
    part: str,
    sample: str | None,
    figure: Path | None,
    plugins: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show a protocol or the text of a scenario: realised rates by modality, and what remains of an example."""
    from protocols import MODALITIES, get_protocol
    from protocols.survey import example_layout, survey

    load_plugins(plugins)
    seen = survey(get_protocol(name), _layout(dataset, part) if dataset else example_layout(), sample)
    if figure:
        from benchmark.figures.protocol import draw_protocol

        draw_protocol(seen, figure)
    if as_json:
        scenarios = [
            {
                "scenario": str(p.point.scenario),
                "fingerprint": p.point.scenario.fingerprint,
                "coordinates": dict(p.point.coordinates),
                "integrity": dict(zip(MODALITIES, p.mean.tolist(), strict=True)),
                "gone": dict(zip(MODALITIES, p.gone.tolist(), strict=True)),
                "masks_sha256": p.masks_sha256,
            }
            for p in seen.points
        ]
        head = {"protocol": str(seen.protocol), "fingerprint": seen.protocol.fingerprint}
        click.echo(json.dumps({**head, "scenarios": scenarios}, indent=2))
        return
    _print(seen, dataset)
    if figure:
        click.echo(f"figure: {figure}")


@protocols.command("export")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--dataset", required=True, help="Data set: NAME or NAME/SPLIT.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write (.npz, or .jsonl).")
@click.option(
    "--as",
    "form",
    type=click.Choice(("masks", "prompts")),
    default="masks",
    show_default=True,
    help="Masks as arrays, or prompts: a question for a language model for each scenario and sample, as JSONL.",
)
@click.option(
    "--mark", default="[UNK]", show_default=True, help="Prompts: text in place of every word that is missing."
)
@click.option("--part", default="test", show_default=True, help="Part of the data set: train, valid or test.")
@click.option("--replicate", default=0, show_default=True, help="Number of the replicate of the draw, from 0.")
@click.option(
    "--encoder",
    default="minilm",
    show_default=True,
    help="Text encoder whose tokens the masks are drawn on, as in 'run'.",
)
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print the sha256 of every mask as JSON.")
def export_protocol(
    names: tuple[str, ...],
    dataset: str,
    out: Path,
    form: str,
    mark: str,
    part: str,
    replicate: int,
    encoder: str,
    plugins: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write every mask of protocols or scenarios for other code: arrays <scenario>|<modality> in an npz file.

    With --as prompts, write instead the transcript of each sample as a scenario leaves it, the remaining positions of
    audio and vision, a question and the scale of its answer. Add the answer to each record as "prediction":
    'sentibench score' reads the file.
    """
    from benchmark.data.config import EncoderConfig
    from protocols import export_masks, get_protocol

    load_plugins(plugins)
    chosen = [get_protocol(name) for name in names]
    scenarios = list(dict.fromkeys(s for protocol in chosen for s in protocol.scenarios))
    if form == "prompts":
        from benchmark.data.prompts import write_prompts

        count = write_prompts(
            out, dataset, scenarios, part=part, replicate=replicate, mark=mark, encoder=EncoderConfig(name=encoder)
        )
        click.echo(f"{out}: {count} prompts, for {len(scenarios)} scenarios of {part} samples of {dataset}")
        return
    layout = _layout(dataset, part, EncoderConfig(name=encoder))
    hashes = export_masks(
        out,
        layout,
        scenarios,
        dataset=dataset,
        part=part,
        replicate=replicate,
        protocols=[str(protocol) for protocol in chosen],
    )
    if as_json:
        click.echo(json.dumps(hashes, indent=2))
        return
    click.echo(f"{out}: masks of {len(hashes)} scenarios on {len(layout)} {part} samples of {dataset}")
    for text, sha in hashes.items():
        click.echo(f"{sha[:16]}  {text}")


def _layout(dataset: str, part: str, encoder: EncoderConfig | None = None) -> Layout:
    from benchmark.data.sources import load

    return load(dataset, encoder).layout(part)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(seen: Survey, dataset: str | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from protocols import MODALITIES

    protocol, console = seen.protocol, Console()
    console.print(f"[bold]{protocol}[/]  {protocol.title}", highlight=False)
    labels = [_coordinates(point) for point in seen.points]
    axes = protocol.axes or ("scenario",)
    first = min(max(map(len, [*labels, *axes])), 26)
    numbers = 3 * (8 if not seen.whole_modalities else 14)
    strip = max(6, min(22, (console.width - first - numbers - 8) // 3))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(" /\n".join(axes), min_width=first, overflow="fold")
    for m in MODALITIES:
        table.add_column(m, no_wrap=True, min_width=strip)
        table.add_column("integ-\nrity", justify="right", no_wrap=True, min_width=6)
        if seen.whole_modalities:
            table.add_column("gone", justify="right", no_wrap=True, min_width=4)
    for label, point in zip(labels, seen.points, strict=True):
        cells: list[str | Text] = [label]
        for column in range(len(MODALITIES)):
            cells += [_strip(seen, point, column, strip), f"{point.mean[column]:.2f}"]
            if seen.whole_modalities:
                cells.append(f"{point.gone[column]:.0%}")
        table.add_row(*cells)
    console.print(table)
    where = f"the {len(seen.layout)} samples of {dataset}" if dataset else f"{len(seen.layout)} example samples"
    if seen.whole_modalities:
        legend = f"each mark is one of {strip} samples, darker where more is observed"
    else:
        name = seen.layout.sample_ids[seen.sample]
        marks = ["█ observed", "· missing", *_marks(seen)]
        legend = f"positions of {name}: {', '.join(marks)}"
    console.print(f"{legend}; integrity: mean over {where}", style="dim", highlight=False)


def _coordinates(point: PointSurvey) -> str:
    coordinates = point.point.printed
    if not coordinates:
        return str(point.point.scenario)
    return " / ".join(f"{v:g}" if isinstance(v, (int, float)) else str(v) for v in coordinates.values())


def _marks(seen: Survey) -> list[str]:
    """Return the marks of corrupted and of filled positions that the drawing has."""
    from protocols import MODALITIES

    wrong = any((point.spoilt[m] & point.example[m]).any() for point in seen.points for m in MODALITIES)
    filled = any(point.filled[m].any() for point in seen.points for m in MODALITIES)
    return ["~ wrong"] * wrong + ["+ filled with other content"] * filled


def _strip(seen: Survey, point: PointSurvey, column: int, width: int) -> Text:
    """Draw samples as shades, or the positions of the example, with long sequences cut into equal stretches."""
    import numpy as np
    from rich.text import Text

    from protocols import MODALITIES

    if seen.whole_modalities:
        return Text("".join(_SHADES[int(np.ceil(v * 4))] for v in point.integrity[:width, column]), style="cyan")
    modality = MODALITIES[column]
    observed, wrong, filled = point.example[modality], point.spoilt[modality], point.filled[modality]
    count = min(width, len(observed))
    text = Text()
    for part, bad, other in zip(
        *(np.array_split(flags, count) for flags in (observed, wrong & observed, filled)), strict=True
    ):
        if bad.mean() >= 0.5:
            text.append("~", "red")
        elif other.mean() >= 0.5:
            text.append("+", "yellow")
        elif not part.any():
            text.append("·", "dim")
        else:
            text.append(_SHADES[int(np.ceil(part.mean() * 4))], "cyan")
    return text
