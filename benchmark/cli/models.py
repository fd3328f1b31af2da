"""`sentibench models`: list, show, check and create models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from benchmark.cli.check_model import check_models
from benchmark.cli.new_model import new_model
from benchmark.cli.options import Commands, load_plugins, plugin_option
from benchmark.cli.show_model import show_model

if TYPE_CHECKING:
    from rich.table import Table

    from baselines import MissingParts, ModelInfo

#: Meaning of each `ModelInfo.missing_parts`, in the order of the list.
_TREATMENTS: dict[MissingParts, str] = {
    "nothing": "none",
    "dropout": "drops modalities in training",
    "reconstruction": "trained to rebuild what is missing",
    "generation": "generates what is missing, and reads it",
    "distillation": "imitates a teacher that sees complete samples",
    "selection": "estimates how far each modality can be relied on",
}


@click.group(cls=Commands)
def models() -> None:
    """List, show, check and create models."""


models.add_command(new_model)
models.add_command(check_models)
models.add_command(show_model)


@models.command("list")
@plugin_option
@click.option("--variants", is_flag=True, help="Also list the ablations of models.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(plugins: tuple[str, ...], variants: bool, as_json: bool) -> None:
    """List every available model, grouped by its treatment of missing parts.

    Columns: publication, modalities read, requirements, information about missing parts in training, parameters.
    """
    from dataclasses import asdict

    from rich.console import Console

    from baselines import models as registered
    from baselines.standin import parameter_count

    load_plugins(plugins)
    rows = [
        (name, cls.info, parameter_count(name))
        for name, cls in registered().items()
        if variants or not cls.info.variant_of
    ]
    if as_json:
        described = [{"name": n, "parameters": s, "told": i.told, **asdict(i)} for n, i, s in rows]
        click.echo(json.dumps(described, indent=2))
        return
    console = Console(markup=False)
    own: list[tuple[str, ...]] = []
    for kind in _TREATMENTS:
        group = sorted((i.year, n, i, s) for n, i, s in rows if i.missing_parts == kind and not i.variant_of)
        own += [("",) * 6] * bool(own and group) + [(f"{kind}:", *("",) * 5)] * bool(group)
        own += [(n, _published(i), _reads(i), _needs(i), i.told or "-", f"{s:,}") for _, n, i, s in group]
    console.print(_table(("model", "published", "reads", "needs", "told in training"), own), "")
    if variants:  # a separate table: names are long, and variants read and need the same as their model
        others = [(n, i.title, f"{s:,}") for n, i, s in rows if i.variant_of]
        console.print(_table(("variant", "difference"), others), "")
    console.print(
        f"groups, by the treatment of missing parts: {'; '.join(f'{k}: {v}' for k, v in _TREATMENTS.items())}",
        style="dim",
    )
    console.print(
        "parameters: text 768-d (BERT-base), audio 5-d, vision 20-d, text encoder excluded; "
        "titles, links and differences from the papers: --json",
        style="dim",
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Make a table of the columns and, last, the parameters; the first column is a name and is never wrapped."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    table.add_column("parameters", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _reads(info: ModelInfo) -> str:
    return "all" if len(info.modalities) == 3 else ", ".join(info.modalities) or "labels"


def _needs(info: ModelInfo) -> str:
    needs = {"mask": info.mask_informed, "alignment": info.needs_aligned, "encoder": info.needs_encoder}
    return ", ".join(name for name, given in needs.items() if given) or "-"


def _published(info: ModelInfo) -> str:
    """Return venue and year of publication, such as `NeurIPS 2024`; the year alone where there is no venue."""
    where = info.paper.rpartition("(")[2].rstrip(")") if info.paper.endswith(")") else ""
    return where if str(info.year) in where else f"{where}, {info.year}" if where else str(info.year)
