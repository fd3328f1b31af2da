"""Friedman and Nemenyi, beside their textbook example and the libraries that compute them."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scikit_posthocs import posthoc_nemenyi_friedman
from scipy import stats

from benchmark.evaluation.statistics import critical_differences
from protocols import InputError

#: Demsar (JMLR 2006), table 6: AUC of four decision tree learners on 14 data sets.
DEMSAR = pd.DataFrame(
    [
        (0.763, 0.768, 0.771, 0.798),
        (0.599, 0.591, 0.590, 0.569),
        (0.954, 0.971, 0.968, 0.967),
        (0.628, 0.661, 0.654, 0.657),
        (0.882, 0.888, 0.886, 0.898),
        (0.936, 0.931, 0.916, 0.931),
        (0.661, 0.668, 0.609, 0.685),
        (0.583, 0.583, 0.563, 0.625),
        (0.775, 0.838, 0.866, 0.875),
        (1.000, 1.000, 1.000, 1.000),
        (0.940, 0.962, 0.965, 0.962),
        (0.619, 0.666, 0.614, 0.669),
        (0.972, 0.981, 0.9751, 0.975),
        (0.957, 0.978, 0.946, 0.970),
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)


def test_the_example_of_the_textbook() -> None:
    found = critical_differences(DEMSAR, higher_is_better=True)
    assert found.mean_ranks.round(3).to_dict() == {
        "C4.5+m+cf": pytest.approx(1.964, abs=0.04),
        "C4.5+m": pytest.approx(2.000, abs=0.04),
        "C4.5+cf": pytest.approx(2.893, abs=0.04),
        "C4.5": pytest.approx(3.143, abs=0.04),
    }
    assert found.difference == pytest.approx(1.25, abs=0.01)
    assert found.blocks == 14


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("ties", [False, True])
def test_friedman_and_nemenyi_are_those_of_the_libraries(higher: bool, ties: bool) -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(20, 5)) + np.arange(5) * 0.5
    table = pd.DataFrame(values.round(0) if ties else values, columns=list("abcde"))
    found = critical_differences(table, higher_is_better=higher)
    statistic, p = stats.friedmanchisquare(*table.to_numpy().T)
    assert (found.statistic, found.p) == (pytest.approx(statistic), pytest.approx(p))
    expected = posthoc_nemenyi_friedman(table)
    for a in "abcde":
        for b in "abcde":
            assert found.pairs.loc[a, b] == pytest.approx(expected.loc[a, b], abs=1e-6)
    sign = -1 if higher else 1
    by_hand = (sign * table).rank(axis=1).mean().sort_values()
    assert found.mean_ranks.to_dict() == pytest.approx(by_hand.to_dict())
    assert found.mean_ranks.index.tolist() == found.pairs.index.tolist() == found.pairs.columns.tolist()


@settings(deadline=None, max_examples=25)
@given(st.integers(3, 7), st.integers(2, 25), st.floats(0, 1.5), st.integers(0, 10_000))
def test_groups_are_the_maximal_runs_within_the_critical_difference(
    models: int, blocks: int, step: float, key: int
) -> None:
    values = np.random.default_rng(key).normal(size=(blocks, models)) + step * np.arange(models)
    table = pd.DataFrame(values, columns=[f"m{i}" for i in range(models)])
    found = critical_differences(table, higher_is_better=False)
    rank, names = found.mean_ranks, found.mean_ranks.index.tolist()
    expected = set()
    for i in range(models):
        for j in range(i + 1, models):
            if rank.iloc[j] - rank.iloc[i] < found.difference:
                expected.add(tuple(names[i : j + 1]))
    maximal = {g for g in expected if not any(set(g) < set(other) for other in expected)}
    assert set(found.groups) == maximal
    assert len(found.groups) == len(maximal)
    assert (found.pairs.to_numpy() > 0.05).tolist() == (
        np.abs(rank.to_numpy()[:, None] - rank.to_numpy()) < found.difference
    ).tolist()


def test_models_that_are_all_alike_are_one_group() -> None:
    found = critical_differences(pd.DataFrame(1.0, index=range(4), columns=list("abc")), higher_is_better=True)
    assert (found.statistic, found.p) == (0.0, 1.0)
    assert found.groups == (("a", "b", "c"),)
    assert (found.pairs == 1.0).all(axis=None)


def test_bad_tables_are_refused_in_one_line() -> None:
    good = DEMSAR
    hole = good.copy()
    hole.iloc[3, 1] = np.nan
    for table, words in (
        (good.iloc[:, :2], "expected at least 2 blocks and 3 models"),
        (good.iloc[:1], "expected at least 2 blocks and 3 models"),
        (hole, "'C4.5\\+m' has no finite value in block '3'"),
        (pd.concat([good, good[["C4.5"]]], axis=1), "'C4.5' is there twice"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            critical_differences(table, higher_is_better=True)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="level"):
        critical_differences(good, higher_is_better=True, level=5)


@pytest.mark.parametrize("package", ["scipy", "scikit_posthocs"])
def test_without_the_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="pip install 'sentibench\\[statistics\\]'") as caught:
        critical_differences(DEMSAR, higher_is_better=True)
    assert package in str(caught.value)
