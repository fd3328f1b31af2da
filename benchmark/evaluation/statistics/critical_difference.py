"""Friedman's test and Nemenyi's pairwise comparison of models over scenarios, for critical-difference diagrams.

Demsar, JMLR 2006. The distributions are scipy's, which is imported on use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.evaluation.statistics.resampling import FloatArray
from protocols import InputError


@dataclass(frozen=True, eq=False)
class CriticalDifferences:
    """Mean ranks and their significant differences.

    Attributes:
        mean_ranks: Mean ranks by model, best (lowest) first; ties within a block share their mean rank.
        statistic: Friedman's chi-square, corrected for ties.
        p: p-value of Friedman's test that all models are alike. Above 1 - level, no pair counts as different.
        pairs: Nemenyi's p-values, models x models in the order of `mean_ranks`, 1 on the diagonal.
        difference: Critical difference: mean ranks further apart than this differ.
        groups: Maximal sets of at least two models without a significant difference, best first, each in order of rank.
        blocks: Number of blocks.
    """

    mean_ranks: pd.Series
    statistic: float
    p: float
    pairs: pd.DataFrame
    difference: float
    groups: tuple[tuple[str, ...], ...]
    blocks: int


def critical_differences(values: pd.DataFrame, *, higher_is_better: bool, level: float = 0.95) -> CriticalDifferences:
    """Apply Friedman's test over blocks, then Nemenyi's test to every pair of models.

    Scenarios whose masks are nested (the rates of one protocol) are not independent blocks, nor are scenarios that
    share test samples: p-values are too small. Such a diagram describes an order; it does not prove one. For a claim
    about two models use `compare`.

    Raises:
        InputError: for fewer than 3 models or 2 blocks, a value that is not finite, or a model that is listed twice.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    _check(values, level)
    table: FloatArray = values.to_numpy(np.float64)
    blocks, models = table.shape
    ranked: FloatArray = rankdata(-table if higher_is_better else table, axis=1)
    means = pd.Series(ranked.mean(axis=0), index=[str(name) for name in values.columns], name="mean rank")
    order = means.sort_values(kind="stable").index
    # the studentized range of mean ranks, with infinite degrees of freedom (Demsar 2006, section 3.2.2)
    unit = float(np.sqrt(models * (models + 1) / (12 * blocks)))
    if (ranked == ranked[:, :1]).all():  # nothing but ties: the test divides 0 by 0
        statistic, p = 0.0, 1.0
        pairs = pd.DataFrame(1.0, index=order, columns=order)
    else:
        statistic, p = (float(v) for v in friedmanchisquare(*ranked.T))
        sorted_means = means.loc[order].to_numpy(np.float64)
        apart = np.abs(sorted_means[:, None] - sorted_means)
        pairs = pd.DataFrame(studentized_range.sf(apart / unit, models, np.inf), index=order, columns=order)
    return CriticalDifferences(
        mean_ranks=means.loc[order],
        statistic=statistic,
        p=p,
        pairs=pairs,
        difference=unit * float(studentized_range.ppf(level, models, np.inf)),
        groups=_groups(pairs, 1 - level),
        blocks=blocks,
    )


def _groups(pairs: pd.DataFrame, alpha: float) -> tuple[tuple[str, ...], ...]:
    """Find runs along the order whose ends do not differ significantly; p falls with distance, so the ends decide."""
    names, p = list(pairs.index), pairs.to_numpy(np.float64)
    groups: list[tuple[str, ...]] = []
    reached = 0
    for first in range(len(names)):
        last = max(i for i in range(first, len(names)) if i == first or p[first, i] > alpha)
        if last > first and last > reached:
            groups.append(tuple(names[first : last + 1]))
            reached = last
    return tuple(groups)


def _check(values: pd.DataFrame, level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level is {level:g}, expected a share between 0 and 1, such as 0.95")
    blocks, models = values.shape
    if models < 3 or blocks < 2:
        raise InputError(f"values have {blocks} blocks and {models} models, expected at least 2 blocks and 3 models")
    twice = values.columns[values.columns.duplicated()]
    if len(twice):
        raise InputError(f"model '{twice[0]}' is listed twice; keep one of its columns")
    gaps = np.argwhere(~np.isfinite(values.to_numpy(np.float64)))
    if len(gaps):
        row, column = gaps[0]
        raise InputError(
            f"model '{values.columns[column]}' has no finite value in block '{values.index[row]}'; "
            "fill the hole or leave out the model or the block"
        )
