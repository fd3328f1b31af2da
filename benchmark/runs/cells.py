"""Cells of a finished run: predictions under its scenarios, united from two executions of the run.

Two studies, processes or machines may train one run and evaluate it under different scenarios. Cells are united where
the weights are the same; where both have a cell, its bits must be the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.runs.record import EpochEvaluations, Evaluation, RunRecord
from benchmark.words import listed, plural
from protocols import InputError, parse

_SCHEMA = pa.schema(
    {
        "epoch": pa.int32(),
        "scenario": pa.dictionary(pa.int32(), pa.string()),
        "sample_id": pa.dictionary(pa.int32(), pa.string()),
        "prediction": pa.float64(),
    }
)
#: Field of the provenance: other machines that evaluated some of the cells.
_ALSO = "cells_also_from"
#: Maximum number of scenarios that a message names.
_NAMED = 3


@dataclass(frozen=True, eq=False)
class RunCells:
    """Cells of one execution of a run.

    Attributes:
        record: Its record, which lists the cells.
        predictions: Predictions: `scenario`, `sample_id`, `prediction`, ...
        epochs: File of every epoch's predictions, if the record lists any.
        weights: sha256 of the weights; None where there are none, or where they are those of the run that the cells
            are added to.
    """

    record: RunRecord
    predictions: pd.DataFrame
    epochs: Path | None = None
    weights: str | None = None

    @property
    def origin(self) -> str:
        """Machine of the execution: `node7 (AVX2, torch 2.6.0)`."""
        known = self.record.provenance
        host, capability = (known.get(name) or f"unknown {name}" for name in ("host", "cpu_capability"))
        return f"{host} ({capability}, torch {(known.get('libraries') or {}).get('torch')})"

    @property
    def key(self) -> tuple[object, ...]:
        """Causes of the last bits of a prediction: processor capability, libraries, device, threads, versions."""
        known = (self.record.provenance.get(name) for name in ("cpu_capability", "libraries", "device", "threads"))
        return (*known, self.record.versions)

    @property
    def equal_bits(self) -> bool:
        """True if another execution with the same key must give equal bits: all cells are of one key, on the CPU."""
        known = self.record.provenance
        return None not in self.key and known["device"] == "cpu" and _ALSO not in known


def unite(kept: RunCells, other: RunCells) -> RunCells:
    """Unite the cells of two executions of one run.

    A cell of `other` that differs is left out, which a note of the record says; so are all cells of other weights. Of
    two versions of a scenario with one text, that of the installed code stays. Cells of another version of training or
    inference are left out, unless they are all cells of the same weights, evaluated again by a newer inference.

    Returns:
        The union; its `epochs` is that of `other` where `write_epochs` must add from it, else that of `kept`.

    Raises:
        InputError: if bits differ although both were executed on the CPU with equal processor capability, libraries
            and threads.
    """
    if kept.record.versions != other.record.versions:
        if other.weights is None and set(other.record.evaluated()) >= set(kept.record.evaluated()):
            return replace(other, weights=kept.weights)
        extent = f" with {plural(len(other.record.evaluations), 'cell')}"
        return _without(kept, other, "versions of training or inference", extent)
    if None not in (kept.weights, other.weights) and kept.weights != other.weights:
        return _without(kept, other, "weights of the model", f" with {plural(len(other.record.evaluations), 'cell')}")
    known = kept.record.evaluated()
    mine, theirs = _by_scenario(kept.predictions), _by_scenario(other.predictions)
    new, differing = [], []
    for cell in other.record.evaluations:
        before = known.get(cell.fingerprint)
        if before is None:
            new.append(cell)
        elif before.masks_sha256 != cell.masks_sha256 or not _equal(mine, before.scenario, theirs, cell.scenario):
            differing.append(cell.scenario)
    texts = {e.scenario for e in kept.record.evaluations}
    new = [e for e in new if e.scenario not in texts or _is_current(e)]
    again = {e.scenario for e in new}
    earlier = tuple(e for e in kept.record.evaluations if e.scenario not in again)
    record = kept.record.model_copy(update={"evaluations": (*earlier, *new)})
    predictions = kept.predictions
    if new:
        record = record.model_copy(update={"provenance": {**record.provenance, **_also_from(kept, other)}})
        left = predictions[predictions["scenario"].isin([e.scenario for e in earlier])]
        added = other.predictions[other.predictions["scenario"].isin(again)]
        predictions = pd.concat([left, added], ignore_index=True)
    united = RunCells(record, predictions, kept.epochs, kept.weights)
    united = _with_epochs(united, other)
    if differing:
        named = listed([*differing[:_NAMED], *([f"{len(differing) - _NAMED} more"] if differing[_NAMED:] else [])])
        united = _without(united, other, f"predictions of {named}")
    return united


def _with_epochs(united: RunCells, other: RunCells) -> RunCells:
    """List the epochs of both; those of different epochs are left out."""
    mine, theirs = united.record.tested_epochs, other.record.tested_epochs
    if theirs is None or (mine is not None and mine.epochs != theirs.epochs):
        return united
    there = set(united.record.evaluated())
    kept = tuple(f for f in mine.fingerprints if f in there) if mine else ()
    more = tuple(f for f in theirs.fingerprints if f in there and f not in kept)
    if not more:
        return united
    tested = EpochEvaluations(epochs=theirs.epochs, fingerprints=(*kept, *more))
    seconds = {**other.record.seconds, **united.record.seconds}
    record = united.record.model_copy(update={"tested_epochs": tested, "seconds": seconds})
    return replace(united, record=record, epochs=other.epochs)


def _without(kept: RunCells, other: RunCells, what: str, extent: str = "") -> RunCells:
    """Note that cells of `other` are left out; an error where equal bits are promised."""
    title = kept.record.spec.title
    if kept.key == other.key and kept.equal_bits and other.equal_bits:
        raise InputError(
            f"{title}: {what} differ between two executions with equal processor capability and libraries, on "
            f"{kept.origin} and {other.origin}; one of them was changed or is damaged: remove its folder"
        )
    note = f"{what} differ: those of {kept.origin} were kept, those of {other.origin} left out{extent}"
    notes = tuple(dict.fromkeys((*kept.record.notes, note)))
    return replace(kept, record=kept.record.model_copy(update={"notes": notes}))


def _also_from(kept: RunCells, other: RunCells) -> dict[str, list[str]]:
    """Return the provenance of cells that were added by machines with another key, on which equal bits end."""
    origins = [*kept.record.provenance.get(_ALSO, ()), *other.record.provenance.get(_ALSO, ())]
    origins += [other.origin] if kept.key != other.key else []
    return {_ALSO: list(dict.fromkeys(origins))} if origins else {}


def _is_current(cell: Evaluation) -> bool:
    try:
        return parse(cell.scenario).fingerprint == cell.fingerprint
    except InputError:  # of a plugin that is not loaded
        return False


def _equal(mine: Mapping[str, pd.DataFrame], text: str, theirs: Mapping[str, pd.DataFrame], other: str) -> bool:
    return text in mine and other in theirs and mine[text].equals(theirs[other])


def _by_scenario(table: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """Split predictions by scenario, with samples in their order."""
    table = table.assign(sample_id=table["sample_id"].astype(str))
    parts = table.groupby(table["scenario"].astype(str), sort=False)
    return {str(text): part.drop(columns="scenario").reset_index(drop=True) for text, part in parts}


def write_predictions(predictions: pd.DataFrame, path: Path) -> None:
    """Write predictions; repeated ids and scenarios are stored once."""
    table = predictions.assign(
        scenario=predictions["scenario"].astype("category"), sample_id=predictions["sample_id"].astype("category")
    )
    table.to_parquet(path, index=False, compression="zstd")


def epochs_writer(file: Path) -> pq.ParquetWriter:
    """Open a file of every epoch's predictions for writing, one row group a scenario."""
    return pq.ParquetWriter(
        file,
        _SCHEMA,
        compression="zstd",
        use_dictionary=["epoch", "scenario", "sample_id"],
        column_encoding={"prediction": "BYTE_STREAM_SPLIT"},  # most models predict in float32: half the bytes are 0
    )


