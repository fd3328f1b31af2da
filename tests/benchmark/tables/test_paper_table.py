"""The table that a paper prints: columns, emphasis, digits, width, and the files beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.statistics import ranks
from benchmark.tables.kinds import Citation, TableSettings
from benchmark.tables.paper import paper_table
from benchmark.tables.table import Table
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel
from tests.benchmark.tables.test_latex import compile_latex

MODELS = {"lnln": Citation("LNLN", "lnln2024"), "mult": Citation("MulT", "mult2019")}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return fake_panel(samples=200, videos=12, protocols=("complete", "inter-drop", "uncertain"), dataset="mosi")


def found(panel: Panel, *protocols: str) -> list[ProtocolResults]:
    return [ProtocolResults.of(panel, name, draws=40) for name in protocols]


def settings(**fields: object) -> TableSettings:
    return dataclasses.replace(
        TableSettings(draws=40, models=MODELS, datasets={"mosi/official": Citation("CMU-MOSI", "mosi2016")}),
        **fields,  # type: ignore[arg-type]
    )


def test_data_sets_and_protocols_are_beside_each_other(panel: Panel) -> None:
    other = dataclasses.replace(panel, dataset="mine")
    results = [*found(panel, "complete", "inter-drop"), *found(other, "complete", "inter-drop")]
    table = paper_table(results, settings(metrics=("mae", "corr")))
    assert [(c.over, c.group, c.title) for c in table.columns[1:5]] == [
        ("CMU-MOSI", "complete", "MAE ↓"),
        ("CMU-MOSI", "complete", "Corr ↑"),
        ("CMU-MOSI", "inter-drop", "MAE ↓"),
        ("CMU-MOSI", "inter-drop", "Corr ↑"),
    ]
    assert {c.over for c in table.columns[5:]} == {"mine"}
    assert len(table.columns) == 9
    text = table.latex()
    assert r"CMU-MOSI~\cite{mosi2016}" in text
    assert r"LNLN~\cite{lnln2024}" in text
    assert r"\multicolumn{4}{c}{CMU-MOSI" in text
    assert "cite" not in table.markdown()
    assert table.citations == {"mosi2016", "lnln2024", "mult2019"}


def test_bold_and_underlined_are_the_first_and_second_rank_of_the_leaderboard(panel: Panel) -> None:
    results = found(panel, "inter-drop")
    table = paper_table(results, settings(metrics=("mae",)))
    order = ranks(results[0].contest, "mae", results[0].scenarios)
    places = sorted(set(order["rank"]))
    assert len(places) > 2
    groups = [set(order.loc[order["rank"] == place, "model"]) for place in places[:2]]
    cells = {str(row.cells[0].value): row.cells[1] for row in table.rows}
    assert {model for model, cell in cells.items() if cell.bold} == groups[0]
    assert {model for model, cell in cells.items() if cell.underlined} == groups[1]
    assert r"\underline{" in table.latex()


def test_without_three_seeds_no_order_is_claimed() -> None:
    panel = fake_panel(seeds=2, samples=120, videos=10, protocols=("complete",))
    table = paper_table(found(panel, "complete"), settings(metrics=("mae",)))
    cells = [row.cells[1] for row in table.rows]
    assert sum(cell.bold for cell in cells) == 1
    assert not any(cell.underlined for cell in cells)
    assert "no order is claimed" in table.caption


def test_points_are_chosen_by_coordinate(panel: Panel) -> None:
    results = found(panel, "complete", "inter-drop", "uncertain")
    table = paper_table(results, settings(metrics=("mae",), points=("0", "0.5", "0.5:0.5", "mean")))
    assert [c.group for c in table.columns[1:]] == [
        "complete", "inter-drop, 0", "inter-drop, 0.5", "inter-drop, mean", "uncertain, 0.5:0.5", "uncertain, mean",
    ]  # fmt: skip
    expected = found(panel, "uncertain")[0]
    scenario = next(s for s, x, y in zip(expected.scenarios, expected.points["x"], expected.points["y"], strict=True)
                    if (x, y) == (0.5, 0.5))  # fmt: skip
    lnln = next(row for row in table.rows if row.cells[0].value == "lnln")
    assert lnln.cells[5].value == pytest.approx(expected.estimates["lnln"].by_seed("mae", [scenario]).mean())
    with pytest.raises(InputError, match=r"unknown point of these protocols '0\.55'"):
        paper_table(results, settings(points=("0.55",)))
    with pytest.raises(InputError, match="unknown metric of these data sets 'f1_sims'"):
        paper_table(results, settings(metrics=("f1_sims",)))


def test_digits_follow_from_the_spread(panel: Panel) -> None:
    def column(spread: str) -> list[str]:
        table = paper_table(found(panel, "complete"), settings(metrics=("acc7",), spread=spread))
        return [f"{row.cells[1].text} {row.cells[1].interval.text if row.cells[1].interval else ''}"
                for row in table.rows if row.cells[0].value != "constant"]  # fmt: skip

    for text in column("interval"):  # some per cent wide: two digits of half the width
        value, low, high = text.replace("[", "").replace("]", "").replace(",", "").split()
        assert len(value.partition(".")[2]) == len(low.partition(".")[2]) == len(high.partition(".")[2]) == 1
    assert all(" ± " in text for text in column("sd"))
    records = paper_table(found(panel, "complete"), settings(metrics=("acc7",))).records()
    values = [row["mosi/official complete mean acc7"] for row in records]
    assert any(len(str(value)) > 8 for value in values)  # full precision in the CSV


def test_the_rest_is_in_the_notes(panel: Panel) -> None:
    table = paper_table(found(panel, "inter-drop"), settings(metrics=("mae",)))
    assert f"{table.title}. {table.caption}".count(". ") == 1
    for words in ("12 videos", "bootstrap over videos (40 draws)", "mean absolute error", "corrected for all pairs"):
        assert words in table.notes


def wide(panel: Panel) -> Table:
    other = dataclasses.replace(panel, dataset="mine")
    results = [*found(panel, "complete", "inter-drop", "uncertain"), *found(other, "inter-drop", "uncertain")]
    return paper_table(results, settings(metrics=("mae", "corr", "acc7", "f1_non0"), spread="interval"))


def test_it_fits_a_page_of_two_columns(panel: Panel, tmp_path: Path) -> None:
    table = wide(panel)
    assert table.latex().count(r"\begin{tabular}") > 1
    assert table.latex().count(r"\begin{table*}") == 1
    log = compile_latex("pdflatex", table.latex("tab:wide"), tmp_path)
    assert "Overfull" not in log


def test_a_wide_table_of_any_kind_fits_a_page_of_two_columns(panel: Panel, tmp_path: Path) -> None:
    from benchmark.tables.by_scenario import scenarios_table

    log = compile_latex("pdflatex", scenarios_table(found(panel, "uncertain")[0]).latex("tab:u"), tmp_path)
    assert "Overfull" not in log


def test_html_and_markdown_have_three_heads(panel: Panel) -> None:
    table = paper_table(found(panel, "complete", "inter-drop"), settings(metrics=("mae", "corr")))
    html = table.html()
    assert html.count("<tr>") == 3 + len(table.rows)
    assert '<th scope="col" class="left" rowspan="3">Model</th>' in html
    assert '<th scope="colgroup" class="center" colspan="4">CMU-MOSI</th>' in html
    assert "CMU-MOSI<br>complete<br>MAE ↓" in table.markdown()
