"""Printed decimals: as many as intervals justify."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.evaluation.kinds import decimals_for
from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.tables.aggregates import aggregates_table
from benchmark.tables.by_scenario import scenarios_table
from benchmark.tables.cells import number, ratio
from benchmark.tables.leaderboard import leaderboard_table
from benchmark.tables.table import Table
from tests.benchmark.fake_panel import fake_panel


@pytest.mark.parametrize(
    ("halves", "most", "significant", "decimals"),
    [
        ([0.05], 3, 2, 3),
        ([0.5], 3, 2, 2),
        ([3.0], 3, 2, 1),
        ([45.0], 3, 2, 0),
        ([0.5, 0.05, np.nan], 3, 2, 3),
        ([0.5, 0.0001], 3, 2, 2),  # printed as 0
        ([0.5], 3, 1, 1),
        ([0.0001], 3, 2, 3),
        ([], 3, 2, 3),
    ],
)
def test_two_digits_of_the_narrowest(halves: list[float], most: int, significant: int, decimals: int) -> None:
    assert decimals_for(np.array(halves), most, significant) == decimals


def test_shares_are_measured_in_per_cent() -> None:
    assert METRICS["acc7"].decimals_for([0.015]) == 1
    assert METRICS["acc7"].decimals_for([0.004]) == 2
    assert METRICS["mae"].decimals_for([0.15]) == 2
    assert number("acc7", 0.28971, 0.2746, 0.3046).text == "29.0"
    assert number("acc7", 0.28971).text == "28.97"
    assert ratio(0.71234, 0.5, 0.9).text == "0.71"
    assert ratio(0.71234).text == "0.712"


def decimals(table: Table, columns: list[str]) -> dict[str, set[int]]:
    """Decimals of the values and intervals of columns."""
    found: dict[str, set[int]] = {}
    for name in columns:
        at = [column.name for column in table.columns].index(name)
        cells = [row.cells[at] for row in table.rows]
        texts = [
            text for c in cells for text in (c.text, *(c.interval.text.strip("[]").split(", ") if c.interval else []))
        ]
        found[name] = {len(text.partition(".")[2]) for text in texts}
    return found


def test_a_column_has_one_number_of_decimals_and_the_csv_all() -> None:
    few = fake_panel(("constant", "late-fusion-dropout", "lnln"), 3, ("complete", "intra-random"), samples=60, videos=5)
    many = fake_panel(("constant", "late-fusion-dropout", "lnln"), 3, ("complete", "intra-random"), 3000, 200)
    for panel, mae, acc7 in ((few, 2, 1), (many, 3, 2)):
        results = ProtocolResults.of(panel, "intra-random", draws=100)
        board = leaderboard_table(results)
        assert decimals(board, ["mae", "acc7"]) == {"mae": {mae}, "acc7": {acc7}}
        assert min(len(str(record["mae"])) for record in board.records()) > 10
        assert decimals(scenarios_table(results), ["mean"]) == {"mean": {mae}}
    sums = aggregates_table(ProtocolResults.of(few, "intra-random", draws=100))
    assert all(len(found) == 1 for found in decimals(sums, ["mean", "worst", "skill"]).values())
