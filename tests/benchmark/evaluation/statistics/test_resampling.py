from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmark.evaluation.metrics import metric_names, score
from benchmark.evaluation.statistics import (
    Estimates,
    compare,
    confidence_intervals,
    draw_weights,
    ranks,
    resample,
    resampling,
)
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
    monkeypatch.setattr(resampling, "_BLOCK", 50)
    other = resample(label[samples], owner[samples], cells.iloc[rows], said[np.ix_(rows, samples)], draws=50)["b"]
    columns = [other.scenarios.index(name) for name in whole.scenarios]
    np.testing.assert_allclose(other.draws[:, columns], whole.draws, atol=1e-9)
    assert not np.allclose(resample(label, owner, cells, said, draws=50, seed=1)["b"].draws, whole.draws)


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


def test_draws_equal_a_naive_bootstrap_with_the_same_weights() -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 2.0})
    kept = ~((cells["model"] == "b") & (cells["seed"] == 1) & (cells["scenario"] == "sc1")).to_numpy()
    cells, said = cells[kept].reset_index(drop=True), said[kept]
    result = resample(label, owner, cells, said, draws=12, seed=5)
    names = sorted(set(owner))
    video_weights = draw_weights(12, len(names), 5, "videos").astype(int)
    row_of = {key: i for i, key in enumerate(cells.itertuples(index=False, name=None))}
    for model, own in result.items():
        normals = resampling._seed_normals(12, (0, 1, 2), 5, f"seed of {model}")
        for b in range(12):
            chosen = np.concatenate(
                [np.tile(np.flatnonzero(owner == v), w) for v, w in zip(names, video_weights[b], strict=True)]
            )
            for j, scenario in enumerate(own.scenarios):
                there = [s for s in range(3) if (model, s, scenario) in row_of]
                rows = [row_of[model, s, scenario] for s in there]
                drawn, whole = ([score(label[at], said[row][at]) for row in rows] for at in (chosen, slice(None)))
                deviation = normals[b, there] - normals[b, there].mean()
                for m, metric in enumerate(own.metrics):
                    expected = np.mean([values[metric] for values in drawn])
                    expected += (
                        deviation @ [values[metric] for values in whole] / np.sqrt(len(there) * (len(there) - 1))
                    )
                    assert own.draws[b, j, m] == pytest.approx(expected, abs=1e-9), metric


def test_seeds_alone_vary_like_a_mean_over_seeds() -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 1.0}, videos=1, scenarios=1)
    own = resample(label, owner, cells, said, draws=20_000)
    for paired in (False, True):
        own = resample(label, owner, cells, said, draws=20_000, paired_seeds=paired)
        seeds = {name: e.values[:, 0, 0] for name, e in own.items()}
        for name, e in own.items():
            assert e.draws[:, 0, 0].var() == pytest.approx(seeds[name].var(ddof=1) / 3, rel=0.04)
        both = (own["a"].draws - own["b"].draws)[:, 0, 0].var()
        apart = sum(values.var(ddof=1) for values in seeds.values())
        assert both == pytest.approx(((seeds["a"] - seeds["b"]).var(ddof=1) if paired else apart) / 3, rel=0.04)