def epochs_table(
    epochs: Sequence[int], scenario: str, ids: Sequence[str], predictions: npt.NDArray[np.float64]
) -> pa.Table:
    """Return the rows of one scenario, sorted by epoch, then sample; `predictions` is `(epochs, samples)`."""
    count = len(epochs)
    columns = [
        pa.array(np.repeat(np.asarray(epochs, dtype=np.int32), len(ids))),
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(count * len(ids), dtype=np.int32)), pa.array([scenario])),
        pa.DictionaryArray.from_arrays(
            pa.array(np.tile(np.arange(len(ids), dtype=np.int32), count)), pa.array(list(ids))
        ),
        pa.array(predictions.reshape(-1)),
    ]
    return pa.table(columns, schema=_SCHEMA)


def write_epochs(kept: RunCells, united: RunCells, file: Path) -> None:
    """Write the file of every epoch's predictions of a union: rows of `kept`, and those that `united` adds."""
    mine, both = kept.record.tested_epochs, united.record.tested_epochs
    if mine is None or both is None or kept.epochs is None:
        shutil.copyfile(united.epochs or file, file)
        return
    cells = united.record.evaluated()
    with epochs_writer(file) as writer:
        for fingerprint in both.fingerprints:
            source = kept.epochs if fingerprint in mine.fingerprints else united.epochs
            scenario = cells[fingerprint].scenario
            rows = pq.read_table(source, filters=[("scenario", "=", scenario)])
            writer.write_table(rows.unify_dictionaries().cast(_SCHEMA))
