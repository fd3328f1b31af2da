from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation.metrics import metric_names, score, sums_by_cluster, values_from_sums
from benchmark.evaluation.statistics import (
    Estimates,
    compare,
    confidence_intervals,
    draw_weights,
    ranks,
    resample,
    resampling,
)
from benchmark.evaluation.statistics.precision import quantity
from protocols import InputError
from tests.benchmark.evaluation.statistics.made_up import study


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
    monkeypatch.setattr(resampling, "_CELLS", 5)
    other = resample(label[samples], owner[samples], cells.iloc[rows], said[np.ix_(rows, samples)], draws=50)["b"]
    columns = [other.scenarios.index(name) for name in whole.scenarios]
    np.testing.assert_allclose(other.draws[:, columns], whole.draws, atol=1e-9)
    assert not np.allclose(resample(label, owner, cells, said, draws=50, seed=1)["b"].draws, whole.draws)


@pytest.mark.parametrize("hole", [False, True])
def test_draws_are_those_of_whole_products(monkeypatch: pytest.MonkeyPatch, hole: bool) -> None:
    """Blocks and sums over seeds are ways to be fast: F1 of a seed has equal bits, means differ by rounding."""
    label, owner, cells, said = study({"a": 1.0, "b": 2.0}, seeds=9, scenarios=3)
    kept = np.arange(len(cells)) != (31 if hole else -1)
    cells, said = cells[kept].reset_index(drop=True), said[kept]
    monkeypatch.setattr(resampling, "_CACHED", 100)
    own = resample(label, owner, cells, said, draws=50)["b"]
    order = np.argsort(owner, kind="stable")
    starts = np.flatnonzero(np.r_[True, owner[order][1:] != owner[order][:-1]])
    rows = (cells["model"] == "b").to_numpy()
    sums = sums_by_cluster(label[order], said[rows][:, order], starts, own.metrics)
    weights = draw_weights(50, len(starts), 0, "videos")
    drawn = values_from_sums({k: weights @ v.T for k, v in sums.items()}, own.metrics)
    for m, name in enumerate(own.metrics):
        by_seed = np.full((50, 9, 3), np.nan)
        by_seed[:, own.present] = drawn[name]
        rounding = 0 if "f1" in name else 1e-14
        np.testing.assert_allclose(own.seed_draws[..., m], by_seed, rtol=0, atol=rounding)
        for j, there in enumerate(own.present.T):
            mean = sum(by_seed[:, i, j] for i in np.flatnonzero(there)) / there.sum()
            np.testing.assert_allclose(own.draws[:, j, m], mean, rtol=0, atol=1e-14)


def test_equal_models_have_equal_bits() -> None:
    """A difference that is not there must not become one by rounding."""
    label, owner, cells, said = study({"a": 1.0, "b": 2.0}, seeds=4, scenarios=20)
    said[cells["model"] == "b"] = said[cells["model"] == "a"]
    found = resample(label, owner, cells, said, draws=300)
    np.testing.assert_array_equal(found["a"].draws, found["b"].draws)
    np.testing.assert_array_equal(found["a"].seed_draws, found["b"].seed_draws)


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
    with pytest.raises(InputError, match="'a': scenario 'sc1' is missing for seed 1"):
        compare(result["a"], result["b"], "mae", ["sc0", "sc1"])
    last = ranks(result, "mae", ["sc0", "sc1"]).iloc[-1]
    assert last["model"] == "a"
    assert np.isnan(last["rank"])


def test_weights_draw_one_unit_fewer_and_have_the_variance_of_a_mean() -> None:
    values = np.array([1.0, 4.0, 7.0])
    weights = draw_weights(40_000, 3, 0, "test")
    assert (weights.sum(axis=1) == 2).all()
    means = weights @ values / 2
    assert means.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.03)


