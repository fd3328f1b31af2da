from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.report.table import Cell, Column, Footnote, Row, Table
from protocols import InputError

COLUMNS = (Column("model", "Model", "left"), Column("mae", "MAE ↓"))


def small(name: str = "a_b", value: float = 0.123456789012345) -> Table:
    rows = (
        Row((Cell(name), Cell("0.123", value, bold=True, note="a"))),
        Row((Cell("oracle"), Cell("–", None)), rule=True),
    )
    return Table("Results & more", COLUMNS, rows, (Footnote("50 % off", "a"), Footnote("whole")), "Caption_1.")


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "td":
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and "td" in self.tags and self.texts:
            self.texts[-1] += data


@settings(deadline=None, max_examples=80)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_whatever_a_name_holds_comes_back_and_breaks_nothing(name: str, value: float) -> None:
    table = small(name, value)
    rows = list(csv.reader(io.StringIO(table.csv())))
    assert rows[0] == ["model", "mae"]
    assert rows[1][0] == name
    assert float(rows[1][1]) == value  # full precision
    reader = Reader()
    reader.feed(table.html())
    assert reader.texts[0] == name
    assert reader.tags.count("td") == 4
    assert "script" not in reader.tags
    body = [line for line in table.markdown().splitlines() if line.startswith("|")]
    assert len(body) == 5  # head, alignment, row, rule, row
    assert all(line.replace("\\\\", "").replace("\\|", "").count("|") == 3 for line in body)
    latex = [line for line in table.latex().splitlines() if line.rstrip().endswith(r"\\")]
    assert len(latex) == 3
    assert all(line.replace(r"\&", "").count("&") == 1 for line in latex)


def test_latex_is_escaped_and_has_booktabs_rules() -> None:
    text = small("50%_x#$^~\\{}").latex("tab:x")
    assert r"50\%\_x\#\$\textasciicircum{}\textasciitilde{}\textbackslash{}\{\}" in text
    assert r"MAE $\downarrow$" in text
    assert r"\textbf{0.123}\textsuperscript{a}" in text
    assert r"\label{tab:x}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 2, 1]
    assert r"\caption{Results \& more. Caption\_1.}" in text
    assert "\n    {}[x]" in small("[x]").latex()  # else \\ before it would take it for its argument


def test_marks_and_footnotes_are_in_every_rendering() -> None:
    table = small()
    for text in (table.markdown(), table.html(), table.latex()):
        assert "whole" in text
        assert "50" in text
        assert "off" in text
    assert "**0.123**<sup>a</sup>" in table.markdown()
    assert "<strong>0.123</strong><sup>a</sup>" in table.html()
    assert table.plain() == (["Model", "MAE ↓"], [["a_b", "0.123 [a]"], ["oracle", "–"]])


def test_html_does_not_let_a_name_become_markup() -> None:
    assert "<script>" not in small("<script>alert(1)</script>").html()
    assert "<script>" not in small("<script>alert(1)</script>").markdown()


def test_missing_numbers_are_empty_in_csv() -> None:
    table = Table("T", COLUMNS, (Row((Cell("m"), Cell("–", float("nan")))),))
    assert table.csv() == "model,mae\nm,\n"


def test_rows_and_columns_must_fit() -> None:
    with pytest.raises(InputError, match="row 0 has 1 cells, expected 2"):
        Table("T", COLUMNS, (Row((Cell("m"),)),))
    with pytest.raises(InputError, match="twice"):
        Table("T", (COLUMNS[0], COLUMNS[0]), ())
