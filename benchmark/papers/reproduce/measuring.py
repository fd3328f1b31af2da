"""Measured numbers at the points of published ones, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.statistics import DRAWS, Estimates, FloatArray, auilc
from benchmark.evaluation.statistics.intervals import on_scale
from benchmark.evaluation.statistics.precision import quantity
from benchmark.papers.reported import Aggregate, plain_scenario

_COLUMNS = ("model", "point", "metric", "measured", "low", "high", "sd", "seeds", "flag")


def measure(
    panel: Panel,
    aggregates: Mapping[str, Aggregate],
    metrics: Sequence[str],
    *,
    draws: int = DRAWS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute the values of every model.

    Args:
        panel: Panel of predictions.
        aggregates: Aggregates by point. An `auilc` is an area: it is not divided by the length of its axis.
        metrics: Names of metrics.
        draws: Number of bootstrap draws behind the intervals.
        level: Confidence level of the intervals.

    Returns:
        One row per (model, point, metric): `measured` (mean over seeds; shares, not per cent; NaN where a cell is
        missing), `low`, `high`, `sd` (over seeds), `seeds`, `flag` (limits of the interval, or `hole`). Points
        without any scenario of the study are left out.
    """
    texts: dict[str, str] = {}
    for text in dict.fromkeys(panel.cells["scenario"]):
        texts.setdefault(plain_scenario(str(text)), str(text))
    known = {point: a for point, a in aggregates.items() if all(s in texts for s in a.scenarios)}
    wanted = list(dict.fromkeys(texts[s] for a in known.values() for s in a.scenarios))
    if not wanted:
        return pd.DataFrame(columns=list(_COLUMNS))
    estimates = panel.estimates(wanted, metrics, draws=draws)
    rows = []
    for own in estimates.values():
        for point, aggregate in known.items():
            scenarios = [texts[s] for s in aggregate.scenarios]
            for metric in metrics:
                values = _values(own, aggregate, scenarios, metric, level)
                rows.append((own.model, point, metric, *values))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _values(
    own: Estimates, aggregate: Aggregate, scenarios: Sequence[str], metric: str, level: float
) -> tuple[float, float, float, float, int, str]:
    lacking = set(scenarios) - set(own.scenarios)
    if lacking or own.holes(scenarios):
        return np.nan, np.nan, np.nan, np.nan, len(own.seeds), "hole"
    columns = [own.scenarios.index(s) for s in scenarios]
    by_seed = _summed(aggregate, own.values[:, columns, own.metrics.index(metric)])
    low = high = np.nan
    if own.flag != "no interval":
        found = quantity(partial(_summed, aggregate), [(own, scenarios)], metric)
        low, high = on_scale(found, metric, level, aggregate.length if aggregate.kind == "auilc" else 1.0)
    sd = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else np.nan
    return float(by_seed.mean()), low, high, sd, len(own.seeds), own.flag


def _summed(aggregate: Aggregate, curves: FloatArray) -> FloatArray:
    """Aggregate curves `(..., J)` over the scenarios of an aggregate."""
    if aggregate.kind == "auilc":
        return auilc(aggregate.x, curves) * aggregate.length
    mean: FloatArray = curves.mean(axis=-1)
    return mean
