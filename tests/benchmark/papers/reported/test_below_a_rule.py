"""Published numbers below a leaderboard."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from benchmark.papers.below_leaderboards import with_reported
from benchmark.papers.reported import load
from benchmark.tables.table import Cell, Column, Row, Table
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel, leaderboard


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return load()


@pytest.fixture(scope="module")
def board() -> Table:
    return leaderboard(fake_panel(dataset="mosi"), "intra-random", draws=20)


def notes_of(table: Table, cell: Cell) -> str:
    texts = {f.mark: f.text for f in table.footnotes if f.mark}
    return " ".join(texts[mark] for mark in cell.note.split(","))


def test_our_rows_stay_as_they_are(board: Table, rows: pd.DataFrame) -> None:
    table = with_reported(board, rows, dataset="mosi", protocol="intra-random")
    assert table.rows[: len(board.rows)] == board.rows
    assert table.columns == board.columns
    assert table.footnotes[: len(board.footnotes)] == board.footnotes


def test_rows_below_the_rule(board: Table, rows: pd.DataFrame) -> None:
    table = with_reported(board, rows, dataset="mosi/official", protocol="intra-random@1")
    added = table.rows[len(board.rows) :]
    assert [row.rule for row in added] == [True] + [False] * (len(added) - 1)
    assert len(added) == 8 + 1 + 11  # LNLN, its corrigendum, TCMR
    at = {column.name: i for i, column in enumerate(table.columns)}
    for row in added:
        assert not any(cell.bold for cell in row.cells)
        assert row.cells[at["rank"]].text == "–"
        assert "checkpoint selection" in notes_of(table, row.cells[at["model"]])
        for cell in row.cells:
            if cell.struck:
                assert "not valid: " in notes_of(table, cell)
    lnln = next(r for r in added if r.cells[at["model"]].value == "LNLN (reported: lnln, Table 2)")
    assert lnln.cells[at["mae"]] == Cell("1.046", 1.046)
    assert lnln.cells[at["acc7"]].value == pytest.approx(0.3426)
    assert lnln.cells[at["f1_non0"]].struck
    assert not lnln.cells[at["acc2_non0"]].struck


def test_a_warning_stands_where_there_is_something_to_compare(board: Table, rows: pd.DataFrame) -> None:
    said = [
        [f.text for f in with_reported(board, rows, dataset=d, protocol="intra-random", warning="Beware").footnotes]
        for d in ("mosi", "synthetic")
    ]
    assert ["Beware." in texts for texts in said] == [True, False]


def test_marks_do_not_collide(board: Table, rows: pd.DataFrame) -> None:
    marks = [f.mark for f in with_reported(board, rows, dataset="mosi", protocol="intra-random").footnotes if f.mark]
    assert len(marks) == len(set(marks))


def test_other_conventions_are_named_and_not_shown(board: Table, rows: pd.DataFrame) -> None:
    table = with_reported(board, rows, dataset="mosi", protocol="intra-random")
    text = table.footnotes[-1].text
    for expected in ("inter-ratio, by ratio (ComP)", "auilc 0..1, one model trained for each rate (EMT-DLFR)", "HRLF"):
        assert expected in text
    shown = {str(row.cells[1].value) for row in table.rows[len(board.rows) :]}
    assert not any("emt-dlfr" in name or "semmsa" in name for name in shown)


def test_drop_rates_are_not_missing_rates(rows: pd.DataFrame) -> None:
    board = leaderboard(fake_panel(dataset="mosi", seeds=1), "inter-drop", draws=10)
    table = with_reported(board, rows, dataset="mosi", protocol="inter-drop")
    assert [row.cells[1].text for row in table.rows[len(board.rows) :]] == ["Senti-iFusion (reported)"]
    assert any("none for mosi under inter-drop" in f.text for f in table.footnotes)


@pytest.mark.parametrize("dataset", ["synthetic", "mosi/fold*"])
def test_other_data_get_no_rows(board: Table, rows: pd.DataFrame, dataset: str) -> None:
    table = with_reported(board, rows, dataset=dataset, protocol="intra-random")
    assert table.rows == board.rows
    assert table.footnotes[-1].text == f"Reported numbers: there are none for {dataset}."


def test_a_table_of_no_published_data_set_says_so(board: Table, rows: pd.DataFrame) -> None:
    table = with_reported(board, rows, dataset="", protocol="intra-random")
    assert table.rows == board.rows
    assert "no published data set" in table.footnotes[-1].text


def test_ch_sims_rows_stand_below_the_numbers_of_clipped_predictions(rows: pd.DataFrame) -> None:
    panel = fake_panel(("constant", "lnln"), dataset="sims", protocols=("intra-random",))
    panel = dataclasses.replace(
        panel, label=panel.label / 3, predictions=panel.predictions / 3, label_range=(-1.0, 1.0)
    )
    board = leaderboard(panel, "intra-random", draws=20)
    assert "MAE (clipped)" not in board.markdown()
    assert "mae_clipped,mae_clipped_low" in board.csv()
    table = with_reported(board, rows, dataset="sims", protocol="intra-random")
    at = {column.name: i for i, column in enumerate(table.columns)}
    lnln = next(r for r in table.rows if r.cells[at["model"]].value == "LNLN (reported: lnln, Table 3)")
    assert lnln.cells[at["mae"]].text == "–"
    assert lnln.cells[at["mae_clipped"]].text == "0.514"
    for text in (table.markdown(), table.latex(), table.html()):
        assert "MAE (clipped)" in text
        assert "Corr (clipped)" in text
    assert "Macro-F1" not in table.markdown()


def test_every_format_renders(board: Table, rows: pd.DataFrame) -> None:
    table = with_reported(board, rows, dataset="mosi", protocol="intra-random")
    for text in (table.markdown(), table.csv(), table.latex(), table.html()):
        assert "TCMR-TPSC (reported" in text


def test_a_table_without_models_is_refused(rows: pd.DataFrame) -> None:
    table = Table("x", (Column("a", "A"),), (Row((Cell("1"),)),))
    with pytest.raises(InputError, match="no column 'model'"):
        with_reported(table, rows, dataset="mosi", protocol="complete")
