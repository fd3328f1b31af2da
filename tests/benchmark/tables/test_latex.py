"""The LaTeX of tables compiles, whatever the names in it are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmark.tables.table import Cell, Column, Footnote, Interval, Row, Table
from tests.benchmark.fake_panel import fake_panel, leaderboard

HOSTILE = (
    r"a_b&c%",
    r"\input{x}",
    r"\end{tabular}\end{document}",
    "$x^2$ #1 {open",
    "}close",
    "~^\\",
    "[2em]",
    "*",
    "<a> | \"q\" `b` 'c'",
    "--- ,,x''",
    "Ü ß é ł Ž ñ œ ø – — “q” …",
    "模型 αβ Ж 🙂 ẞ",
    "e\u0301 x\u0338 \u200b\u202e",
    "tab\there\nnew",
    "±×≤↑Δ−",
)
PREAMBLE = r"""\documentclass[twocolumn]{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\usepackage[normalem]{ulem}
\begin{document}
"""


def compile_latex(engine: str, body: str, folder: Path) -> str:
    """The log; skips when the engine or a package is not installed, fails when the document does not compile."""
    if not shutil.which(engine) or not shutil.which("kpsewhich"):
        pytest.skip(f"{engine} is not installed; install a TeX distribution to check that tables compile")
    for package in ("booktabs.sty", "ulem.sty"):
        if subprocess.run(["kpsewhich", package], capture_output=True, check=False).returncode:
            pytest.skip(
                f"the LaTeX package {package} is not installed (Debian: texlive-latex-recommended, plain-generic)"
            )
    (folder / "t.tex").write_text(PREAMBLE + body + "\n\\end{document}\n", encoding="utf-8")
    command = [engine, "--interaction=nonstopmode", "--halt-on-error", "--no-shell-escape", "--draftmode", "t.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=100, check=False)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-3000:]
    return log


def hostile_table() -> Table:
    columns = (
        Column("a", HOSTILE[0], "left"),
        Column("b", HOSTILE[1], group=HOSTILE[3]),
        Column("c", HOSTILE[2], group=HOSTILE[3], interval="shown"),
    )
    rows = tuple(
        Row((Cell(name), Cell(name, bold=True, note=name), Cell(name, struck=True, interval=Interval(0, 1, name))))
        for name in HOSTILE
    )
    return Table(HOSTILE[0], columns, rows, tuple(Footnote(name, name) for name in HOSTILE), " ".join(HOSTILE))


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_hostile_names_compile_and_are_printed(engine: str, tmp_path: Path) -> None:
    table = hostile_table()
    if engine == "lualatex":  # slow to start: few rows
        table = Table("T", table.columns, table.rows[:3] + table.rows[11:12])
    (tmp_path / "x.tex").write_text(r"\errmessage{this file must not be read}")
    compile_latex(engine, table.latex("tab:hostile"), tmp_path)


def test_a_leaderboard_compiles_and_fits_the_page(tmp_path: Path) -> None:
    panel = fake_panel(samples=60, videos=4, protocols=("inter-drop",), mask_informed=frozenset({"lnln"}))
    table = leaderboard(panel, draws=30)
    log = compile_latex("pdflatex", table.latex("tab:main"), tmp_path)
    assert r"\begin{table*}" in table.latex()
    assert "Overfull \\hbox" not in log


def test_latex_asks_for_no_package_beside_those_named() -> None:
    text = hostile_table().latex()
    commands = {"\\toprule", "\\midrule", "\\bottomrule", "\\cmidrule", "\\sout"}  # booktabs and ulem
    for command in commands:
        assert command in text
    assert "\\usepackage" not in text
    for foreign in ("\\resizebox", "\\makecell", "\\multirow", "\\begin{threeparttable}", "\\SI{"):
        assert foreign not in text


def wide_table(titles: list[str]) -> Table:
    columns = (
        Column("model", "Model", "left"),
        *(Column(t, t, group=t[:5] if t[5:] else "", interval="shown") for t in titles),
    )
    cells = [Cell("late-fusion-dropout"), *(Cell("0.88", 0.88) for _ in titles)]
    return Table("wide", columns, (Row(tuple(cells)),))


def test_a_table_that_is_too_wide_is_split_evenly_and_groups_stay_whole() -> None:
    titles = [letter * 5 for letter in "abcdefghijk"]  # 11 columns of 7 characters: one more than fit
    heads = [line for line in wide_table(titles).latex().splitlines() if line.startswith("    Model")]
    assert [line.count("&") for line in heads] == [6, 5]
    grouped = [*titles[:9], "jjjjj1", "jjjjj2"]
    lines = wide_table(grouped).latex().splitlines()
    assert sum("{jjjjj}" in line for line in lines) == 1


def test_an_interval_without_text_leaves_nothing() -> None:
    columns = (Column("m", "M", interval="shown"),)
    table = Table("t", columns, (Row((Cell("0.45", 0.45, interval=Interval(0.3, 0.6, "")),)),))
    assert "scriptsize" not in table.latex()
