"""File of predictions as a table of texts and numbers, with the position of each row in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from benchmark.data.importers.assemble import clean_id
from benchmark.files import csv_value
from protocols import InputError, read_number, unknown_name

#: Required columns, and optional ones; others are ignored.
COLUMNS = ("sample_id", "scenario", "seed", "prediction")
OPTIONAL = ("model", "masks_sha256")


def read_columns(path: Path) -> pd.DataFrame:
    """Read the known columns of a CSV, parquet or JSONL file; the index is the row's number as readers count.

    A CSV has commas, semicolons or tabs between its cells, and with the latter two decimal commas may be used; its head
    is line 1. All columns but the numbers of a parquet file stay text, so that `007` stays an id.

    Raises:
        InputError: if the file does not exist, is of another kind or empty, or has no such column.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a CSV, parquet or JSONL file with columns {', '.join(COLUMNS)}")
    kind = path.suffix.lower()
    if kind not in {".csv", ".parquet", ".jsonl"}:
        raise InputError(
            f"{path}: expected a file that ends in .csv, .parquet or .jsonl, found '{path.suffix}'; convert it"
        )
    try:
        if kind == ".csv":
            separator = _separator(path)
            table = pd.read_csv(
                path, header=None, sep=separator, dtype=str, na_filter=False, encoding="utf-8-sig",
                skip_blank_lines=False,
            )  # fmt: skip
            table = table.iloc[1:].set_axis(table.iloc[0], axis=1)  # pandas would rename a repeated head
        elif kind == ".jsonl":
            table = pd.read_json(path, lines=True, dtype=False, precise_float=True)
        else:
            table = pd.read_parquet(path)
    except (OSError, ValueError, pd.errors.ParserError, pd.errors.EmptyDataError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be read as {kind[1:]} ({reason}); write it again") from error
    table.columns = pd.Index([str(name).strip() for name in table.columns])
    for name in (*COLUMNS, *OPTIONAL):
        if list(table.columns).count(name) > 1:
            raise InputError(f"{path}: column '{name}' occurs twice; keep one")
    for name in COLUMNS:
        if name == "prediction" and name not in table and "prompt" in table:
            raise InputError(
                f"{path}: prompts without answers; put the answer to each 'prompt' into its record as '{name}'"
            )
        if name not in table:
            found = ", ".join(map(str, table.columns[:12])) or "none"
            near = str(unknown_name("column", name, table.columns)).rpartition("; ")[2]
            hint = f"; {near.replace('did you mean', 'is it called')}" if near.startswith("did") else ""
            raise InputError(f"{path}: no column '{name}' (found {found}){hint}; expected {', '.join(COLUMNS)}")
    table = table[[name for name in (*COLUMNS, *OPTIONAL) if name in table]]
    table.index = pd.RangeIndex(2, len(table) + 2) if kind == ".csv" else pd.RangeIndex(1, len(table) + 1)
    if kind == ".csv":
        table = table[~(table == "").all(axis=1)]  # blank lines
    for column in map(str, table.columns):
        if column not in {"seed", "prediction"} or not pd.api.types.is_numeric_dtype(table[column].dtype):
            table = table.assign(**{column: _texts(table[column])})
    if kind == ".csv" and separator != ",":
        table = table.assign(prediction=table["prediction"].str.replace(",", ".", regex=False))
    if table.empty:
        raise InputError(
            f"{path}: has no rows; write one per (sample, scenario, seed), see sentibench score --template"
        )
    return table


def _separator(path: Path) -> str:
    """Return the separator that gives the head of a CSV the most known columns: comma, semicolon or tab."""
    with path.open(encoding="utf-8-sig") as file:
        cells = {
            sign: [cell.strip().strip('"') for cell in head.split(sign)]
            for head in [file.readline()]
            for sign in ",;\t"
        }
    return max(cells, key=lambda sign: sum(cell in (*COLUMNS, *OPTIONAL) for cell in cells[sign]))


def _texts(column: pd.Series) -> pd.Series:
    """Strip surrounding blanks from texts; missing texts become empty. Repeated texts are handled once."""
    codes, values = pd.factorize(column, use_na_sentinel=True)
    texts = np.array([*(_text(value) for value in values), ""], dtype=object)
    return pd.Series(texts[codes], index=column.index, dtype=object)


def _text(value: object) -> str:
    return clean_id(csv_value(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)))


def numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    """Read every text as the nearest double, NaN if it is not a number; `(rows,)`."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    read = (read_number(text) for text in column.tolist())
    return np.array([np.nan if value is None else value for value in read], dtype=np.float64)
