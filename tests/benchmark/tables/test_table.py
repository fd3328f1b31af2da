from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.files import csv_value
from benchmark.tables.rendering.html import page
from benchmark.tables.table import Cell, Column, Footnote, Interval, Notes, Row, Table
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
    assert csv_value(rows[1][0]) == name
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
    assert table.plain() == (["Model", "MAE ↓"], [["a_b", "0.123 (a)"], ["oracle", "–"]])


def test_marks_of_a_cell_are_in_the_order_of_the_footnotes() -> None:
    notes = Notes()
    notes.mark("seen first")
    assert notes.mark("second", "third", "seen first") == "a,b,c"
    assert notes.on(Cell("1", note="b"), "seen first", "fourth").note == "a,b,d"
    for i in range(23):
        notes.mark(f"further {i}")
    assert notes.mark("further 22", "further 20") == "y,aa"


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


def grouped() -> Table:
    columns = (
        Column("model", "Model", "left"),
        Column("has0", "Has0", group="F1 (%)"),
        Column("non0", "Non0", group="F1 (%)", interval="csv"),
        Column("mae", "MAE", interval="shown"),
    )
    mae = Cell("0.912", 0.9123, bold=True, note="b", interval=Interval(0.85, 0.97, "[0.850, 0.970]"))
    struck = Cell("99.90", 0.999, note="a", struck=True, interval=Interval(0.9, 1.0, "[90.00, 100.00]"))
    rows = (
        Row((Cell("x"), struck, struck, mae)),
        Row((Cell("y"), Cell("1", 0.01), Cell("2", 0.02), Cell("–", None)), space=True),
    )
    return Table("T", columns, rows, (Footnote("no", "a"), Footnote("yes", "b")), paper=("model", "mae"))


def test_groups_stand_over_their_columns_in_every_rendering() -> None:
    table = grouped()
    assert "| Model | F1 (%)<br>Has0 | F1 (%)<br>Non0 | MAE |" in table.markdown()
    latex = table.latex(all_columns=True)
    assert r" & \multicolumn{2}{c}{F1 (\%)} &  \\" in latex
    assert r"\cmidrule(lr){2-3}" in latex
    assert r"Model & Has0 & Non0 & MAE \\" in latex
    html = table.html()
    assert '<th scope="colgroup" class="center" colspan="2">F1 (%)</th>' in html
    assert html.count('rowspan="2"') == 2
    assert table.csv().startswith("model,has0,non0,non0_low,non0_high,mae,mae_low,mae_high\n")
    assert table.plain()[0][1] == "F1 (%)\nHas0"


def test_struck_cells_are_struck_and_keep_their_value() -> None:
    table = grouped()
    assert "~~99.90~~<sup>a</sup>" in table.markdown()
    assert r"\sout{99.90}\textsuperscript{a}" in table.latex(all_columns=True)
    assert "<s>99.90</s><sup>a</sup>" in table.html()
    row = next(csv.DictReader(io.StringIO(table.csv())))
    assert row["has0"] == row["non0"] == "0.999"


def test_intervals_are_shown_where_the_column_says_so_and_are_in_the_csv_always() -> None:
    table = grouped()
    row, second = csv.DictReader(io.StringIO(table.csv()))
    assert [row[k] for k in ("non0_low", "non0_high", "mae_low", "mae_high")] == ["0.9", "1.0", "0.85", "0.97"]
    assert second["mae_low"] == ""
    assert table.records()[1]["mae_high"] is None
    assert r"**0.912**<sup>b</sup> \[0.850, 0.970\]" in table.markdown()
    assert r"\textbf{0.912}\textsuperscript{b} {\scriptsize [0.850, 0.970]}" in table.latex()
    assert '<strong>0.912</strong><sup>b</sup> <span class="interval">[0.850, 0.970]</span>' in table.html()
    assert table.plain()[1][0][3] == "0.912 (b) [0.850, 0.970]"
    for text in (table.markdown(), table.latex(all_columns=True), table.html()):
        assert "90.00" not in text


def test_columns_can_be_chosen_and_footnotes_follow() -> None:
    table = grouped()
    chosen = table.only(["mae", "model"])
    assert [c.name for c in chosen.columns] == ["mae", "model"]
    assert [c.text for c in chosen.rows[0].cells] == ["0.912", "x"]
    assert [f.mark for f in chosen.footnotes] == ["b"]
    assert chosen.paper == ("model", "mae")
    assert table.only(["has0"]).paper == ()
    assert "Has0" not in table.latex()
    for names, words in ((["maee"], "did you mean mae"), ([], "at least one"), (["mae", "mae"], "once")):
        with pytest.raises(InputError, match=words):
            table.only(names)
    with pytest.raises(InputError, match="unknown column"):
        Table("T", COLUMNS, (), paper=("nothing",))


def test_a_page_loads_nothing_and_escapes_everything() -> None:
    evil = "<img src=x onerror=alert(1)>"
    row = Row((Cell(evil, note=evil), Cell(evil, struck=True, interval=Interval(0, 1, evil))))
    columns = (Column("a", evil, group=evil), Column("b", evil, group=evil, interval="shown"))
    text = page(evil, [Table(evil, columns, (row,), (Footnote(evil, evil),), evil)])
    assert "<img" not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") == 12
    for word in ("<script", "http", 'src="'):
        assert word not in text
    assert text.startswith("<!doctype html>")


def test_two_hyphens_and_apostrophes_stay_two_in_latex() -> None:
    text = small("a--b''c,,d").latex()
    assert "a-{}-b'{}'c,{},d" in text
    assert r"\texttt{U+4E2D}" in small("中").latex()
