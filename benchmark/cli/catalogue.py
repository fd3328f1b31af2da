"""`sentibench models` and `sentibench protocols`: what can be named in a study."""

from __future__ import annotations

import json

import click


@click.group()
def models() -> None:
    """List the models."""


@models.command("list")
@click.option("--plugin", "plugins", multiple=True, help="A Python file that registers models.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(plugins: tuple[str, ...], as_json: bool) -> None:
    """List every model that can be found: paper, what it reads, what it needs, its size."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from baselines import InputSpec, create, load_plugin
    from baselines import models as registered

    for plugin in plugins:
        load_plugin(plugin)
    sizes = InputSpec(text=768, audio=5, vision=20)
    rows = []
    for name, cls in registered().items():
        size = sum(p.numel() for p in create(name, sizes).parameters())
        rows.append((name, cls.info, size))
    if as_json:
        click.echo(json.dumps([{"name": n, "parameters": s, **asdict(i)} for n, i, s in rows], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model", "what it is", "paper", "reads", "needs"):
        table.add_column(column, overflow="fold")
    table.add_column("parameters", justify="right")
    for name, info, size in rows:
        needs = [k.replace("_", " ") for k in ("mask_informed", "needs_aligned", "needs_encoder") if getattr(info, k)]
        reads = "all" if len(info.modalities) == 3 else ", ".join(info.modalities) or "labels only"
        table.add_row(name, info.title, info.paper, reads, ", ".join(needs) or "-", f"{size:,}")
    console = Console()
    console.print(table)
    console.print("parameters: text 768-d (BERT-base), audio 5-d, vision 20-d, text encoder excluded", style="dim")


@click.group()
def protocols() -> None:
    """List and show protocols."""


@protocols.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_protocols(as_json: bool) -> None:
    """List protocols, mechanisms and training regimes."""
    from rich.console import Console
    from rich.table import Table

    from protocols import mechanisms, regimes
    from protocols import protocols as registered

    if as_json:
        content = {
            "protocols": {
                str(p): {"title": p.title, "fingerprint": p.fingerprint, "scenarios": [str(s) for s in p.scenarios]}
                for p in registered().values()
            },
            "mechanisms": {name: " ".join((cls.__doc__ or "").split()) for name, cls in mechanisms().items()},
            "regimes": regimes(),
        }
        click.echo(json.dumps(content, indent=2))
        return
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("protocol", "scenarios", "axis", "what is missing"):
        table.add_column(column, overflow="fold")
    for protocol in registered().values():
        table.add_row(str(protocol), str(len(protocol.points)), " x ".join(protocol.axes) or "-", protocol.title)
    console.print(table)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("mechanism")
    table.add_column("rule")
    for name, cls in mechanisms().items():
        table.add_row(name, (cls.__doc__ or "").strip().splitlines()[0])
    console.print("", table)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("training regime")
    table.add_column("drawn anew every epoch")
    for name, text in regimes().items():
        table.add_row(name, text)
    console.print("", table)


@protocols.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_protocol(name: str, as_json: bool) -> None:
    """Show the scenarios of a protocol (or of a scenario's text), with their realised integrity on a sample layout."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from protocols import MODALITIES, Layout, get_protocol

    protocol = get_protocol(name)
    count = 1000
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    lengths = {
        "text": rng.integers(3, 40, count),
        "audio": rng.integers(10, 200, count),
        "vision": rng.integers(10, 250, count),
    }
    layout = Layout.of_lengths(
        "example", [f"sample-{i}" for i in range(count)], **{m: v.tolist() for m, v in lengths.items()}
    )
    rows = []
    for point in protocol.points:
        integrity = point.scenario.masks(layout).integrity()
        gone = (integrity == 0).mean(axis=0)
        rows.append((point, integrity.mean(axis=0), gone))
    if as_json:
        scenarios = [
            {
                "scenario": str(p.scenario),
                "fingerprint": p.scenario.fingerprint,
                "coordinates": dict(p.coordinates),
                "integrity": dict(zip(MODALITIES, i.tolist(), strict=True)),
                "gone": dict(zip(MODALITIES, g.tolist(), strict=True)),
            }
            for p, i, g in rows
        ]
        click.echo(
            json.dumps(
                {"protocol": str(protocol), "fingerprint": protocol.fingerprint, "scenarios": scenarios}, indent=2
            )
        )
        return
    console = Console()
    console.print(f"[bold]{protocol}[/]  {protocol.title}  (fingerprint {protocol.fingerprint})", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("scenario", overflow="fold")
    for modality in MODALITIES:
        table.add_column(f"{modality} integrity", justify="right")
        table.add_column("gone", justify="right")
    for point, integrity, gone in rows:
        cells = [text for i, g in zip(integrity, gone, strict=True) for text in (f"{i:.3f}", f"{g:.1%}")]
        table.add_row(str(point.scenario), *cells)
    console.print(table)
    console.print(
        f"mean integrity and share of samples without the modality, on {count} samples of varied length", style="dim"
    )
