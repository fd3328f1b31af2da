"""Writing of a measured study: from finished runs, or again from its own predictions after a change of the tables."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmark.data.synthetic import is_synthetic
from benchmark.evaluation.panel import Panel
from benchmark.files import csv_frame, replace_folder, replace_text, sha256_of
from benchmark.publishing.measured.tables import render
from benchmark.results.measured import (
    DATA_FILES,
    FURTHER_FILES,
    MANIFEST,
    GapEntry,
    Manifest,
    PanelEntry,
    TableChoices,
    hidden_name,
    is_measured,
    read_manifest,
    read_measured,
    write_manifest,
    write_rows,
)
from benchmark.results.study_results import StudyResults
from benchmark.runs.record import RunRecord
from benchmark.study.plan import Plan
from benchmark.study.study import Study
from benchmark.words import trained_and_tested
from protocols import InputError

#: Parts of a run's provenance that may be published. Commands and platforms name folders and machines.
_PROVENANCE = (
    "sentibench", "git_commit", "git_dirty", "python", "libraries", "processor", "cores", "device", "threads",
    "cpu_capability", "deterministic_algorithms", "float32_matmul_precision",
)  # fmt: skip

#: Fields of a record that are not published; notes name machines.
_UNPUBLISHED = frozenset(
    ("evaluations", "tested_epochs", "provenance", "error", "traceback", "status", "schema_version", "files", "notes")
)


def publish(
    results: StudyResults, folder: Path, *, labels: bool | None = None, choices: TableChoices | None = None
) -> tuple[Path, ...]:
    """Write a study's predictions, provenance and tables to a folder that can be committed and checked.

    Args:
        results: Results of a study in a run store.
        folder: Folder to write; replaced if it is one of a measured study.
        labels: Include names, videos and labels of the test samples; default: only if the data is generated.
            Without them, samples are named by a hash, and the data set is needed to check the folder.
        choices: Settings of the tables.

    Returns:
        The files.

    Raises:
        InputError: if no run of the study is finished, the folder contains something else, or a text would name a
            folder of this machine.
    """
    plan, root = results.plan, results.root
    if plan is None or root is None:
        raise InputError(f"study '{results.name}': only a study in a run store can be published")
    study, panels = plan.study, results.panels
    done = {key: record for key, record in results.records.items() if record.status == "done"}
    records = {run.spec.id: (run.label, done[run.spec.id]) for run in plan.runs if run.spec.id in done}
    with _writing(folder) as beside:
        text = yaml.safe_dump(_portable(study).model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        (beside / "study.yaml").write_text(text, encoding="utf-8")
        (beside / "runs.json").write_text(_runs(list(records.values())), encoding="utf-8")
        chosen = _test_oracle(results)
        entries = [_entry(panel, plan, labels, chosen.get(id(panel), {})) for panel in panels]
        _write_numbers(beside, panels, entries, chosen)
        _finish(beside, study.name, entries, choices or TableChoices())
        _refuse_private(beside, root)
    return tuple(sorted(folder.iterdir()))


def refresh(folder: Path) -> tuple[Path, ...]:
    """Rebuild the tables of a measured study from its own predictions, which must be unchanged.

    Raises:
        InputError: if a source file of the tables differs from the manifest.
    """
    manifest = read_manifest(folder)
    sources = [*DATA_FILES, *(name for name in FURTHER_FILES if name in manifest.files)]
    for name in sources:
        if not (folder / name).is_file() or sha256_of(folder / name) != manifest.files.get(name):
            raise InputError(f"{folder / name}: not the file of the manifest; restore it, or publish the study again")
    with _writing(folder) as beside:
        for name in sources:
            shutil.copyfile(folder / name, beside / name)
        _finish(beside, manifest.study, manifest.panels, manifest.tables)
    return tuple(sorted(folder.iterdir()))


def _finish(folder: Path, study: str, entries: Sequence[PanelEntry], choices: TableChoices) -> None:
    """Make tables from the folder's content, then the manifest of everything."""
    sources = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    manifest = Manifest(study=study, made_with=versions(), tables=choices, panels=tuple(entries), files=sources)
    write_manifest(folder, manifest)
    for name, text in render(read_measured(folder), choices).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    write_manifest(folder, manifest.model_copy(update={"files": files}))


def versions() -> dict[str, str]:
    """Return the versions of the packages that make the tables."""
    libraries = {name: importlib.metadata.version(name) for name in ("sentibench", "numpy", "pandas")}
    return {"python": platform.python_version(), **libraries}


@contextmanager
def _writing(folder: Path) -> Iterator[Path]:
    """Make a new folder that replaces the old one if the block ends well."""
    if folder.exists() and not is_measured(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}: holds something else than a measured study; name a new folder")
    try:
        with replace_folder(folder) as beside:
            yield beside
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error}); name another folder") from error


def _portable(study: Study) -> Study:
    """Remove the local folders of plugins and encoders."""
    encoder = study.encoder.model_copy(update={"name": _last(study.encoder.name)})
    return study.model_copy(update={"plugins": [Path(p).name for p in study.plugins], "encoder": encoder})


def _last(name: str) -> str:
    return Path(name).name if Path(name).is_absolute() else name


def _test_oracle(results: StudyResults) -> dict[int, dict[str, dict[str, Panel]]]:
    """Return the results of epochs chosen on the test set, by id of the panel, protocol and metric."""
    found: dict[int, dict[str, dict[str, Panel]]] = {}
    if results.has_epochs:
        for protocol in results.protocols:
            for panel, (_, chosen) in zip(results.panels, results.test_oracle(protocol), strict=True):
                if chosen:
                    found.setdefault(id(panel), {})[protocol] = chosen
    return found


