"""Intervals, beside closed forms and scipy's bootstrap where these answer the same question."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from benchmark.evaluation.statistics import Estimates, aggregates, confidence_intervals, interval, resample
from benchmark.evaluation.statistics.precision import (
    mean_of_curve,
    mean_quantities,
    quantity,
    t_quantile,
    two_sided_p,
)
from protocols import InputError
from tests.benchmark.evaluation.statistics.made_up import study


def test_ignoring_videos_would_be_too_sure() -> None:
    rng = np.random.default_rng(4)
    owner = np.repeat([f"v{i}" for i in range(20)], 20)
    said = 5 + rng.normal(size=20).repeat(20)[None, :] + 0.1 * rng.normal(size=(3, 400))
    cells = pd.DataFrame({"model": "m", "seed": range(3), "scenario": "complete"})
    widths = []
    for clusters in (owner, np.arange(400).astype(str)):
        row = confidence_intervals(resample(np.zeros(400), clusters, cells, said, metrics=["mae"])).iloc[0]
        widths.append(row["high"] - row["low"])
    assert widths[0] > 2.5 * widths[1]


@pytest.mark.parametrize(
    ("seeds", "videos", "flag"), [(1, 8, "videos only"), (3, 1, "seeds only"), (1, 1, "no interval"), (2, 2, "")]
)
def test_intervals_over_one_seed_or_video_are_flagged(seeds: int, videos: int, flag: str) -> None:
    table = confidence_intervals(resample(*study({"a": 1.0}, seeds, videos=videos), draws=100))
    assert set(table["flag"]) == {flag}
    mae = table[table["metric"] == "mae"]
    assert mae["low"].isna().all() == (flag == "no interval")
    if flag:
        assert (mae["sd"].isna() == (seeds == 1)).all()
    if flag != "no interval":
        assert (mae["high"] > mae["low"]).all()


def test_an_interval_leaves_out_draws_without_a_value() -> None:
    draws = np.arange(101.0)
    low, high = interval(np.r_[draws, np.nan], 0.9)
    assert [float(low), float(high)] == pytest.approx([5.0, 95.0])
    assert np.isnan(interval(np.full(4, np.nan))).all()
    with pytest.raises(InputError):
        interval(draws, 95)


def one_model(said: np.ndarray, owner: np.ndarray, draws: int = 20_000) -> dict[str, Estimates]:
    """Labels of 0, so that MAE is the mean size of `said (S, n)`."""
    cells = pd.DataFrame({"model": "m", "seed": range(len(said)), "scenario": "complete"})
    return resample(np.zeros(said.shape[1]), owner.astype(str), cells, said, draws=draws)


def test_one_seed_gives_the_interval_of_a_mean() -> None:
    errors = np.random.default_rng(0).gamma(4.0, 0.3, 400)
    row = confidence_intervals(one_model(errors[None], np.arange(400))).set_index("metric").loc["mae"]
    closed = stats.t.interval(0.95, 399, errors.mean(), errors.std(ddof=1) / 20)
    resampled = stats.bootstrap(
        (errors,), np.mean, n_resamples=20_000, method="percentile", random_state=np.random.default_rng(1)
    ).confidence_interval
    for expected in (closed, resampled):
        assert [row["low"], row["high"]] == pytest.approx(list(expected), abs=0.004)  # of a width of 0.12


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_one_video_gives_the_t_interval_of_a_mean_over_seeds(seeds: int) -> None:
    said = 10 + np.linspace(1.0, 1.4, seeds)[:, None] ** 2 + np.zeros((1, 10))
    row = confidence_intervals(one_model(said, np.zeros(10))).set_index("metric").loc["mae"]
    values = said[:, 0]
    reach = stats.t.ppf(0.975, seeds - 1) * values.std(ddof=1) / np.sqrt(seeds)
    assert row["high"] - row["low"] == pytest.approx(2 * reach, rel=0.03)
    assert row["flag"] == "seeds only"


def test_intervals_end_where_the_metric_ends() -> None:
    said = np.array([[1.0] * 9 + [-1.0], [1.0] * 10])  # accuracies of 0.9 and 1: t with one degree of freedom
    table = confidence_intervals(one_model(said, np.arange(10), draws=400)).set_index("metric")
    assert 0 <= table.loc["acc2_has0", "low"] < 0.5
    assert 0.99 < table.loc["acc2_has0", "high"] <= 1
    assert (table.drop(index="corr")["low"].dropna() >= 0).all()
    assert (table["low"].dropna() <= table["value"].dropna()).all()


def test_a_share_of_independent_samples_has_the_interval_of_wilson() -> None:
    for right in (400, 396, 120):
        said = np.where(np.arange(400) < right, 1.0, -1.0)
        cells = pd.DataFrame({"model": "m", "seed": [0], "scenario": "c"})
        result = resample(np.zeros(400), np.arange(400).astype(str), cells, said[None], metrics=["acc2_has0"])
        row = confidence_intervals(result).iloc[0]
        expected = proportion_confint(right, 400, method="wilson")
        assert [row["low"], row["high"]] == pytest.approx(list(expected), abs=0.003), right
        assert row["flag"] == ("videos only; boundary" if right == 400 else "videos only")


def test_a_share_of_one_is_not_certain() -> None:
    """14 samples of 7 videos, all right: each video counts as one sample, and errors of 0 have no interval."""
    label = np.linspace(-3, 3, 14)
    cells = pd.DataFrame({"model": "m", "seed": range(3), "scenario": "c"})
    result = resample(label, (np.arange(14) // 2).astype(str), cells, np.tile(label, (3, 1)), draws=50)
    table = confidence_intervals(result).set_index("metric")
    assert (table["flag"] == "boundary").all()
    t = stats.t.ppf(0.975, 6)
    for metric, row in table.iterrows():
        if metric in ("mae", "corr"):
            assert np.isnan([row["low"], row["high"]]).all()
        else:
            assert [row["low"], row["high"]] == pytest.approx([7 / (7 + t * t), 1.0])
    sums = aggregates(result, "acc7", ["c"]).set_index("aggregate")
    assert sums.loc["mean", ["low", "high"]].tolist() == pytest.approx([7 / (7 + t * t), 1.0])
    assert sums.loc["mean", "flag"] == "boundary"


def test_a_correlation_of_independent_samples_has_the_interval_of_fisher() -> None:
    rng = np.random.default_rng(5)
    for strength in (0.3, 2.0, 6.0):
        label = rng.normal(0, 1, 600)
        said = strength * label + rng.normal(0, 1, 600)
        cells = pd.DataFrame({"model": "m", "seed": [0], "scenario": "c"})
        result = resample(label, np.arange(600).astype(str), cells, said[None], metrics=["corr"])
        row = confidence_intervals(result).iloc[0]
        expected = stats.pearsonr(label, said).confidence_interval(0.95)
        assert [row["low"], row["high"]] == pytest.approx(list(expected), abs=0.15 * (expected.high - expected.low))


def test_a_constant_value_has_an_interval_without_width() -> None:
    row = confidence_intervals(one_model(np.ones((3, 12)), np.arange(12) // 3, draws=50)).set_index("metric").loc["mae"]
    assert row["low"] == row["high"] == row["value"] == 1.0


def test_a_higher_level_is_wider_and_a_group_is_the_mean_of_its_scenarios() -> None:
    result = resample(*study({"a": 1.0}), draws=300)
    narrow, wide = (confidence_intervals(result, {"both": ["sc0", "sc1"]}, level=v) for v in (0.8, 0.99))
    single = confidence_intervals(result)
    assert (wide["high"] - wide["low"] > narrow["high"] - narrow["low"]).all()
    by_scenario = single.pivot(index="metric", columns="group", values="value").mean(axis=1)
    assert wide.set_index("metric")["value"].to_dict() == pytest.approx(by_scenario.to_dict())
    with pytest.raises(InputError, match="level is 95"):
        confidence_intervals(result, level=95)


@pytest.mark.parametrize(("seeds", "videos"), [(1, 9), (2, 9), (9, 9), (3, 1)])
def test_means_of_all_metrics_at_once_are_those_one_by_one(seeds: int, videos: int) -> None:
    scenarios = [f"sc{j}" for j in range(20)]
    for own in resample(*study({"a": 1.0}, seeds, scenarios=20, videos=videos), draws=300).values():
        for chosen in (scenarios, scenarios[:1], [*scenarios[3:5], *scenarios[9:19]]):
            for name, found in mean_quantities(own, chosen).items():
                alone = quantity(mean_of_curve, [(own, chosen)], name)
                assert astuple(found) == pytest.approx(astuple(alone), rel=1e-13)


def test_a_metric_without_a_value_in_some_draws_leaves_them_out_among_others() -> None:
    label = np.r_[np.zeros(30), np.ones(2)]  # in some draws, the two labels other than 0 are missing
    cells = pd.DataFrame({"model": "a", "seed": range(3), "scenario": "complete"})
    said = np.random.default_rng(0).normal(size=(3, 32))
    own = resample(label, np.arange(32).astype(str), cells, said, draws=300)["a"]
    found = mean_quantities(own, ["complete"])
    assert found["acc2_non0"].lost > 0 == found["mae"].lost
    assert np.isfinite(found["acc2_non0"].variance)


def test_nothing_gives_an_empty_table() -> None:
    assert confidence_intervals({}).empty


DEGREES = np.array([1, 1.3, 2, 2.7, 4, 10, 30, 92, 500, 9000])


@pytest.mark.parametrize("t", [0.0, 0.5, 2.0, 8.0, np.inf])
def test_p_is_that_of_scipy(t: float) -> None:
    np.testing.assert_allclose(two_sided_p(t, DEGREES), 2 * stats.t.sf(t, DEGREES), rtol=1e-9)
    np.testing.assert_allclose(two_sided_p(-t, DEGREES), two_sided_p(t, DEGREES))
    assert two_sided_p(2.0, np.inf) == pytest.approx(2 * stats.norm.sf(2.0), rel=1e-3)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_t_quantiles_are_those_of_scipy(level: float) -> None:
    np.testing.assert_allclose(t_quantile(level, DEGREES), stats.t.ppf((1 + level) / 2, DEGREES), rtol=1e-9)
    assert t_quantile(level, np.inf) == pytest.approx(stats.norm.ppf((1 + level) / 2), rel=1e-3)
