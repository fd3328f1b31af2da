from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmark import statistics
from benchmark.metrics import metric_names, score
from benchmark.statistics import (
    Estimates,
    auilc,
    compare,
    compare_all,
    confidence_intervals,
    draw_weights,
    holm,
    interval,
    ranks,
    relative_error,
    resample,
    retention,
    skill,
    worst,
)
from protocols import InputError


def study(
    models: dict[str, float], seeds: int = 3, scenarios: int = 2, n: int = 60, videos: int = 8, key: int = 0
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, np.ndarray]:
    """Label, videos, cells, predictions; a model's number is the sd of its noise."""
    rng = np.random.default_rng(key)
    label = rng.integers(-15, 16, n) / 5
    owner = np.array([f"v{i}" for i in rng.integers(0, videos, n)])
    owner[:videos] = [f"v{i}" for i in range(videos)]
    rows = [(m, s, f"sc{j}") for m in models for s in range(seeds) for j in range(scenarios)]
    said = np.stack([label + models[m] * rng.normal(size=n) for m, _, _ in rows])
    return label, owner, pd.DataFrame(rows, columns=["model", "seed", "scenario"]), said


def test_draws_equal_a_naive_bootstrap_with_the_same_weights() -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 2.0})
    result = resample(label, owner, cells, said, draws=12, seed=5)
    names = sorted(set(owner))
    row_of = {key: i for i, key in enumerate(cells.itertuples(index=False, name=None))}
    video_weights = draw_weights(12, len(names), 5, "videos").astype(int)
    for model, own in result.items():
        seed_weights = draw_weights(12, 3, 5, f"seeds of {model}").astype(int)
        for b in range(12):
            chosen = np.concatenate(
                [np.tile(np.flatnonzero(owner == v), w) for v, w in zip(names, video_weights[b], strict=True)]
            )
            for j, scenario in enumerate(own.scenarios):
                drawn = []
                for s in np.repeat(range(3), seed_weights[b]):
                    row = row_of[model, s, scenario]
                    drawn.append(score(label[chosen], said[row][chosen]))
                for m, metric in enumerate(own.metrics):
                    expected = np.mean([d[metric] for d in drawn])
                    assert own.draws[b, j, m] == pytest.approx(expected, abs=1e-9), metric


def test_values_are_those_of_the_metrics() -> None:
    label, owner, cells, said = study({"a": 1.0})
    own = resample(label, owner, cells, said, draws=1)["a"]
    for i, row in cells.iterrows():
        expected = score(label, said[i])
        at = own.values[own.seeds.index(row["seed"]), own.scenarios.index(row["scenario"])]
        assert dict(zip(own.metrics, at, strict=True)) == pytest.approx(expected, abs=1e-12)


def test_draws_do_not_depend_on_order_company_or_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 2.0}, scenarios=4)
    whole = resample(label, owner, cells, said, draws=50)["b"]
    rng = np.random.default_rng(1)
    samples, rows = rng.permutation(len(label)), rng.permutation(len(cells))
    rows = rows[cells["model"].to_numpy()[rows] == "b"]
    monkeypatch.setattr(statistics, "_BLOCK", 50)
    other = resample(label[samples], owner[samples], cells.iloc[rows], said[np.ix_(rows, samples)], draws=50)["b"]
    columns = [other.scenarios.index(name) for name in whole.scenarios]
    np.testing.assert_allclose(other.draws[:, columns], whole.draws, atol=1e-9)
    assert not np.allclose(resample(label, owner, cells, said, draws=50, seed=1)["b"].draws, whole.draws)