def _entry(panel: Panel, plan: Plan, labels: bool | None, chosen: Mapping[str, Mapping[str, Panel]]) -> PanelEntry:
    sha = next(run.spec.data_sha256 for run in plan.runs if run.spec.dataset == panel.dataset)
    gaps = [
        GapEntry(**{**asdict(gap), "reason": gap.reason.partition(" (")[0], "command": "sentibench run study.yaml"})
        for gap in panel.missing
    ]
    return PanelEntry(
        dataset=panel.dataset,
        split=panel.split,
        regime=panel.regime,
        data_sha256=sha,
        labels_here=all(map(is_synthetic, trained_and_tested(panel.dataset))) if labels is None else labels,
        label_range=panel.label_range,
        mask_informed=tuple(sorted(panel.mask_informed)),
        external=tuple(sorted(panel.external)),
        missing=tuple(gaps),
        settings=dict(panel.settings),
        notes=panel.notes,
        bound=panel.bound,
        videos=panel.videos,
        test_oracle={p: {metric: tuple(own.notes) for metric, own in by.items()} for p, by in chosen.items()},
    )


def _write_numbers(
    folder: Path,
    panels: Sequence[Panel],
    entries: Sequence[PanelEntry],
    chosen: Mapping[int, Mapping[str, Mapping[str, Panel]]],
) -> None:
    samples, rows, costs = [], [], []
    told: list[pd.DataFrame] = []
    by_test: list[pd.DataFrame] = []
    for panel, entry in zip(panels, entries, strict=True):
        n = len(panel.sample_ids)
        names = [str(s) for s in panel.sample_ids]
        own = {"video_id": panel.video_ids.astype(str), "label": panel.label}
        if not entry.labels_here:
            names = [hidden_name(name, entry.data_sha256) for name in names]
            own = {"video_id": np.full(n, ""), "label": np.full(n, np.nan)}
        own["split_of"] = np.full(n, "") if panel.split_of is None else panel.split_of.astype(str)
        samples.append(pd.DataFrame({"dataset": entry.title, "sample_id": names, **own}))
        rows.append(_predictions(panel, entry, names))
        told += [] if panel.told is None else [_predictions(panel.told, entry, names)]
        for protocol, by in chosen.get(id(panel), {}).items():
            by_test += [
                _predictions(own, entry, names).assign(protocol=protocol, metric=metric) for metric, own in by.items()
            ]
        costs.append(panel.runs.assign(dataset=entry.title))
    pooled = ("split_of",) if any(panel.split_of is not None for panel in panels) else ()
    _write_frame(folder / "samples.parquet", samples, ("dataset", "sample_id", "video_id", "label", *pooled))
    columns = ("dataset", "model", "seed", "scenario", "sample_id", "prediction")
    _write_frame(folder / "predictions.parquet", rows, columns)
    for name, found, more in zip(FURTHER_FILES, (told, by_test), ((), ("protocol", "metric")), strict=True):
        if found:
            _write_frame(folder / name, found, (*columns, *more))
    replace_text(folder / "points.csv", csv_frame(panels[0].points))
    table = pd.concat(costs, ignore_index=True)
    table.insert(0, "dataset", table.pop("dataset"))
    replace_text(folder / "costs.csv", csv_frame(table))


def _predictions(panel: Panel, entry: PanelEntry, names: Sequence[str]) -> pd.DataFrame:
    cells = panel.cells[["model", "seed", "scenario"]]
    return cells.loc[cells.index.repeat(len(names))].assign(
        dataset=entry.title, sample_id=np.tile(names, len(cells)), prediction=panel.predictions.ravel()
    )


def _write_frame(path: Path, frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> None:
    table = pd.concat(frames, ignore_index=True)
    stored: dict[str, Any] = {}
    for name in columns:
        numeric = pd.api.types.is_numeric_dtype(table[name].dtype)
        stored[name] = table[name].to_numpy() if numeric else pd.factorize(table[name])
    write_rows(path, stored)


def _runs(records: Sequence[tuple[str, RunRecord]]) -> str:
    """Return every run without predictions: identity, settings, costs; shared content is written once."""
    provenance: list[dict[str, Any]] = []
    masks: dict[str, dict[str, dict[str, str]]] = {}
    runs = []
    for label, record in records:
        own = {name: record.provenance[name] for name in _PROVENANCE if name in record.provenance}
        if own not in provenance:
            provenance.append(own)
        shared = masks.setdefault(f"{record.spec.dataset}/{record.spec.split}", {})
        for cell in record.evaluations:
            shared[cell.scenario] = {"fingerprint": cell.fingerprint, "masks_sha256": cell.masks_sha256}
        content = record.model_dump(mode="json", exclude=set(_UNPUBLISHED))
        encoder = record.spec.encoder.name if record.spec.encoder else ""
        if _last(encoder) != encoder:  # the id is of the whole name
            content["spec"]["encoder"]["name"] = _last(encoder)
            content["encoder_folder_left_out"] = True
        runs.append({"label": label, **content, "provenance": provenance.index(own)})
    content = {"provenance": provenance, "masks": masks, "runs": runs}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _refuse_private(folder: Path, root: Path) -> None:
    """Refuse paths of the folder of runs and of the user's home, which must not be published."""
    private = {str(root.resolve()), str(Path.home())} - {"/"}
    for path in folder.iterdir():
        if path.suffix == ".parquet":
            continue
        text = path.read_text(encoding="utf-8")
        named = next((p for p in private if p in text), None)
        if named:
            raise InputError(f"{path.name} would name the folder {named} of this machine; take it out of the study")
