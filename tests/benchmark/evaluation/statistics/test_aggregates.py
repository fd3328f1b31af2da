"""Aggregates of a protocol: closed forms, and intervals that divide draw by draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import trapezoid

from benchmark.evaluation.statistics import (
    Estimates,
    aggregates,
    auilc,
    relative_error,
    resample,
    retention,
    skill,
    worst,
)
from protocols import InputError
from tests.benchmark.evaluation.statistics.made_up import study

RATES = np.array([0.0, 0.1, 0.3, 0.6, 1.0])
NAMES = [f"sc{j}" for j in range(5)]


def test_aggregates_by_hand() -> None:
    assert auilc([0, 0.5, 1.0], [1.0, 1.0, 1.0]) == pytest.approx(1.0)
    assert auilc([0.5, 0.0, 0.1], [0.0, 1.0, 1.0]) == pytest.approx((0.1 + 0.2) / 0.5)
    np.testing.assert_allclose(auilc([0, 0.9], [[1.0, 0.0], [2.0, 4.0]]), [0.5, 3.0])
    np.testing.assert_allclose(retention([0.4, 0.2], 0.8), [0.5, 0.25])
    of_mean, mean_of = retention(np.mean([0.4, 0.2]), 0.8), np.mean(retention([0.4, 0.2], 0.8))
    assert of_mean == pytest.approx(mean_of)
    assert np.isnan(retention(0.4, 0.0))
    np.testing.assert_allclose(skill([0.0, 1.5, 3.0], 1.5, "mae"), [1.0, 0.0, -1.0])
    assert skill(0.75, 0.5, "acc7") == pytest.approx(0.5)
    assert worst([0.2, 0.9], "mae") == 0.9
    assert worst([0.2, 0.9], "acc7") == 0.2
    assert relative_error([1.0, 3.0], [2.0, 2.0]) == pytest.approx(1.0)
    for x in ([0.1], [0.1, 0.1], [0.1, 0.2, 0.3]):
        with pytest.raises(InputError):
            auilc(x, [1.0, 2.0])


def decay(seeds: int = 3, videos: int = 20, key: int = 0) -> dict[str, Estimates]:
    """Labels of -2 or 2; every model falls from its own noise to the constant 0 along the rates."""
    rng = np.random.default_rng(key)
    label = np.where(rng.random(160) < 0.5, -2.0, 2.0)
    noise = {"good": 0.3, "bad": 0.9, "constant": 0.0}
    rows = [(m, s, j) for m in noise for s in range(seeds) for j in range(5)]
    said = [
        np.zeros(160) if m == "constant" else (1 - RATES[j]) * (label + noise[m] * rng.normal(size=160))
        for m, _, j in rows
    ]
    cells = pd.DataFrame([(m, s, NAMES[j]) for m, s, j in rows], columns=["model", "seed", "scenario"])
    return resample(label, (np.arange(160) % videos).astype(str), cells, np.stack(said), draws=400)


def every(result: dict[str, Estimates], metric: str, **changes: object) -> pd.DataFrame:
    arguments = {"x": RATES, "complete": "sc0", "constant": "constant", "baseline": "bad", **changes}
    return aggregates(result, metric, NAMES, **arguments).set_index(["model", "aggregate"])


@pytest.mark.parametrize("metric", ["mae", "corr", "acc7"])
def test_values_follow_from_the_printed_means(metric: str) -> None:
    result = decay()
    table = every(result, metric)
    curve = {m: e.values[:, :, e.metrics.index(metric)].mean(axis=0) for m, e in result.items()}
    perfect = 0.0 if metric == "mae" else 1.0
    for model, own in curve.items():
        base, start = curve["bad"], curve["constant"]
        expected = {
            "mean": own.mean(),
            "auilc": trapezoid(own, RATES),
            "worst": own.max() if metric == "mae" else own.min(),
            "retention": own.mean() / own[0] if own[0] else np.nan,
            "skill": (own.mean() - start.mean()) / (perfect - start.mean()),
            "relative_error": np.mean(np.abs(perfect - own) / np.abs(perfect - base)),
        }
        assert table.loc[model, "value"].to_dict() == pytest.approx(expected, nan_ok=True), model
    known = table.dropna(subset="value")
    assert (known["low"] <= known["high"]).all()
    inside = known.drop(index="worst", level="aggregate")
    assert ((inside["low"] <= inside["value"] + 1e-9) & (inside["value"] <= inside["high"] + 1e-9)).all()


def test_a_model_relative_to_itself_is_certain() -> None:
    table = every(decay(), "mae")
    for key, value in (
        (("constant", "skill"), 0.0),
        (("bad", "relative_error"), 1.0),
        (("constant", "retention"), 1.0),
    ):
        assert table.loc[key, ["value", "low", "high"]].tolist() == pytest.approx([value] * 3, abs=1e-12)


def test_quotients_are_paired_by_video() -> None:
    """Hard videos are hard for both models: their share cancels, draw by draw, though not in two separate intervals."""
    rng = np.random.default_rng(2)
    owner = np.arange(300) % 30
    hard = rng.gamma(2, 0.5, 30)[owner]
    cells = pd.DataFrame([(m, s, "c") for m in "ab" for s in range(3)], columns=["model", "seed", "scenario"])
    said = np.stack([factor * hard * rng.uniform(0.95, 1.05, 300) for factor in (1, 1, 1, 2, 2, 2)])
    result = resample(np.zeros(300), owner.astype(str), cells, said)
    table = aggregates(result, "mae", ["c"], baseline="b").set_index(["model", "aggregate"])
    quotient = table.loc[("a", "relative_error")]
    assert quotient["low"] < 0.5 < quotient["high"]
    relative = (table["high"] - table["low"]) / table["value"]
    assert relative["a", "relative_error"] < 0.1 * relative["a", "mean"]


def test_only_what_was_asked_for_is_there() -> None:
    table = aggregates(decay(), "mae", NAMES)
    assert table["aggregate"].unique().tolist() == ["mean", "worst"]
    assert table.columns.tolist() == ["model", "aggregate", "value", "low", "high", "flag"]
    assert every(decay(), "mae").loc["good"].index.tolist() == [
        "mean", "auilc", "worst", "retention", "skill", "relative_error",
    ]  # fmt: skip


def test_a_hole_takes_with_it_what_depends_on_it_and_nothing_else() -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 1.2, "c": 2.0}, scenarios=5)

    def flags(model: str, scenario: str) -> pd.Series:
        kept = ~((cells["model"] == model) & (cells["seed"] == 1) & (cells["scenario"] == scenario)).to_numpy()
        result = resample(label, owner, cells[kept], said[kept], draws=20)
        table = aggregates(result, "mae", NAMES[1:], x=RATES[1:], complete="sc0", constant="c", baseline="b").set_index(
            ["model", "aggregate"]
        )
        assert table.loc[table["flag"] == "hole", ["value", "low", "high"]].isna().all(axis=None)
        assert table.loc[table["flag"] == "", ["value", "low", "high"]].notna().all(axis=None)
        return table["flag"]

    found = flags("a", "sc2")
    assert (found["a"] == "hole").all()
    assert (found[["b", "c"]] == "").all()
    found = flags("a", "sc0")
    assert found[found == "hole"].index.tolist() == [("a", "retention")]
    found = flags("c", "sc3")
    assert (found["a"] == "hole").to_dict() == {name: name == "skill" for name in found["a"].index}
    found = flags("b", "sc3")
    assert (found["c"] == "hole").to_dict() == {name: name == "relative_error" for name in found["c"].index}


def test_undefined_aggregates_are_flagged() -> None:
    result = decay()
    table = every(result, "corr")  # the constant's correlation is 0 everywhere
    assert table.loc[("constant", "retention"), "flag"] == "undefined"
    assert np.isnan(table.loc[("constant", "retention"), "value"])
    assert table.loc[("constant", "mean"), "value"] == 0
    label = np.array([0.0] * 17 + [1.0, 1.0, -1.0])  # draws without a label other than 0 have no Non0 accuracy
    cells = pd.DataFrame({"model": "m", "seed": range(3), "scenario": "c"})
    said = np.random.default_rng(0).normal(size=(3, 20))
    own = resample(label, (np.arange(20) // 2).astype(str), cells, said, draws=200)
    row = aggregates(own, "acc2_non0", ["c"]).iloc[0]
    lost = int(np.isnan(own["m"].draws[:, 0, own["m"].metrics.index("acc2_non0")]).sum())
    assert lost > 0
    assert row["flag"] == f"{lost} of 200 draws left out"
    assert np.isfinite([row["value"], row["low"], row["high"]]).all()


def test_intervals_over_one_seed_or_video_are_flagged() -> None:
    for seeds, videos, flag in ((1, 20, "videos only"), (3, 1, "seeds only"), (1, 1, "no interval")):
        table = every(decay(seeds, videos), "mae")
        assert (table["flag"] == flag).all()
        assert table["low"].isna().all() == (flag == "no interval")


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.float64, st.integers(2, 9), elements=st.floats(0, 1, width=16), unique=True),
    st.floats(-2, 2),
    st.floats(-2, 2),
)
def test_the_area_under_a_line_is_its_middle(rates: np.ndarray, start: float, slope: float) -> None:
    expected = start + slope * (rates.min() + rates.max()) / 2
    assert auilc(rates, start + slope * rates) == pytest.approx(expected, abs=1e-9)


def test_bad_arguments_are_refused_in_one_line() -> None:
    result = decay()
    for words, changes in (
        ("one rate per scenario", {"x": RATES[:3]}),
        ("different rates", {"x": np.zeros(5)}),
        ("constnat", {"constant": "constnat"}),
        ("did you mean bad", {"baseline": "bda"}),
        ("level is 95", {"level": 95}),
    ):
        with pytest.raises(InputError, match=words) as caught:
            every(result, "mae", **changes)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="did you mean"):
        aggregates(result, "meae", NAMES)
    with pytest.raises(InputError, match="at least one"):
        aggregates(result, "mae", [])
