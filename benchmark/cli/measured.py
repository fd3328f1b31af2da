"""Folders of measured studies: `--check`, `--publish` and `--refresh` of `sentibench report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmark.words import plural

if TYPE_CHECKING:
    from benchmark.results.study_results import StudyResults


def check_measured(folder: Path, *, as_json: bool = False) -> int:
    """Recompute every number of published folders, or check the files of a folder of runs; print the differences.

    Returns 1 if there are any, else 0.
    """
    from benchmark.data.sources import store_faults
    from benchmark.results.measured import measured_folders
    from benchmark.runs.store import RunStore

    studies = measured_folders(folder)
    store = RunStore(folder)
    runs = store.records() if studies == [folder] else []
    if runs:
        found = {folder: [*store.faults(), *store_faults(run.spec.dataset for run in runs)]}
        good = {folder: f"the files of {len(runs)} runs are as they were filed"}
    else:
        found, good = {}, {}
        for study in studies:
            found[study], good[study] = _checked(study)
    if as_json:
        checked = [
            {"folder": str(study), "differences": lines, "checked": good[study]} for study, lines in found.items()
        ]
        click.echo(json.dumps(checked[0] if studies == [folder] else checked, indent=2))
        return 1 if any(found.values()) else 0
    for study, lines in found.items():
        for line in lines:
            click.echo(line)
        if lines:
            click.echo(f"{study}: {plural(len(lines), 'difference')}", err=True)
        else:
            click.echo(f"{study}: {good[study]}")
    return 1 if any(found.values()) else 0


def _checked(folder: Path) -> tuple[list[str], str]:
    """Check a published folder; return its differences, and what is known if there are none."""
    from benchmark.publishing.measured import check, lacking_labels
    from benchmark.results.measured import read_manifest

    found = check(folder)
    files = read_manifest(folder).files
    tables = sum(name.endswith(".md") for name in files)
    reason = lacking_labels(folder)
    if reason:
        return (
            found,
            f"all {len(files)} files as published, {tables} tables agree with each other; not recomputed: {reason}",
        )
    return found, f"{tables} tables recomputed from its predictions, all {len(files)} files as published"


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
