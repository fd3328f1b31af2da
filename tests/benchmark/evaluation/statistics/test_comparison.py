"""Differences of two models, beside scipy's t-tests where these answer the same question."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmark.evaluation.statistics import (
    FEW_VIDEOS,
    compare,
    compare_all,
    confidence_intervals,
    corrected,
    holm,
    resample,
)
from tests.benchmark.evaluation.statistics.made_up import study


def test_the_same_predictions_differ_by_nothing_when_seeds_are_paired() -> None:
    label, owner, cells, said = study({"a": 1.0})
    both = pd.concat([cells, cells.assign(model="b")], ignore_index=True)
    paired = resample(label, owner, both, np.r_[said, said], draws=100, paired_seeds=True)
    result = compare(paired["a"], paired["b"], "mae", ["sc0", "sc1"])
    assert result["difference"] == result["low"] == result["high"] == 0
    assert result["p"] == 1.0
    unpaired = resample(label, owner, both, np.r_[said, said], draws=100)
    assert compare(unpaired["a"], unpaired["b"], "mae", ["sc0"])["low"] < 0


@pytest.mark.parametrize("seeds", [1, 3])
def test_with_one_video_nothing_is_claimed(seeds: int) -> None:
    result = resample(*study({"a": 0.1, "b": 2.0}, seeds=seeds, videos=1), draws=50)
    row = compare(result["a"], result["b"], "mae", ["sc0"])
    assert row["difference"] < 0
    assert row[["low", "high", "p"]].isna().all()
    assert row["flag"] == ("one video" if seeds == 3 else "one video; few seeds")
    assert np.isnan(list(corrected(result, "mae", ["sc0"]).values())).all()


@pytest.mark.parametrize("seeds", [1, 3])
def test_nothing_is_claimed_in_a_metric_whose_samples_are_all_of_one_video(seeds: int) -> None:
    label, owner, cells, said = study({"a": 0.1, "b": 2.0}, seeds=seeds, videos=6)
    result = resample(np.where(owner == owner[0], label, 0.0), owner, cells, said, draws=500)
    row = compare(result["a"], result["b"], "acc2_non0", ["sc0"])
    assert np.isfinite(row["difference"])
    assert row[["low", "high", "p"]].isna().all()
    assert np.isnan(list(corrected(result, "acc2_non0", ["sc0"]).values())).all()
    table = confidence_intervals(result)
    found = table[table["metric"] == "acc2_non0"]
    assert found["value"].notna().all()
    assert found[["low", "high"]].isna().to_numpy().all()
    assert np.isfinite(compare(result["a"], result["b"], "mae", ["sc0"])["p"])


def test_few_videos_are_flagged() -> None:
    for videos in (2, FEW_VIDEOS - 1, FEW_VIDEOS):
        result = resample(*study({"a": 0.1, "b": 2.0}, videos=videos), draws=50)
        flag = compare(result["a"], result["b"], "mae", ["sc0"])["flag"]
        assert flag == ("few videos" if videos < FEW_VIDEOS else "")


def test_clear_differences_are_found_and_few_seeds_are_flagged() -> None:
    result = resample(*study({"good": 0.3, "bad": 2.0}, n=200, videos=20))
    row = compare(result["good"], result["bad"], "mae", ["sc0", "sc1"])
    assert row["high"] < 0
    assert row["p"] < 0.01
    assert row["flag"] == ""
    two = resample(*study({"good": 0.3, "bad": 2.0}, seeds=2, videos=20), draws=50)
    assert compare(two["good"], two["bad"], "mae", ["sc0"])["flag"] == "few seeds"


@settings(deadline=None, max_examples=60)
@given(arrays(np.float64, st.integers(0, 12), elements=st.floats(0, 1)))
def test_holm_is_monotone_bounded_and_never_smaller(p: np.ndarray) -> None:
    adjusted = holm(p)
    assert ((adjusted >= p) & (adjusted <= 1)).all()
    assert (adjusted <= np.minimum(1, len(p) * p) + 1e-12).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, np.nan, 0.03]), [0.03, 0.06, np.nan, 0.06])


def test_all_pairs_are_corrected_over_the_table() -> None:
    result = resample(*study({"a": 1.0, "b": 1.1, "c": 1.2}, n=150, videos=20), draws=1000)
    known = corrected(result, "mae", ["sc0"])
    alone = {pair: float(compare(result[pair[0]], result[pair[1]], "mae", ["sc0"])["p"]) for pair in known}
    assert len(known) == 6
    for (a, b), p in known.items():
        assert alone[a, b] < p <= min(3 * alone[a, b] + 0.03, 1)  # Bonferroni's, but for the draws
        assert p == known[b, a]
    assert corrected(result, "mae", ["sc0"], [("a", "c")])["a", "c"] == alone["a", "c"]  # chosen beforehand
    assert corrected(resample(*study({"a": 0.3}), draws=5), "mae", ["sc0"]) == {}


def errors(a: np.ndarray, b: np.ndarray, owner: np.ndarray, paired: bool = False) -> pd.Series:
    """Comparison of two models whose absolute errors are these, `(S, n)` each."""
    cells = pd.DataFrame(
        [(name, s, "c") for name, rows in (("a", a), ("b", b)) for s in range(len(rows))],
        columns=["model", "seed", "scenario"],
    )
    result = resample(
        np.zeros(a.shape[1]), owner.astype(str), cells, np.r_[a, b], metrics=["mae"], draws=40_000, paired_seeds=paired
    )
    return compare(result["a"], result["b"], "mae", ["c"])


def test_with_one_seed_it_is_the_paired_t_test_over_videos() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.gamma(4, 0.3, (2, 1, 40)) + rng.gamma(4, 0.3, 40)
    expected = stats.ttest_rel(a[0], b[0])
    found = errors(a, b, np.arange(40))
    assert found["p"] == pytest.approx(expected.pvalue, rel=0.03)
    assert [found["low"], found["high"]] == pytest.approx(list(expected.confidence_interval(0.95)), rel=0.03)
    assert found["flag"] == "few seeds"


def test_with_equal_videos_it_is_the_test_of_welch_over_seeds() -> None:
    a, b = np.array([[1.0], [1.3], [1.1]]), np.array([[1.5], [1.9], [1.2], [1.4]])
    expected = stats.ttest_ind(a[:, 0], b[:, 0], equal_var=False)
    found = errors(a.repeat(20, axis=1), b.repeat(20, axis=1), np.arange(20))
    assert found["p"] == pytest.approx(expected.pvalue, rel=1e-6)


def test_seeds_do_not_add_to_what_is_known_of_videos() -> None:
    """Twelve seeds on three videos: two degrees of freedom at most, though the seeds alone have 22."""
    rng = np.random.default_rng(0)
    a, b = rng.gamma(4, 0.3, (2, 12, 1)) + rng.gamma(4, 0.3, 3)
    found = errors(a, b, np.arange(3))
    t = stats.t.isf(found["p"] / 2, 2)
    assert found["high"] - found["difference"] == pytest.approx(stats.t.ppf(0.975, 2) * abs(found["difference"]) / t)


def test_paired_seeds_are_compared_seed_by_seed() -> None:
    a, b = np.array([[1.0], [1.3], [1.1], [2.0]]), np.array([[1.1], [1.45], [1.1], [2.25]])
    found = errors(a.repeat(20, axis=1), b.repeat(20, axis=1), np.arange(20), paired=True)
    assert found["p"] == pytest.approx(stats.ttest_rel(a[:, 0], b[:, 0]).pvalue, rel=1e-6)
    assert found["p"] < 0.5 * errors(a.repeat(20, axis=1), b.repeat(20, axis=1), np.arange(20))["p"]


@pytest.mark.parametrize("key", range(6))
def test_interval_and_p_never_contradict_each_other(key: int) -> None:
    result = resample(*study({"a": 1.0, "b": 1.0 + 0.1 * key}, key=key, n=100, videos=12), draws=300)
    for metric in ("mae", "corr", "acc2_non0"):
        row = compare(result["a"], result["b"], metric, ["sc0", "sc1"])
        back = compare(result["b"], result["a"], metric, ["sc0", "sc1"])
        assert (row["p"] < 0.05) == (row["low"] > 0 or row["high"] < 0)
        assert [row["low"], row["high"]] == pytest.approx([-back["high"], -back["low"]])


def test_values_that_differ_by_rounding_do_not_differ() -> None:
    label, owner, cells, said = study({"a": 1.0})
    both = pd.concat([cells, cells.assign(model="b")], ignore_index=True)
    result = resample(label, owner, both, np.r_[said, said * (1 + 1e-15)], draws=50, paired_seeds=True)
    row = compare(result["a"], result["b"], "mae", ["sc0"])
    assert row["difference"] == 0.0
    assert row["p"] == 1.0


def test_a_correction_over_many_pairs_can_still_be_passed() -> None:
    # with p counted in 200 draws no pair of this table could be told apart, however clear: 45 * 2 / 201 > 0.05
    models = {f"m{i}": 0.3 * 1.5**i for i in range(10)}
    known = corrected(resample(*study(models, n=200, videos=30), draws=200), "mae", ["sc0", "sc1"])
    assert np.mean([p < 0.05 for p in known.values()]) > 0.8


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("metric", ["mae", "corr"])
def test_all_pairs_at_once_are_the_pairs_one_by_one(metric: str, paired: bool) -> None:
    """Corr of a constant prediction has no value in any draw; pairs of other models still have one."""
    label, owner, cells, said = study({"a": 1.0, "b": 2.0, "c": 0.5, "flat": 1.0})
    said[(cells["model"] == "flat").to_numpy()] = 0.5
    own = resample(label, owner, cells, said, draws=80, paired_seeds=paired)
    scenarios = own["a"].scenarios
    for names in (["a", "b", "c"], ["a", "b", "c", "flat"]):
        pairs = [(x, y) for i, x in enumerate(names) for y in names[i + 1 :]]
        found = compare_all(own, metric, scenarios, pairs, level=0.9)
        each = pd.DataFrame([compare(own[x], own[y], metric, scenarios, level=0.9) for x, y in pairs])
        pd.testing.assert_frame_equal(found, each, check_exact=True)
        assert np.isfinite(found.loc[0, "p"])


def test_holm_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(8)
    for count in (1, 2, 5, 20, 190):
        p = rng.random(count) ** 4
        p[: count // 4] = p[0]  # ties
        np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)
