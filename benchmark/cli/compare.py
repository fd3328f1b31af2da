"""`sentibench compare`: test whether two models differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.options import OUT, Number, Whole

if TYPE_CHECKING:
    from benchmark.tables.comparison import Comparison

#: Maximum number of verdicts that are listed; more are only counted.
_LISTED = 8


@click.command()
@click.argument("a")
@click.argument("b")
@OUT
@click.option(
    "--study",
    help="Name of a study under --out, a study file, or a published folder. Default: the one run last.",
)
@click.option("--dataset", help="Data set, if the study has several: mosi, or mosi/official.")
@click.option("--protocol", "protocols", multiple=True, help="Compare under this protocol only. Several: repeat.")
@click.option("--metric", "metrics", multiple=True, help="Metric, such as f1_non0, or all. Several: repeat.")
@click.option("--by-scenario", is_flag=True, help="Compare scenario by scenario instead of by protocol mean.")
@click.option(
    "--level",
    type=Number(),
    default=0.95,
    show_default=True,
    help="Confidence level of all intervals and verdicts together.",
)
@click.option("--draws", type=Whole(min=2), default=2000, show_default=True, help="Number of bootstrap draws.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def compare(
    a: str,
    b: str,
    out: Path,
    study: str | None,
    dataset: str | None,
    protocols: tuple[str, ...],
    metrics: tuple[str, ...],
    by_scenario: bool,
    level: float,
    draws: int,
    as_json: bool,
) -> None:
    """Test whether models A and B of a study (default: the one run last) differ.

    A and B are names of rows, the first digits of a run's id, or STUDY:MODEL to compare two studies on the same data.
    Default metrics: MAE, and every usual metric if one protocol is named. Intervals and verdicts are corrected for
    the number of questions (Bonferroni): fewer questions leave more power.
    """
    from benchmark.results.comparing import compare as compare_rows

    result = compare_rows(
        a, b, out, study=study, dataset=dataset, protocols=protocols, metrics=metrics, by_scenario=by_scenario,
        draws=draws, level=level,
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(_record(result), indent=2, allow_nan=False))
    else:
        _print(result)


def _print(result: Comparison) -> None:
    from rich.console import Console

    from benchmark.tables.rendering.terminal import show

    console = Console()
    show(result.table(), console, caption=True)
    verdicts = result.rows["verdict"].tolist()
    click.echo()
    if len(verdicts) > _LISTED:
        click.echo(_count(result))
        return
    for row in result.rows.to_dict("records"):
        where = row["scenario"] or row["protocol"]
        click.echo(f"{where}: {row['verdict']}")


def _count(result: Comparison) -> str:
    total = len(result.rows)
    if not result.rows["winner"].any():
        return f"{result.a} and {result.b} do not differ significantly in any of {total} questions"
    wins = {name: int((result.rows["winner"] == name).sum()) for name in (result.a, result.b)}
    parts = [f"{name} is better in {count}" for name, count in wins.items()]
    return f"of {total} questions, {', '.join(parts)}; in {total - sum(wins.values())} they do not differ significantly"


def _record(result: Comparison) -> dict[str, Any]:
    from math import isfinite

    panel = result.panel
    rows = [
        {key: (None if isinstance(value, float) and not isfinite(value) else value) for key, value in row.items()}
        for row in result.rows.to_dict("records")
    ]
    return {
        "a": result.a,
        "b": result.b,
        "dataset": panel.dataset,
        "split": panel.split,
        "seeds": dict(zip(("a", "b"), result.seeds, strict=True)),
        "samples": result.samples,
        "videos": result.videos,
        "draws": result.draws,
        "level": result.level,
        "rows": rows,
        "settings": dict(panel.settings),
        "cautions": list(result.cautions),
        "left_out": list(result.left_out),
    }
