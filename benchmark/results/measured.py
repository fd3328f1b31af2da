"""Folder of a measured study: its manifest, and panels read back from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.data.sources import dataset_header
from benchmark.evaluation.panel import Bound, Gap, Panel
from benchmark.files import csv_value
from benchmark.results.candidates import TEST_ORACLE
from benchmark.results.external import evaluation_set
from benchmark.results.study_results import StudyResults
from protocols import InputError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
#: Source files of tables; every other file but the manifest is made from these.
DATA_FILES = ("study.yaml", "samples.parquet", "predictions.parquet", "points.csv", "costs.csv", "runs.json")
#: Further source files, of studies that have such predictions: those of models told where their gaps are, and of epochs
#: chosen on the test set.
FURTHER_FILES = ("told.parquet", "test_oracle.parquet")


class GapEntry(BaseModel):
    """Gap as in `benchmark.evaluation.panel.Gap`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str
    seed: int
    split: str
    reason: str
    scenarios: tuple[str, ...]
    command: str


class PanelEntry(BaseModel):
    """Description of a panel beside its numbers: fields of `Panel`, and the origin of its data.

    Attributes:
        data_sha256: sha256 of the samples.
        labels_here: True if labels, videos and the names of samples are in the folder; otherwise samples are named by
            a hash, and the data set must be available to recompute anything.
        test_oracle: Notes on the results of epochs chosen on the test set, by protocol and metric.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    split: str
    regime: str
    data_sha256: str
    labels_here: bool
    label_range: tuple[float, float]
    mask_informed: tuple[str, ...]
    external: tuple[str, ...]
    missing: tuple[GapEntry, ...]
    settings: dict[str, str] = {}
    notes: tuple[str, ...]
    bound: Bound | None = None
    videos: str = ""
    test_oracle: dict[str, dict[str, tuple[str, ...]]] = {}

    @property
    def title(self) -> str:
        """Data set and split, such as `mosi/official`."""
        return f"{self.dataset}/{self.split}"


class TableChoices(BaseModel):
    """Settings of the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str = "mae"
    draws: int = 2000
    level: float = 0.95


