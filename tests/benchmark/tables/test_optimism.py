"""Tables of optimism, from made-up panels: differences with their sign, and places that change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.statistics.precision import t_quantile
from benchmark.tables.optimism import optimism, rank_changes
from protocols import InputError
from tests.benchmark.fake_panel import fake_panel, without


def selected_on_test(panel: Panel, **changes: object) -> Panel:
    points = panel.points[panel.points["protocol"] == "intra-random"]
    fields = {"selection": "test-oracle", "points": points, "notes": ("Not a result.",), **changes}
    return replace(panel, **fields)  # type: ignore[arg-type]


def test_the_table_gives_differences_with_their_sign_and_says_what_it_is() -> None:
    honest = fake_panel(samples=120, videos=12)
    better = selected_on_test(honest, predictions=honest.label + (honest.predictions - honest.label) / 2)
    table = optimism(honest, {"mae": better, "corr": selected_on_test(honest)}, draws=100)
    names = [c.name for c in table.columns]
    for row in table.rows:
        cells = dict(zip(names, row.cells, strict=True))
        whole, half, difference = (float(str(cells[f"mae_{c}"].value)) for c in ("honest", "oracle", "optimism"))
        assert half == pytest.approx(whole / 2)
        assert difference == pytest.approx(half - whole)
        interval = cells["mae_optimism"].interval
        assert interval is not None
        assert interval.low < difference < interval.high < 0  # paired: halving errors is certain to help
        assert cells["corr_optimism"].value == 0
    for text in (table.markdown(), table.latex(), table.html(), table.title, table.caption):
        assert "selected on the test set" in text
    order = [row.cells[0].text for row in table.rows]
    values = [float(str(row.cells[names.index("mae_honest")].value)) for row in table.rows]
    assert values == sorted(values)
    assert "constant" in order
    assert "oracle" not in order
    (mark,) = (note.mark for note in table.footnotes if "where Corr is 0 by definition" in note.text)
    marked = {row.cells[0].text for row in table.rows if row.cells[names.index("corr_oracle")].note == mark}
    assert marked == {"constant"}
    with pytest.raises(InputError, match="expected 'valid'"):
        optimism(better, {"mae": better})
    with pytest.raises(InputError, match="expected 'test-oracle'"):
        optimism(honest, {"mae": honest})


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_is_students_over_the_optimism_of_each_seed(seeds: int) -> None:
    """Both sides are the same trainings: with videos that are all alike, S differences are all that is known."""
    honest = fake_panel(("lnln",), seeds, ("intra-random",), samples=60, videos=6)
    rng = np.random.default_rng(seeds)
    error, gain = 1.5 + 0.1 * rng.normal(size=seeds), 0.2 + 0.05 * rng.normal(size=seeds)
    seed = honest.cells["seed"].to_numpy()
    before, after = (honest.label + own[seed, None] for own in (error, error - gain))
    honest = replace(honest, predictions=before)
    table = optimism(honest, {"mae": selected_on_test(honest, predictions=after)}, draws=4000)
    interval = table.rows[0].cells[[c.name for c in table.columns].index("mae_optimism")].interval
    assert interval is not None
    half = t_quantile(0.95, [seeds - 1])[0] * gain.std(ddof=1) / np.sqrt(seeds)
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.08)
    assert (interval.high + interval.low) / 2 == pytest.approx(-gain.mean(), abs=0.1 * half)


def order_changes(honest: Panel, oracle: Panel) -> pd.DataFrame:
    scenarios = [str(name) for name in oracle.points["scenario"]]
    sides = (honest.estimates(scenarios, ["mae"], draws=1), oracle.estimates(scenarios, ["mae"], draws=1))
    return rank_changes({"mae": sides}, scenarios)


def test_changes_of_place_are_counted() -> None:
    honest = fake_panel(("audio-only", "vision-only", "lnln"), samples=120, videos=12)
    perfect = honest.predictions.copy()
    first = (honest.cells["model"] == "audio-only").to_numpy()
    perfect[first] = honest.label
    table = order_changes(honest, selected_on_test(honest, predictions=perfect)).set_index("model")
    assert table["oracle_place"]["audio-only"] == 1
    assert table["honest_place"]["audio-only"] == 3
    assert table["tau"].tolist() == [pytest.approx(-1 / 3)] * 3  # two of three pairs are turned round
    with_hole = without(selected_on_test(honest), model="lnln", seed=1, scenario=honest.cells["scenario"].iloc[0])
    both = order_changes(honest, with_hole)
    assert "audio-only" in both["model"].tolist()


@pytest.mark.parametrize("models", [("lnln",), ("lnln", "audio-only")])
def test_orders_without_a_pair_that_differs_have_no_tau(models: tuple[str, ...]) -> None:
    honest = fake_panel(models, samples=120, videos=12)
    perfect = selected_on_test(honest, predictions=np.broadcast_to(honest.label, honest.predictions.shape))
    assert order_changes(honest, perfect)["tau"].isna().all()
