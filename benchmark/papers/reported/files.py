"""Files of published numbers: every file of the folder is read, every line checked."""

from __future__ import annotations

import csv
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmark.papers.reported.schema import COLUMNS, SOURCE_COLUMNS, check_row
from protocols import InputError

_SOURCES = "sources.csv"
_KEY = ("source", "table", "dataset", "method", "metric", "protocol", "point")


def reported_folder() -> Path:
    """Return the folder of published numbers: in a source checkout, else where pip installed it, for all or this user.

    Raises:
        InputError: if it is in none of these places.
    """
    return shipped_folder("reported", _SOURCES)


def shipped_folder(name: str, file: str) -> Path:
    """Return the folder `results/NAME` of a source checkout, or else the one that pip installed.

    Raises:
        InputError: if none of them has the file.
    """
    installed = (sysconfig.get_path("data"), sysconfig.get_path("data", sysconfig.get_preferred_scheme("user")))
    places = (
        Path(__file__).resolve().parents[3] / "results" / name,
        *(Path(folder) / "share" / "sentibench" / name for folder in installed),
    )
    for place in places:
        if (place / file).is_file():
            return place
    raise InputError(f"no {file} under {' or '.join(map(str, places))}; install the package again")


def load(folder: Path | None = None) -> pd.DataFrame:
    """Read all published numbers.

    Returns:
        One row per number: the columns of `COLUMNS`, with `value` as float64 in the unit it is printed in (per cent for
        shares), `seeds` as float64 (NaN where unknown); and `printed` (str), `decimals` (int) and `valid` (bool).

    Raises:
        InputError: one line with file and line number for the first error.
    """
    place = reported_folder() if folder is None else folder
    known = set(load_sources(place)["source"])
    rows: list[dict[str, str]] = []
    seen: dict[tuple[str, ...], str] = {}
    for path in sorted(place.glob("*.csv")):
        if path.name == _SOURCES:
            continue
        for where, row in _lines(path, COLUMNS):
            check_row(row, where, known)
            key = tuple(row[name] for name in _KEY)
            if key in seen:
                raise InputError(f"{where}: the same number as {seen[key]} ({', '.join(key)}); keep one")
            seen[key] = where
            rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    table["printed"] = table["value"]
    table["decimals"] = [len(text.partition(".")[2]) for text in table["printed"]]
    table["value"] = table["printed"].astype("float64")
    table["seeds"] = pd.to_numeric(table["seeds"].replace("", None)).astype("float64")
    table["valid"] = table["validity"].eq("valid")
    return table


def load_sources(folder: Path | None = None) -> pd.DataFrame:
    """Read the papers, one row each: the columns of `SOURCE_COLUMNS`, all text.

    Raises:
        InputError: for a missing file, or a source that occurs twice.
    """
    place = reported_folder() if folder is None else folder
    rows: list[dict[str, str]] = []
    for where, row in _lines(place / _SOURCES, SOURCE_COLUMNS):
        if not row["source"] or not row["name"]:
            raise InputError(f"{where}: source and name must not be empty")
        if row["source"] in {r["source"] for r in rows}:
            raise InputError(f"{where}: source '{row['source']}' occurs twice; keep one line")
        rows.append(row)
    return pd.DataFrame(rows, columns=list(SOURCE_COLUMNS), dtype=object)


def _lines(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (`file, line n`, texts by column) of every line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            head = next(reader, [])
            if tuple(head) != columns:
                raise InputError(f"{path.name}, line 1: columns are {','.join(head)}; expected {','.join(columns)}")
            for cells in reader:
                where = f"{path.name}, line {reader.line_num}"
                if not any(cells):
                    continue
                if len(cells) != len(columns):
                    raise InputError(f"{where}: {len(cells)} cells, expected {len(columns)}; quote text with commas")
                yield where, dict(zip(columns, cells, strict=True))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; it must stand beside the other published numbers") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from None
