"""Intervals of single values and of means over scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.statistics.precision import Quantity, check_level, quantity, widened
from benchmark.evaluation.statistics.resampling import Estimates, FloatArray


def interval(draws: FloatArray, level: float = 0.95, *, axis: int = 0) -> tuple[FloatArray, FloatArray]:
    """Percentile interval over an axis of draws; draws that are NaN (an empty class) are left out."""
    check_level(level)
    tails = ((1 - level) / 2, (1 + level) / 2)
    moved = np.moveaxis(draws, axis, 0)
    gaps = np.isnan(moved)
    if not gaps.any():
        low, high = np.quantile(moved, tails, axis=0)
        return low, high
    never = gaps.all(axis=0)
    low, high = np.nanquantile(np.where(never, 0.0, moved), tails, axis=0)
    return np.where(never, np.nan, low), np.where(never, np.nan, high)


def confidence_intervals(
    estimates: Mapping[str, Estimates],
    groups: Mapping[str, Sequence[str]] | None = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Values with intervals, one row a (model, group, metric).

    Intervals are percentiles of the draws, widened by Student's t for few seeds and videos (see
    `benchmark.evaluation.statistics.precision`) and cut off where the metric ends.

    Args:
        estimates: From `resample`.
        groups: By name, the scenarios whose mean is taken (a protocol's); by default every scenario for itself.
        level: Of the interval.

    Returns:
        Columns `model`, `group`, `metric`, `value` (mean over scenarios, then seeds), `low`, `high`, `sd` (over seeds,
        NaN for one), `seeds`, `videos`, `flag` (see `Estimates.flag`; `hole` where a scenario or seed is missing:
        such a group has no value).
    """
    check_level(level)
    rows: list[dict[str, object]] = []
    known: dict[int, Quantity] = {}
    for model, own in estimates.items():
        for group, scenarios in (groups or {name: (name,) for name in own.scenarios}).items():
            hole = bool(own.holes(scenarios))
            for metric in own.metrics:
                row: dict[str, object] = {"model": model, "group": group, "metric": metric, "value": np.nan}
                row |= {"low": np.nan, "high": np.nan, "sd": np.nan, "seeds": len(own.seeds), "videos": own.videos}
                row["flag"] = "hole" if hole else own.flag
                if not hole:
                    by_seed = own.by_seed(metric, scenarios)
                    row["value"] = float(by_seed.mean())
                    row["sd"] = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else np.nan
                    if own.flag != "no interval":
                        known[len(rows)] = quantity(_mean, [(own, scenarios)], metric, level)
                rows.append(row)
    for i, low, high in zip(known, *widened(list(known.values()), level), strict=True):
        least, most = metric_limits(str(rows[i]["metric"]))
        rows[i] |= {"low": float(np.maximum(low, least)), "high": float(np.minimum(high, most))}
    return pd.DataFrame(rows, columns=_COLUMNS)


def metric_limits(metric: str) -> tuple[float, float]:
    """The lowest and highest value that a metric can have."""
    if METRICS[metric].percent:
        return 0.0, 1.0
    return (-1.0, 1.0) if METRICS[metric].higher_is_better else (0.0, np.inf)


_COLUMNS = ["model", "group", "metric", "value", "low", "high", "sd", "seeds", "videos", "flag"]


def _mean(curve: FloatArray) -> FloatArray:
    result: FloatArray = curve.mean(axis=-1)
    return result
