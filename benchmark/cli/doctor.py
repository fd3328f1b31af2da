"""`sentibench doctor`: what this machine has."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Show versions, device, threads, and the data sets and text encoder that are found."""
    from rich.console import Console
    from rich.table import Table

    from benchmark.runs.doctor import examine

    findings = examine()
    if as_json:
        click.echo(json.dumps([f.__dict__ for f in findings], indent=2))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        for finding in findings:
            table.add_row("[green]ok[/]" if finding.ok else "[yellow]--[/]", finding.subject, finding.text)
        Console().print(table)
