"""`sentibench models show`: one model with its paper, its differences from it, its settings and their search space."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.options import load_plugins, plugin_option

if TYPE_CHECKING:
    from baselines import ModelInfo


@click.command("show")
@click.argument("name")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_model(name: str, plugins: tuple[str, ...], as_json: bool) -> None:
    """Show the model NAME: paper, differences from it, information it is given, settings, and their search space."""
    from rich.console import Console
    from rich.table import Table

    from baselines import model_class
    from baselines.standin import parameter_count
    from benchmark.tuning.space import describe, search_space, space_content

    load_plugins(plugins)
    cls = model_class(name)
    info, config, parameters = cls.info, cls.config_class(), parameter_count(name)
    settings, space = dict(_leaves(config.model_dump(mode="json"))), search_space(name, config)
    if as_json:
        content = {"name": name, **asdict(info), "parameters": parameters, "settings": settings}
        click.echo(json.dumps({**content, "search": space_content(space)}, indent=2))
        return
    console = Console(markup=False, highlight=False)
    console.print(f"{name}: {info.title}", style="bold")
    facts = {"paper": info.paper, "link": info.url, "licence of the authors' code": info.licence}
    facts |= {"variant of": info.variant_of, "parameters": f"{parameters:,} (text 768-d, audio 5-d, vision 20-d)"}
    for title, text in facts.items():
        if text:
            console.print(f"{title}: {text}")
    for title, lines in (("is given", _given(info)), ("differences from the paper", info.differences)):
        console.print(f"\n{title}", style="bold")
        for line in lines or ("none known",):
            console.print(f"- {line}")
    console.print("\nsettings", style="bold")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("field", "default", "searched by `sentibench tune`"):
        table.add_column(column, overflow="fold", no_wrap=column == "field")
    for field, value in settings.items():
        table.add_row(field, f"{value:g}" if isinstance(value, float) else str(value), _range(space, field, describe))
    console.print(table)


def _range(space: Mapping[str, Any], field: str, describe: Any) -> str:
    return describe(space[field]) if field in space else "-"


def _given(info: ModelInfo) -> list[str]:
    """Describe the input of a model in training and at test time."""
    lines = [f"reads {', '.join(info.modalities) or 'training labels only'}"]
    if info.mask_informed:
        lines.append("is told at test time which positions are observed; tables mark it")
    if info.uses_complete_view:
        lines.append("sees training samples before anything is erased, beside the erased ones")
    if info.needs_aligned:
        lines.append("needs the modalities on one time axis: they are resampled to it")
    if info.needs_encoder:
        lines.append("works inside the text encoder: needs data whose text is tokens")
    return lines


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
