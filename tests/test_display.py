"""Large objects are shown in a line, and in notebooks as a table whose texts are escaped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sentibench as sb
from benchmark.data.sources import load
from benchmark.publishing.figures import draw
from benchmark.publishing.tables import Report
from benchmark.results.study_results import StudyResults
from benchmark.runs.executors import InlineExecutor
from benchmark.study.running import run
from benchmark.study.study import make_study
from benchmark.tables.table import Cell, Column, Row, Table
from tests.benchmark.fake_panel import fake_panel
from tests.samples import make_samples

HOSTILE = "<script>alert(1)</script>"


def objects(folder: Path) -> dict[str, Any]:
    samples = replace(make_samples(words=False), name=HOSTILE)
    panel = replace(fake_panel(("constant", HOSTILE), samples=30, videos=5), dataset=HOSTILE)
    table = Table(HOSTILE, (Column("model", "Model", "left"),), (Row((Cell(HOSTILE),)),))
    data = load(samples.save("toy").name)
    study = make_study({"datasets": ["toy"], "models": ["constant"], "protocols": ["complete"], "seeds": 1})
    made = run(study, folder, InlineExecutor())
    failed = made.records[0].model_copy(update={"status": "failed", "error": HOSTILE})
    return {
        "samples": samples,
        "dataset": data,
        "masks": sb.parse("drop(rate=0.5)").masks(data, split="test"),
        "panel": panel,
        "results": StudyResults(HOSTILE, (panel,)),
        "table": table,
        "report": Report((), (), {}),
        "outcome": replace(made, records=(failed,)),
    }


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        return objects(tmp_path_factory.mktemp("runs"))


NAMES = ("samples", "dataset", "masks", "panel", "results", "table", "report", "outcome")


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_short_and_pages_escaped(shown: dict[str, Any], name: str) -> None:
    text, page = repr(shown[name]), shown[name]._repr_html_()
    assert text.startswith("<")
    assert len(text) < 700
    assert "\n" not in text
    assert "<script>" not in page
    hostile = name in ("samples", "panel", "results", "table", "outcome")
    assert ("&lt;script&gt;" in page) == hostile


def test_samples_and_masks_are_described(shown: dict[str, Any]) -> None:
    samples = repr(shown["samples"])
    assert "samples 60; videos " in samples
    assert "audio vectors of 5, " in samples
    assert "missing in " in samples
    assert repr(shown["masks"]).startswith("<masks: samples ")
    assert "% left" in repr(shown["masks"])


def test_figures_are_drawn_without_files_and_shown_together() -> None:
    panel = fake_panel(("constant", "lnln"), samples=30, videos=5)
    figures = draw(StudyResults("mine", (panel,)), protocol="inter-drop")
    (figure,) = figures
    assert figure.get_label() == "synthetic_official-inter-drop"
    assert figures._repr_html_().startswith('<img alt="synthetic_official-inter-drop" src="data:image/png;base64,')