def test_the_same_predictions_differ_by_nothing_when_seeds_are_paired() -> None:
    label, owner, cells, said = study({"a": 1.0})
    both = pd.concat([cells, cells.assign(model="b")], ignore_index=True)
    paired = resample(label, owner, both, np.r_[said, said], draws=100, paired_seeds=True)
    result = compare(paired["a"], paired["b"], "mae", ["sc0", "sc1"])
    assert result["difference"] == result["low"] == result["high"] == 0
    assert result["p"] == 1.0
    assert result["better"] == 0.5
    unpaired = resample(label, owner, both, np.r_[said, said], draws=100)
    assert compare(unpaired["a"], unpaired["b"], "mae", ["sc0"])["low"] < 0


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    hits, tries, videos, each, seeds = 0, 200, 25, 6, 5
    owner = np.repeat([f"v{i}" for i in range(videos)], each)
    cells = pd.DataFrame({"model": "m", "seed": range(seeds), "scenario": "complete"})
    label = np.zeros(videos * each)
    for k in range(tries):
        video, seed = rng.normal(0, 0.5, videos).repeat(each), rng.normal(0, 0.2, (seeds, 1))
        said = 5 + video + seed + rng.normal(0, 0.3, (seeds, videos * each))  # errors around 5: the true MAE
        own = resample(label, owner, cells, said, metrics=["mae"], draws=200, seed=k)
        row = confidence_intervals(own).iloc[0]
        hits += row["low"] <= 5 <= row["high"]
    assert 0.86 <= hits / tries <= 0.99


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
def test_what_cannot_be_resampled_is_said(seeds: int, videos: int, flag: str) -> None:
    table = confidence_intervals(resample(*study({"a": 1.0}, seeds, videos=videos), draws=100))
    assert set(table["flag"]) == {flag}
    mae = table[table["metric"] == "mae"]
    assert mae["low"].isna().all() == (flag == "no interval")
    if flag:
        assert (mae["sd"].isna() == (seeds == 1)).all()
    if flag != "no interval":
        assert (mae["high"] > mae["low"]).all()


def test_comparison_without_anything_drawn_has_no_p() -> None:
    result = resample(*study({"a": 0.1, "b": 2.0}, seeds=1, videos=1), draws=50)
    row = compare(result["a"], result["b"], "mae", ["sc0"])
    assert row["difference"] < 0
    assert np.isnan(row["p"])
    assert row["flag"] == "no interval"


def test_clear_differences_are_found_and_few_seeds_are_flagged() -> None:
    result = resample(*study({"good": 0.3, "bad": 2.0}, n=200, videos=20))
    row = compare(result["good"], result["bad"], "mae", ["sc0", "sc1"])
    assert row["high"] < 0
    assert row["p"] < 0.01
    assert row["better"] == 1.0
    assert row["flag"] == ""
    assert compare(result["bad"], result["good"], "mae", ["sc0"])["better"] == 0.0
    assert compare(result["good"], result["bad"], "acc7", ["sc0"])["better"] == 1.0
    two = resample(*study({"good": 0.3, "bad": 2.0}, seeds=2), draws=50)
    assert compare(two["good"], two["bad"], "mae", ["sc0"])["flag"] == "few seeds"


def test_equal_models_are_rarely_told_apart() -> None:
    p = []
    for key in range(40):
        result = resample(*study({"a": 1.0, "b": 1.0}, key=key, videos=20, n=120), metrics=["mae"], draws=200)
        p.append(compare(result["a"], result["b"], "mae", ["sc0", "sc1"])["p"])
    assert np.mean(np.array(p) < 0.05) <= 0.15


def test_a_hole_has_no_value_and_no_comparison() -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 2.0})
    kept = ~((cells["model"] == "a") & (cells["seed"] == 1) & (cells["scenario"] == "sc1")).to_numpy()
    result = resample(label, owner, cells[kept], said[kept], draws=50)
    assert result["a"].holes(["sc0", "sc1", "never"]) == [(0, "never"), (1, "sc1"), (1, "never"), (2, "never")]
    table = confidence_intervals(result, {"both": ["sc0", "sc1"], "first": ["sc0"]}).set_index(
        ["model", "group", "metric"]
    )
    assert table.loc[("a", "both", "mae"), "flag"] == "hole"
    assert np.isnan(table.loc[("a", "both", "mae"), "value"])
    assert np.isfinite(table.loc[("a", "first", "mae"), ["value", "low", "high"]].astype(float)).all()
    assert np.isfinite(table.loc[("b", "both", "mae"), "value"])
    with pytest.raises(InputError, match="'a' lacks scenario 'sc1' for seed 1"):
        compare(result["a"], result["b"], "mae", ["sc0", "sc1"])
    last = ranks(result, "mae", ["sc0", "sc1"]).iloc[-1]
    assert last["model"] == "a"
    assert np.isnan(last["rank"])


def test_models_that_cannot_be_told_apart_share_a_rank() -> None:
    label, owner, cells, said = study({"best": 0.2, "twin": 1.0, "worse": 2.5}, n=300, videos=30)
    twin = cells["model"] == "twin"
    cells = pd.concat([cells, cells[twin].assign(model="other twin")], ignore_index=True)
    said = np.r_[said, said[twin.to_numpy()]]
    table = ranks(resample(label, owner, cells, said), "mae", ["sc0", "sc1"])
    assert table["model"].tolist() == ["best", "other twin", "twin", "worse"]
    assert table["rank"].tolist() == [1, 2, 2, 4]
    assert table["above_next"].iloc[0] == 1.0
    assert 0.2 < table["above_next"].iloc[1] < 0.8
    assert ranks(resample(label, owner, cells, said), "acc7", ["sc0"])["model"].iloc[-1] == "worse"


