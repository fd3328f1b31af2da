"""`sentibench doctor`: show versions, device, data sets and text encoder of this machine."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Show versions, device and threads, and the available data sets and text encoder."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from benchmark.runs.doctor import examine

    findings = examine()
    if as_json:
        click.echo(json.dumps([f.__dict__ for f in findings], indent=2))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        for finding in findings:
            mark = Text("ok", style="green") if finding.ok else Text("--", style="yellow")
            table.add_row(mark, finding.subject, finding.text)
        Console(markup=False).print(table)
