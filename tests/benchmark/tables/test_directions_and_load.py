"""Directions of aggregates, and marks on times that were measured beside other processes."""

from __future__ import annotations

import dataclasses

import pytest

from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.tables.aggregates import aggregates_table
from benchmark.tables.cost import cost_table
from tests.benchmark.fake_panel import fake_panel, leaderboard


def test_aggregates_say_which_way_is_better() -> None:
    results = ProtocolResults.of(
        fake_panel(samples=60, videos=4, protocols=("complete", "inter-drop")), "inter-drop", draws=20
    )
    heads = {column.name: column.title.partition(" [")[0] for column in aggregates_table(results, "mae").columns}
    assert [heads[name] for name in ("mean", "auilc", "worst", "retention", "skill", "relative_error")] == [
        "Mean ↓", "AUILC ↓", "Worst ↓", "Retention ↓", "Skill ↑", "Relative error ↓",
    ]  # fmt: skip
    heads = {column.name: column.title.partition(" [")[0] for column in aggregates_table(results, "acc7").columns}
    assert [heads[name] for name in ("mean", "retention", "skill", "relative_error")] == [
        "Mean ↑", "Retention ↑", "Skill ↑", "Relative error ↓",
    ]  # fmt: skip


@pytest.mark.parametrize(("beside", "marked"), [(1.2, True), (0.1, False), (float("nan"), False)])
def test_times_measured_under_load_are_marked(beside: float, marked: bool) -> None:
    panel = fake_panel(samples=60, videos=4, protocols=("complete",))
    loaded = dataclasses.replace(panel, runs=panel.runs.assign(other_load=beside))
    for table in (cost_table(ProtocolResults.of(loaded, draws=20)), leaderboard(loaded, draws=20)):
        at = [column.name for column in table.columns].index("train_seconds")
        assert all(bool(row.cells[at].note) == marked for row in table.rows)
        assert any("other processes ran" in note.text for note in table.footnotes) == marked
