"""Figures for a paper: title and note in a file beside, height, size of labels, edges of bands, counted seeds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.evaluation.point_values import band_note
from benchmark.figures.curves import curve_data, plot_curves
from benchmark.figures.sheet import PRINT_LAYOUT, PrintLayout, print_layout
from tests.benchmark.fake_panel import fake_panel, without

PANEL = fake_panel(("constant", "lnln", "mult", "oracle"), samples=60, videos=4, protocols=("inter-drop",))


def drawn(out: Path, layout: PrintLayout) -> tuple[list[Path], str]:
    with print_layout(layout):
        files = plot_curves(curve_data(PANEL, draws=20), out, "The title", formats=["svg"], note="The note.")
    return files, files[-1].read_text()


def size(svg: str) -> tuple[float, float]:
    found = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    assert found is not None
    return float(found[1]), float(found[2])


def test_title_and_note_are_in_a_file_beside(tmp_path: Path) -> None:
    _, usual = drawn(tmp_path / "usual", PrintLayout())
    files, bare = drawn(tmp_path / "bare", PrintLayout(titled=False))
    assert [path.suffix for path in files] == [".csv", ".txt", ".svg"]
    caption = (tmp_path / "bare.txt").read_text()
    assert caption.startswith("The title\nThe note. Mean over 3 seeds. Bands:")
    assert "The title" in usual
    assert "The title" not in bare
    assert "The note." not in bare
    assert size(bare)[1] < size(usual)[1]
    assert not (tmp_path / "usual.txt").exists()


def test_height_and_font_size(tmp_path: Path) -> None:
    _, usual = drawn(tmp_path / "usual", PrintLayout())
    _, tall = drawn(tmp_path / "tall", PrintLayout(panel_height=4.0))
    assert size(tall)[1] == pytest.approx(size(usual)[1] + 72 * (4.0 - 2.05), abs=0.5)
    _, large = drawn(tmp_path / "large", PrintLayout(font_size=12.0))
    assert size(large)[0] == size(usual)[0]
    assert "font-size: 12px" in large
    assert "font-size: 12px" not in usual
    assert PRINT_LAYOUT.get() == PrintLayout()


def test_the_oracle_is_not_counted_among_seeds() -> None:
    one = without(without(PANEL, model="oracle", seed=1), model="oracle", seed=2)
    assert band_note(curve_data(one, draws=20)).startswith("Mean over 3 seeds.")