def test_fewer_than_three_seeds_have_no_rank() -> None:
    label, owner, cells, said = study({"a": 0.2, "b": 1.0, "c": 2.5}, n=200)
    kept = ~((cells["model"] == "a") & (cells["seed"] == 2)).to_numpy()
    table = ranks(resample(label, owner, cells[kept], said[kept]), "mae", ["sc0", "sc1"])
    assert table["model"].tolist() == ["a", "b", "c"]
    assert np.isnan(table["rank"].iloc[0])
    assert table["rank"].iloc[1] == 1


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
    table = compare_all(resample(*study({"a": 0.3, "b": 1.0, "c": 2.0}), draws=200), "mae", ["sc0"])
    assert len(table) == 3
    np.testing.assert_allclose(table["p_holm"], holm(table["p"]))
    with pytest.raises(InputError, match="at least 2"):
        compare_all(resample(*study({"a": 0.3}), draws=5), "mae", ["sc0"])


def test_weights_draw_one_unit_fewer_and_have_the_variance_of_a_mean() -> None:
    values = np.array([1.0, 4.0, 7.0])
    weights = draw_weights(40_000, 3, 0, "test")
    assert (weights.sum(axis=1) == 2).all()
    means = weights @ values / 2
    assert means.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.03)


def test_an_interval_leaves_out_draws_without_a_value() -> None:
    draws = np.arange(101.0)
    low, high = interval(np.r_[draws, np.nan], 0.9)
    assert [float(low), float(high)] == pytest.approx([5.0, 95.0])
    assert np.isnan(interval(np.full(4, np.nan))).all()
    with pytest.raises(InputError):
        interval(draws, 95)


def test_neutral_labels_only_leave_the_other_metrics_whole() -> None:
    _, owner, cells, said = study({"a": 1.0})
    own = resample(np.zeros(60), owner, cells, said, draws=20)
    table = confidence_intervals(own).set_index("metric")
    assert table.loc["f1_non0", "value"].isna().all()
    assert table.loc["mae", "low"].notna().all()
    assert own["a"].holes(own["a"].scenarios) == []


def test_aggregates_by_hand() -> None:
    assert auilc([0, 0.5, 1.0], [1.0, 1.0, 1.0]) == pytest.approx(1.0)
    assert auilc([0.5, 0.0, 0.1], [0.0, 1.0, 1.0]) == pytest.approx((0.1 + 0.2) / 0.5)
    np.testing.assert_allclose(auilc([0, 0.9], [[1.0, 0.0], [2.0, 4.0]]), [0.5, 3.0])
    np.testing.assert_allclose(retention([0.4, 0.2], 0.8), [0.5, 0.25])
    assert np.isnan(retention(0.4, 0.0))
    np.testing.assert_allclose(skill([0.0, 1.5, 3.0], 1.5, "mae"), [1.0, 0.0, -1.0])
    assert skill(0.75, 0.5, "acc7") == pytest.approx(0.5)
    assert worst([0.2, 0.9], "mae") == 0.9
    assert worst([0.2, 0.9], "acc7") == 0.2
    assert relative_error([1.0, 3.0], [2.0, 2.0]) == pytest.approx(1.0)
    for x in ([0.1], [0.1, 0.1], [0.1, 0.2, 0.3]):
        with pytest.raises(InputError):
            auilc(x, [1.0, 2.0])


def test_bad_tables_are_refused_in_one_line() -> None:
    label, owner, cells, said = study({"a": 1.0})
    for arguments, words in (
        ((label, owner[:-1], cells, said), "video_ids"),
        ((label, owner, cells[1:], said), "cells have 5 rows"),
        ((label, owner, cells.drop(columns="seed"), said), "no column 'seed'"),
        ((label, owner, cells.assign(seed=0), said), "there twice"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            resample(*arguments)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="did you mean"):
        resample(label, owner, cells, said, metrics=["acc2_non"])
    with pytest.raises(InputError):
        resample(label, owner, cells, said, draws=0)
    a = resample(label, owner, cells, said, draws=5)["a"]
    with pytest.raises(InputError, match="not resampled together"):
        compare(a, dataclasses.replace(a, draws=a.draws[:3]), "mae", ["sc0"])
    assert isinstance(a, Estimates)
    assert a.metrics == metric_names()
