"""Words in figures of many models neither touch nor overlap, whatever the width and the size of the font."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.evaluation.panel import Panel
from benchmark.figures.kinds import FIGURES, FigureRequest
from benchmark.figures.sheet import PrintLayout, print_layout
from benchmark.figures.writing import figure_style
from tests.benchmark.fake_panel import fake_panel, without
from tests.benchmark.figures.figure_checks import touching_texts

NAMES = ("constant", "text-only", "audio-only", "vision-only", "late-fusion-dropout", "almt", "lnln", "misa", "self-mm",
         "mmim", "my-model-with-a-long-name", "senti-ifusion", "oracle")  # fmt: skip
PROTOCOLS = ("complete", "intra-random", "inter-subsets", "uncertain", "noise")


@pytest.fixture(scope="module")
def panel() -> Panel:
    found = fake_panel(NAMES, 3, PROTOCOLS, samples=60, videos=6)
    return without(found, model="mmim", seed=1, scenario="random_positions(rate=0.3)")


@pytest.mark.parametrize("width", ["text", "column"])
@pytest.mark.parametrize("size", [8.0, 11.0])
@pytest.mark.parametrize("kind", ["curves", "heatmap", "subsets", "confusion", "cost", "ranks", "overview"])
def test_labels_do_not_touch(panel: Panel, kind: str, size: float, width: str) -> None:
    request = FigureRequest(Path(), (), width=width)
    with print_layout(PrintLayout(font_size=size)), figure_style():
        drawn = [figure for item in FIGURES.get(kind).items(panel, request) for figure in request.draw(panel, item)]
        assert drawn
        for figure in drawn:
            assert touching_texts(figure) == []
