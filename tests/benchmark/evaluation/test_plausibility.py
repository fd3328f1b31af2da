"""Models that are too good to be true are marked wherever they stand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmark.evaluation.panel import Bound, Panel
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.results import comparing
from benchmark.site import make_bundle
from benchmark.tables.aggregates import aggregates_table
from benchmark.tables.by_scenario import scenarios_table
from benchmark.tables.cost import cost_table
from benchmark.tables.leaderboard import leaderboard_table
from benchmark.tables.pairs import ALL, pairs_table
from benchmark.tables.table import Table
from tests.benchmark.fake_panel import fake_panel

MODELS = ("constant", "lnln", "mult", "leaks", "lucky", "oracle")
BEYOND = "better than the best possible prediction, beyond chance: check for leaks of test labels"


def leaking(error: float, **changes: object) -> Panel:
    """`leaks` knows the labels but for an error of that mean; `lucky` is the oracle with other noise, a hair nearer."""
    panel = fake_panel(MODELS, samples=240, videos=12, protocols=("complete", "inter-drop"), **changes)
    rng = np.random.default_rng(1)
    predictions = panel.predictions.copy()
    model = panel.cells["model"].to_numpy()
    predictions[model == "leaks"] = panel.label + error * rng.uniform(0, 2, len(panel.label))
    best = predictions[model == "oracle"]
    predictions[model == "lucky"] = best + 0.002 * np.sign(panel.label - best) + 0.05 * rng.normal(size=best.shape)
    return dataclasses.replace(panel, predictions=predictions)


def tables(panel: Panel) -> list[Table]:
    results = ProtocolResults.of(panel, "inter-drop", draws=200)
    return [
        leaderboard_table(results),
        scenarios_table(results, "corr"),
        aggregates_table(results, "acc2_non0"),
        cost_table(results),
        pairs_table(results, "mae", ALL),
    ]


def marked(table: Table, text: str) -> set[str]:
    """Names of the models that carry the mark of a footnote."""
    marks = {f.mark for f in table.footnotes if f.text.startswith(text)}
    return {c.text for row in table.rows for c in row.cells if marks & set(c.note.split(","))} if marks else set()


def test_a_model_that_is_better_than_the_oracle_is_marked_in_every_table() -> None:
    for table in tables(leaking(0.1)):
        assert marked(table, BEYOND) == {"leaks"}, table.title
        assert BEYOND in table.markdown()
        assert BEYOND in table.latex()


def test_it_is_said_where_two_models_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = leaking(0.1)
    monkeypatch.setattr(comparing, "panel_of", lambda *_: panel)
    found = comparing.compare("leaks", "lnln", Path("runs"), draws=100)
    assert [text for text in found.cautions if BEYOND in text] == [f"leaks: {BEYOND}"]
    assert not any(BEYOND in text for text in comparing.compare("mult", "lnln", Path("runs"), draws=100).cautions)


def test_it_is_marked_on_the_page() -> None:
    bundle = make_bundle("study", [leaking(0.1)], draws=100)
    names = [model["name"] for model in bundle["models"]]
    for protocol in bundle["tables"][0]["protocols"]:
        said = {names[m]: remarks for m, remarks in zip(protocol["models"], protocol["remarks"], strict=True)}
        assert [name for name, remarks in said.items() if BEYOND in remarks] == ["leaks"]


@pytest.mark.parametrize(("error", "flagged"), [(0.2, True), (0.29, False), (0.6, False)])
def test_a_bound_with_its_source_marks_what_is_below_it_beyond_chance(error: float, flagged: bool) -> None:
    panel = leaking(error, dataset="mosi")
    panel = dataclasses.replace(
        panel,
        cells=panel.cells[panel.cells["model"] != "oracle"].reset_index(drop=True),
        predictions=panel.predictions[(panel.cells["model"] != "oracle").to_numpy()],
    )
    assert not any(marked(table, "MAE below") for table in tables(panel))
    bounded = dataclasses.replace(panel, bound=Bound(0.3, "half of the lowest published MAE"))
    text = "MAE below 0.3, beyond chance, half of the lowest published MAE: check for leaks"
    for table in tables(bounded):
        assert marked(table, text) == ({"leaks"} if flagged else set()), table.title
