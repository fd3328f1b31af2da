"""`sentibench doctor`: show versions, device, data sets and text encoder of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import click

from benchmark.cli.options import OUT


@click.command()
@OUT
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(out: Path, as_json: bool) -> None:
    """Show versions, device and threads, and the available data sets and text encoder; check the files of runs."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from benchmark.runs.doctor import examine

    findings = examine(out)
    if as_json:
        click.echo(json.dumps([f.__dict__ for f in findings], indent=2))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        for finding in findings:
            mark = Text("ok", style="green") if finding.ok else Text("--", style="yellow")
            table.add_row(mark, finding.subject, finding.text)
        Console(markup=False).print(table)
