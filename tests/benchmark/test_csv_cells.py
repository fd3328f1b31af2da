"""Cells of CSV files: no text runs as a formula, and every text can be read back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.figures.writing import read_table
from benchmark.files import csv_cell, csv_frame, csv_value
from benchmark.results.external.columns import read_columns
from benchmark.results.external.template import write_template
from benchmark.tables.table import Cell, Column, Row, Table

FORMULAS = (
    "=1+1",
    "=cmd|'/c calc'!A1",
    "@SUM(A1)",
    "+cmd|' /C calc'!A0",
    "-2+cmd|' /C calc'!A0",
    "-(1)",
    "\t=1",
    "'=1",
)


@pytest.mark.parametrize("text", FORMULAS)
def test_texts_that_a_spreadsheet_would_run_are_quoted(text: str) -> None:
    assert csv_cell(text) == f"'{text}"
    assert csv_value(csv_cell(text)) == text


@pytest.mark.parametrize("value", ["-3g5yACwYnA", "-0.5", "-", "+1e-3", "lnln", "", "'tis", "a=b", -0.5, 3, None, True])
def test_other_values_stay(value: object) -> None:
    assert csv_cell(value) is value
    assert csv_value(str(value)) == str(value)


def test_numbers_of_a_frame_stay_numbers_and_texts_come_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"model": list(FORMULAS), "value": np.linspace(-1, 1, len(FORMULAS)), "n": -3, "ok": True})
    (tmp_path / "f.csv").write_text(csv_frame(frame))
    raw = pd.read_csv(tmp_path / "f.csv")
    assert raw["value"].tolist() == frame["value"].tolist()
    assert raw["n"].dtype.kind == "i"
    assert [text[0] for text in raw["model"]] == ["'"] * len(raw)
    assert read_table(tmp_path / "f.csv", ["value", "n"])["model"].tolist() == list(FORMULAS)


def test_a_table_quotes_texts_and_not_numbers() -> None:
    columns = (Column("model", "Model"), Column("mae", "MAE"))
    table = Table("t", columns, (Row((Cell("=1+1"), Cell("-0.500", -0.5))),))
    assert list(csv.reader(io.StringIO(table.csv())))[1] == ["'=1+1", "-0.5"]


def test_a_template_of_such_ids_is_read_back(tmp_path: Path) -> None:
    ids = ["=1", "@x", "-3g5yACwYnA", "+a(b)"]
    rows = pd.DataFrame({"sample_id": ids, "scenario": "drop(rate=0)", "seed": 0, "prediction": 0.5})
    write_template(tmp_path / "t.csv", rows)
    assert "\n'=1," in (tmp_path / "t.csv").read_text()
    assert read_columns(tmp_path / "t.csv")["sample_id"].tolist() == ids
