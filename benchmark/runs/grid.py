"""Rows of a file of predictions as a grid of scenarios and samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

_CELLS = ["scenario", "sample_id"]


@dataclass(frozen=True, eq=False)
class Grid:
    """Places of the rows of a file of predictions, which the runs of a study have in common.

    Attributes:
        stored: Columns `scenario` and `sample_id` as the bytes of the file, in which other files have the same rows.
        wanted, columns: Ids of the samples, as they were asked for and as an index.
        scenarios: Scenarios of which the file has any prediction.
        order: `(scenarios, samples)`: row of the file.
        faulty: True if a prediction is missing or occurs twice.
    """

    stored: list[tuple[str, bytes]]
    wanted: list[str]
    columns: pd.Index
    scenarios: pd.Index
    order: npt.NDArray[np.int64]
    faulty: bool

    @classmethod
    def of(cls, file: pq.ParquetFile, stored: list[tuple[str, bytes]], wanted: list[str]) -> Grid:
        """Find the row of every scenario and sample; `stored` are `stored_cells` of the file."""
        cells = file.read(_CELLS, use_threads=False)
        rows, scenarios = _coded(cells.column("scenario"))
        codes, ids = _coded(cells.column("sample_id"))
        columns = pd.Index(wanted, dtype=object)
        at = columns.get_indexer(pd.Index(ids, dtype=object))[codes]
        known = at >= 0
        place = rows[known] * len(wanted) + at[known]
        counts = np.bincount(place, minlength=len(scenarios) * len(wanted)).reshape(len(scenarios), -1)
        there = np.flatnonzero(counts.any(axis=1))
        order = np.zeros(counts.shape, dtype=np.int64)
        order.ravel()[place] = np.flatnonzero(known)
        names = pd.Index([scenarios[i] for i in there], dtype=object)
        return cls(stored, wanted, columns, names, order[there], bool((counts[there] != 1).any()))


def stored_cells(file: pq.ParquetFile, content: bytes) -> list[tuple[str, bytes]]:
    """Return the columns `scenario` and `sample_id` as they are in the bytes of a file: reading them takes longer."""
    found = []
    for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema in _CELLS:
                first = column.dictionary_page_offset or column.data_page_offset
                kind = f"{column.path_in_schema} {column.compression}"
                found.append((kind, content[first : first + column.total_compressed_size]))
    return found


def _coded(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the position of each text of a column in the list of its distinct texts, and that list."""
    array = column.combine_chunks()
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    return coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist()