class Manifest(BaseModel):
    """Content of `manifest.json`.

    Attributes:
        format: Version of the folder's format.
        study: Name of the study.
        made_with: Versions of the packages that made the tables.
        tables: Settings of the tables.
        panels: Panels in the order of the study.
        files: sha256 of every other file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT_VERSION
    study: str
    made_with: dict[str, str]
    tables: TableChoices
    panels: tuple[PanelEntry, ...]
    files: dict[str, str]


def is_measured(folder: Path) -> bool:
    """Return True for the folder of a measured study."""
    return (folder / MANIFEST).is_file()


def measured_folders(folder: Path) -> list[Path]:
    """Return the folders of measured studies that a folder is, or holds."""
    if is_measured(folder) or not folder.is_dir():
        return [folder]
    return sorted(path for path in folder.iterdir() if is_measured(path)) or [folder]


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder.

    Raises:
        InputError: if there is none, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{folder}: no {MANIFEST}; give the folder of a measured study") from None
    except (OSError, ValidationError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be read ({reason}); restore it from version control") from error
    if manifest.format != FORMAT_VERSION:
        raise InputError(f"{path}: format {manifest.format}, expected {FORMAT_VERSION}; publish the study again")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def hidden_name(sample_id: str, data_sha256: str) -> str:
    """Return a code for a sample whose data set is not in the folder: owners of the data can recognise it."""
    return hashlib.blake2b(sample_id.encode(), key=data_sha256.encode()[:64], digest_size=8).hexdigest()


def write_rows(path: Path, columns: dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]] | npt.NDArray[Any]]) -> None:
    """Write a parquet file; a column given as (codes, values) stores every value once, doubles keep every bit."""
    arrays = {
        name: pa.DictionaryArray.from_arrays(pa.array(c[0], pa.int32()), pa.array(c[1].tolist(), pa.string()))
        if isinstance(c, tuple)
        else pa.array(c)
        for name, c in columns.items()
    }
    doubles = [name for name, array in arrays.items() if pa.types.is_floating(array.type)]
    pq.write_table(
        pa.table(arrays),
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in arrays if name not in doubles],
        column_encoding=dict.fromkeys(doubles, "BYTE_STREAM_SPLIT"),  # models predict in single precision
        row_group_size=1 << 24,
    )


def read_measured(folder: Path) -> StudyResults:
    """Read the results of a measured study, as they were made from its runs.

    Raises:
        InputError: if a file is missing or does not fit the others, or a data set outside the folder is not
            available or has changed.
    """
    manifest = read_manifest(folder)
    predictions, samples = (_parquet(folder / f"{name}.parquet") for name in ("predictions", "samples"))
    points = _csv(folder / "points.csv", ("protocol", "scenario", "axis", "axis2", "tick"))
    costs = _csv(folder / "costs.csv", ("dataset", "model", "runs"))
    told, chosen = (_parquet(folder / name) if name in manifest.files else None for name in FURTHER_FILES)
    panels = [_panel(folder, entry, predictions, samples, points, costs, told) for entry in manifest.panels]
    results = StudyResults(manifest.study, tuple(panels))
    if chosen is not None:
        for entry, panel in zip(manifest.panels, panels, strict=True):
            _add_test_oracle(results, panel, entry, chosen, folder / FURTHER_FILES[1])
    return results


def _panel(
    folder: Path,
    entry: PanelEntry,
    predictions: pd.DataFrame,
    samples: pd.DataFrame,
    points: pd.DataFrame,
    costs: pd.DataFrame,
    told: pd.DataFrame | None,
) -> Panel:
    own = samples[samples["dataset"] == entry.title]
    ids = own["sample_id"].to_numpy(dtype=object)
    hidden = ids
    cells, values = _cells(predictions[predictions["dataset"] == entry.title], ids, folder / "predictions.parquet")
    if entry.labels_here:
        videos, label = own["video_id"].to_numpy(dtype=object), own["label"].to_numpy(dtype=np.float64)
    else:
        ids, videos, label = _from_data(entry, ids)
    pooled = "split_of" in own and bool(own["split_of"].ne("").any())  # not kept by folders of one split
    panel = Panel(
        dataset=entry.dataset,
        split=entry.split,
        regime=entry.regime,
        sample_ids=ids,
        video_ids=videos,
        label=label,
        cells=cells,
        predictions=values,
        points=points,
        runs=costs[costs["dataset"] == entry.title].drop(columns="dataset").reset_index(drop=True),
        mask_informed=frozenset(entry.mask_informed),
        external=frozenset(entry.external),
        missing=tuple(Gap(**gap.model_dump()) for gap in entry.missing),
        label_range=entry.label_range,
        settings=entry.settings,
        notes=entry.notes,
        split_of=own["split_of"].to_numpy(dtype=object) if pooled else None,
        bound=entry.bound,
        videos=entry.videos,
    )
    rows = None if told is None else told[told["dataset"] == entry.title]
    if rows is None or rows.empty:
        return panel
    cells, values = _cells(rows, hidden, folder / FURTHER_FILES[0])
    return replace(panel, told=replace(panel, cells=cells, predictions=values))


def _add_test_oracle(results: StudyResults, panel: Panel, entry: PanelEntry, chosen: pd.DataFrame, path: Path) -> None:
    """Add the results of epochs chosen on the test set, see `StudyResults.test_oracle`."""
    own = chosen[chosen["dataset"] == entry.title]
    for protocol, notes in entry.test_oracle.items():
        made = {}
        for metric, said in notes.items():
            rows = own[(own["protocol"] == protocol) & (own["metric"] == metric)]
            cells, values = _cells(rows, rows["sample_id"].to_numpy(dtype=object)[: len(panel.label)], path)
            points = panel.points[panel.points["protocol"] == protocol].reset_index(drop=True)
            made[metric] = replace(
                panel, cells=cells, predictions=values, points=points, notes=said, selection=TEST_ORACLE, told=None
            )
        results.add_test_oracle(protocol, panel, made)


def _cells(
    rows: pd.DataFrame, ids: npt.NDArray[np.object_], path: Path
) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return the cells of a file, and their predictions, which are those of the samples in their order."""
    n = len(ids)
    if not n or rows.empty or len(rows) % n or not (rows["sample_id"] == np.tile(ids, len(rows) // n)).all():
        raise InputError(
            f"{path}: its samples are not those of samples.parquet in their order; restore both from version control"
        )
    cells = rows.iloc[::n][["model", "seed", "scenario"]].reset_index(drop=True)
    repeated = cells.loc[cells.index.repeat(n)].to_numpy()
    if not (rows[["model", "seed", "scenario"]].to_numpy() == repeated).all():
        raise InputError(f"{path}: cells are mixed up; restore it from version control")
    return cells, rows["prediction"].to_numpy(dtype=np.float64).reshape(-1, n)


def require_data(entry: PanelEntry) -> None:
    """Raise InputError if the labels of a panel are not in its folder and its data set is not on this machine."""
    if entry.labels_here:
        return
    wanted = f"needs data set '{entry.dataset}' with sha256 {entry.data_sha256}, as its labels are not in the folder"
    try:
        found = dataset_header(entry.dataset).fingerprint
    except InputError as error:
        raise InputError(f"{entry.title}: {wanted}; not found: {error}") from None
    if found != entry.data_sha256:
        raise InputError(f"{entry.title}: {wanted}; the one here has {found}: import the other one")


def _from_data(
    entry: PanelEntry, hidden: npt.NDArray[np.object_]
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_], npt.NDArray[np.float64]]:
    """Read names, videos and labels of samples from the data set itself."""
    require_data(entry)
    known = evaluation_set(entry.title)
    place = {hidden_name(str(s), entry.data_sha256): i for i, s in enumerate(known.sample_ids)}
    if set(place) != set(hidden.tolist()):
        raise InputError(f"{entry.title}: samples.parquet names other samples than the test part; restore it")
    order = np.array([place[h] for h in hidden], dtype=np.int64)
    return known.sample_ids[order], known.video_ids[order], known.label[order]


def _parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be read ({reason}); restore it from version control") from error
    texts = [name for name in table if isinstance(table[name].dtype, pd.CategoricalDtype)]
    return table.assign(**{str(name): table[name].astype(object) for name in texts})


def _csv(path: Path, texts: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        numeric = [str(name) for name in table if name not in texts]
        read = {name: table[name].map(csv_value) for name in texts if name in table}
        return table.assign(**read, **{name: _numbers(table[name]) for name in numeric})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); restore it from version control") from error


def _numbers(column: pd.Series) -> npt.NDArray[np.float64] | npt.NDArray[np.int64]:
    """Read integers, or doubles to the last digit; empty is NaN."""
    given = column.to_numpy(dtype=object)
    if all(text.lstrip("-").isdigit() for text in given):
        return given.astype(np.int64)
    return np.where(given == "", "nan", given).astype(np.float64)
