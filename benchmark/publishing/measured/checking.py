"""Check of a measured study against its predictions."""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from benchmark.data.sources import dataset_header
from benchmark.data.synthetic import is_synthetic
from benchmark.evaluation.panel import Panel
from benchmark.files import sha256_of
from benchmark.publishing.measured.agreement import disagreements
from benchmark.publishing.measured.publishing import versions
from benchmark.publishing.measured.tables import render
from benchmark.results.external import evaluation_set
from benchmark.results.measured import (
    DATA_FILES,
    FURTHER_FILES,
    MANIFEST,
    Manifest,
    read_manifest,
    read_measured,
    require_data,
)
from benchmark.runs.spec import RunSpec
from benchmark.words import trained_and_tested
from protocols import InputError

#: Relative tolerance of numbers in a CSV, whose last digits depend on the order of additions on a processor.
_RELATIVE, _ABSOLUTE = 1e-11, 1e-13
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")
#: Maximum number of differing lines of a file that are named.
_NAMED = 3


def check(folder: Path) -> list[str]:
    """Recompute every table of a measured study from its predictions and compare text for text.

    Files are also compared with the sha256 of the manifest, runs with their identity and, if the data is
    generated, samples and labels with the generator. Without the labels (see `lacking_labels`), tables are compared
    with each other instead.

    Returns:
        One line per difference; empty if there are none.

    Raises:
        InputError: if the folder is not a measured study.
    """
    manifest = read_manifest(folder)
    found = _files(folder, manifest)
    lacking = [name for name in DATA_FILES if not (folder / name).is_file()]
    if lacking:
        return found
    found += _identities(folder / "runs.json")
    if lacking_labels(folder):
        return found + disagreements(folder, manifest.tables.metric)
    try:
        results = read_measured(folder)
    except InputError as error:
        return [*found, str(error)]
    for panel, entry in zip(results.panels, manifest.panels, strict=True):
        if all(map(is_synthetic, trained_and_tested(panel.dataset))):
            found += _against_generator(panel, entry.data_sha256)
    tables = _tables(folder, render(results, manifest.tables))
    here = versions()
    if tables and manifest.made_with != here:
        made, now = (", ".join(f"{k} {v}" for k, v in d.items()) for d in (manifest.made_with, here))
        tables.append(f"the tables were made with {made}; here are {now}")
    return found + tables


def lacking_labels(folder: Path) -> str:
    """Return why tables cannot be recomputed: the labels are neither in the folder nor on this machine; or empty."""
    try:
        for entry in read_manifest(folder).panels:
            require_data(entry)
    except InputError as error:
        return str(error)
    return ""


def _files(folder: Path, manifest: Manifest) -> list[str]:
    found = []
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name}: missing, though the manifest names it")
        elif sha256_of(path) != expected:
            found.append(f"{name}: changed since it was published (sha256 {sha256_of(path)[:16]}, not {expected[:16]})")
    for name in (*DATA_FILES, "leaderboard.md"):
        if name not in manifest.files:
            found.append(f"{name}: not in the manifest")
    known = {*manifest.files, MANIFEST}
    return found + [f"{p.name}: not in the manifest" for p in sorted(folder.iterdir()) if p.name not in known]


def _identities(path: Path) -> list[str]:
    found = []
    try:
        for run in json.loads(path.read_text(encoding="utf-8"))["runs"]:
            spec = RunSpec.model_validate(run["spec"])
            if spec.id != run["id"] and not run.get("encoder_folder_left_out"):
                found.append(f"{path.name}: run {run['id']} ({spec.title}) has settings that make it {spec.id}")
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        found.append(f"{path.name}: cannot be read ({' '.join(str(error).split())[:120]})")
    return found


def _against_generator(panel: Panel, data_sha256: str) -> list[str]:
    title = f"{panel.dataset}/{panel.split}"
    if dataset_header(panel.dataset).fingerprint != data_sha256:
        return [f"{title}: the generator here makes other data than sha256 {data_sha256[:16]}"]
    known = evaluation_set(title)
    same = [
        np.array_equal(known.sample_ids, panel.sample_ids),
        np.array_equal(known.video_ids, panel.video_ids),
        np.array_equal(known.label, panel.label),
    ]
    return [] if all(same) else [f"samples.parquet: samples, videos or labels are not those of {title}"]


def _tables(folder: Path, recomputed: dict[str, str]) -> list[str]:
    found = []
    present = {p.name for p in folder.iterdir()} - {*DATA_FILES, *FURTHER_FILES, MANIFEST}
    for name in sorted(present | set(recomputed)):
        if name not in recomputed:
            found.append(f"{name}: no table of this name is made of these predictions")
        elif name not in present:
            found.append(f"{name}: missing, though it can be made of the predictions")
        else:
            committed = (folder / name).read_text(encoding="utf-8")
            found += _different_lines(name, committed, recomputed[name])
    return found


def _different_lines(name: str, committed: str, recomputed: str) -> list[str]:
    lines = zip_longest(committed.splitlines(), recomputed.splitlines())
    different = [(i, a, b) for i, (a, b) in enumerate(lines, 1) if a != b and not _alike(a, b)]
    found = []
    for number, a, b in different[:_NAMED]:
        left, right = _around(a or "", b or "")
        found.append(f"{name}, line {number}: committed '{left}', recomputed '{right}'")
    if len(different) > _NAMED:
        found.append(f"{name}: {len(different) - _NAMED} more lines differ")
    return found


def _alike(a: str | None, b: str | None) -> bool:
    """Return True if two lines differ only in the last digits of numbers, one of which is written in full."""
    if a is None or b is None or _NUMBER.sub("#", a) != _NUMBER.sub("#", b):
        return False
    pairs = zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True)
    return all(
        x == y or (max(len(x), len(y)) > 12 and bool(np.isclose(float(x), float(y), rtol=_RELATIVE, atol=_ABSOLUTE)))
        for x, y in pairs
    )


def _around(a: str, b: str) -> tuple[str, str]:
    """Return the words of two lines where they first differ."""
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    start = max(0, start - 20)
    return a[start : start + 60], b[start : start + 60]
