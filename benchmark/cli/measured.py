"""Folders of measured studies: `--check`, `--publish` and `--refresh` of `sentibench report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from benchmark.results.study_results import StudyResults


def check_measured(folder: Path, *, as_json: bool = False) -> int:
    """Recompute every number of a published folder, or check the files of a folder of runs; print the differences.

    Returns 1 if there are any, else 0.
    """
    from benchmark.data.sources import store_faults
    from benchmark.publishing.measured import check
    from benchmark.results.measured import is_measured, read_manifest
    from benchmark.runs.store import RunStore

    store = RunStore(folder)
    runs = [] if is_measured(folder) else store.records()
    found = [*store.faults(), *store_faults(run.spec.dataset for run in runs)] if runs else check(folder)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "differences": found}, indent=2))
    elif found:
        for line in found:
            click.echo(line)
        click.echo(f"{folder}: {len(found)} difference{'s' if len(found) > 1 else ''}", err=True)
    elif runs:
        click.echo(f"{folder}: the files of {len(runs)} runs are as they were filed")
    else:
        files = read_manifest(folder).files
        tables = sum(name.endswith(".md") for name in files)
        click.echo(f"{folder}: {tables} tables recomputed from its predictions, all {len(files)} files as published")
    return 1 if found else 0


def publish_measured(results: StudyResults, folder: Path, *, draws: int = 2000, level: float = 0.95) -> int:
    """Write a study as a folder that can be committed and checked."""
    from benchmark.publishing.measured import publish
    from benchmark.results.measured import TableChoices

    return _written(folder, publish(results, folder, choices=TableChoices(draws=draws, level=level)))


def refresh_measured(folder: Path) -> int:
    """Rebuild the tables of a folder from its own predictions."""
    from benchmark.publishing.measured import refresh

    return _written(folder, refresh(folder))


def _written(folder: Path, files: tuple[Path, ...]) -> int:
    size = sum(path.stat().st_size for path in files)
    click.echo(
        f"{folder}: {len(files)} files, {size / 1000:.0f} kB; check it with `sentibench report --check {folder}`"
    )
    return 0