def test_neutral_labels_only_leave_the_other_metrics_whole() -> None:
    _, owner, cells, said = study({"a": 1.0})
    own = resample(np.zeros(60), owner, cells, said, draws=20)
    table = confidence_intervals(own).set_index("metric")
    assert table.loc["f1_non0", "value"].isna().all()
    assert table.loc["mae", "low"].notna().all()
    assert own["a"].holes(own["a"].scenarios) == []


def test_bad_tables_are_refused_in_one_line() -> None:
    label, owner, cells, said = study({"a": 1.0})
    for arguments, words in (
        ((label, owner[:-1], cells, said), "video_ids"),
        ((label, owner, cells[1:], said), "cells have 5 rows"),
        ((label, owner, cells.drop(columns="seed"), said), "no column 'seed'"),
        ((label, owner, cells.assign(seed=0), said), "occurs twice"),
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


def test_draws_equal_a_naive_bootstrap_with_the_same_weights() -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 2.0})
    kept = ~((cells["model"] == "b") & (cells["seed"] == 1) & (cells["scenario"] == "sc1")).to_numpy()
    cells, said = cells[kept].reset_index(drop=True), said[kept]
    result = resample(label, owner, cells, said, draws=12, seed=5)
    names = sorted(set(owner))
    video_weights = draw_weights(12, len(names), 5, "videos").astype(int)
    row_of = {key: i for i, key in enumerate(cells.itertuples(index=False, name=None))}
    for model, own in result.items():
        for b in range(12):
            chosen = np.concatenate(
                [np.tile(np.flatnonzero(owner == v), w) for v, w in zip(names, video_weights[b], strict=True)]
            )
            for j, scenario in enumerate(own.scenarios):
                there = [s for s in range(3) if (model, s, scenario) in row_of]
                drawn = [score(label[chosen], said[row_of[model, s, scenario]][chosen]) for s in there]
                for m, metric in enumerate(own.metrics):
                    values = [one[metric] for one in drawn]
                    assert own.draws[b, j, m] == pytest.approx(np.mean(values), abs=1e-9), metric
                    assert own.seed_draws[b, there, j, m] == pytest.approx(values, abs=1e-9), metric
                assert np.isnan(own.seed_draws[b, [s for s in range(3) if s not in there], j]).all()


def test_variation_between_seeds_within_videos_is_counted_once() -> None:
    """Errors of seeds that differ on every video but not in truth: the draws over videos hold all of their variance."""
    rng = np.random.default_rng(0)
    found = {"once": 0.0, "twice": 0.0, "truth": 1 / (3 * 40)}
    for key in range(100):
        said = 10 + rng.standard_normal((3, 40))
        cells = pd.DataFrame({"model": "m", "seed": range(3), "scenario": "c"})
        own = resample(np.zeros(40), np.arange(40).astype(str), cells, said, metrics=["mae"], draws=200, seed=key)["m"]
        found["once"] += quantity(lambda curve: curve.mean(axis=-1), [(own, ("c",))], "mae").variance / 100
        found["twice"] += (own.draws.var() + own.values.var(axis=0, ddof=1).item() / 3) / 100
    assert found["twice"] == pytest.approx(2 * found["truth"], rel=0.1)
    assert found["truth"] <= found["once"] <= 1.5 * found["truth"]  # an estimate below 0 counts as 0
    assert found["once"] < 0.75 * found["twice"]


def test_videos_of_unequal_size_count_as_fewer() -> None:
    rng = np.random.default_rng(1)
    cells = pd.DataFrame({"model": "m", "seed": [0], "scenario": "c"})
    for sizes, effective in (([20, 20, 20], 3.0), ([40, 10, 10], 2.0)):
        owner = np.repeat(["a", "b", "c"], sizes)
        own = resample(np.zeros(60), owner, cells, rng.random((1, 60)), metrics=["mae"], draws=10)["m"]
        assert own.effective_videos == pytest.approx(effective)
        assert own.stretch == pytest.approx((1 - 1 / 3) / (1 - 1 / effective))
