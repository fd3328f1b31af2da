"""Intervals of single values and of means over scenarios.

All rest on a standard error and Student's t with the degrees of freedom of `evaluation.statistics.precision`. A share
(accuracies, F1) has the interval of Wilson (JASA 1927), of as many independent samples as would have this standard
error; at 0 or 100 %, where nothing varies, of as many as there are videos: the dependence of the utterances of one
video cannot be estimated there, so each video counts as one. A correlation has the interval of Fisher's transformation,
an error is symmetric about its value. None reaches beyond the end of the metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.statistics.precision import Quantity, check_level, mean_quantities, t_quantile
from benchmark.evaluation.statistics.resampling import Estimates, FloatArray

#: Maximum standard error or distance that is due to rounding.
_ROUNDING = 1e-9


def interval(draws: FloatArray, level: float = 0.95, *, axis: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return the percentile interval over an axis of draws; draws that are NaN (an empty class) are left out."""
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
    estimates: Mapping[str, Estimates], groups: Mapping[str, Sequence[str]] | None = None, *, level: float = 0.95
) -> pd.DataFrame:
    """Compute values with intervals, one row per (model, group, metric).

    Args:
        estimates: Estimates from `resample`.
        groups: Scenarios to average over, by name of the group (a protocol); default: every scenario separately.
        level: Confidence level of the interval.

    Returns:
        Columns `model`, `group`, `metric`, `value` (mean over scenarios, then seeds), `low`, `high`, `sd` (over seeds,
        NaN for one), `seeds`, `videos`, `flag` (see `Estimates.flag`; `hole` where a scenario or seed is missing: such
        a group has no value; `boundary` if the metric is at an end of its range and does not vary: a share has Wilson's
        interval of as many samples as videos, any other metric none).
    """
    check_level(level)
    rows: list[tuple[object, ...]] = []
    for model, own in estimates.items():
        for group, scenarios in (groups or {name: (name,) for name in own.scenarios}).items():
            whole = not own.holes(scenarios)
            means = own.seed_means(scenarios) if whole else np.full((len(own.metrics), 1), np.nan)
            value, seeds = means.mean(axis=1), means.shape[1]
            sd = means.std(axis=1, ddof=1) if seeds > 1 else np.full(len(value), np.nan)
            found = mean_quantities(own, scenarios) if whole and own.flag != "no interval" else {}
            for m, metric in enumerate(own.metrics):
                low, high = on_scale(found[metric], metric, level) if found else (np.nan, np.nan)
                flag = own.flag if whole else "hole"
                if found and at_boundary(found[metric], metric):
                    flag = "; ".join(filter(None, (flag, "boundary")))
                row = (model, group, metric, float(value[m]), low, high, float(sd[m]), len(own.seeds), own.videos, flag)
                rows.append(row)
    return pd.DataFrame(rows, columns=_COLUMNS)


def t_interval(found: Quantity, level: float) -> tuple[float, float]:
    """Return value -+ t standard errors."""
    reach = float(t_quantile(level, found.df)) * float(np.sqrt(found.variance))
    return found.value - reach, found.value + reach


def on_scale(found: Quantity, metric: str, level: float, unit: float = 1.0) -> tuple[float, float]:
    """Return the interval of a value of a metric, or of a mean of values: see the top of the module.

    Args:
        found: Value with its precision.
        metric: Name of the metric.
        level: Confidence level of the interval.
        unit: Factor by which the value of the metric was multiplied.
    """
    value, variance = found.value / unit, found.variance / unit**2
    least, most = metric_limits(metric)
    if not np.isfinite(value) or not np.isfinite(variance):
        return np.nan, np.nan
    if at_boundary(found, metric, unit) and not METRICS[metric].percent:
        return np.nan, np.nan
    t = float(t_quantile(level, found.df))
    if METRICS[metric].percent:
        spread = max(value * (1 - value), 0.0)
        boundary = at_boundary(found, metric, unit)
        if not variance and not boundary:
            return found.value, found.value
        samples = found.videos if boundary else spread / variance
        middle = (value + t * t / (2 * samples)) / (1 + t * t / samples)
        reach = t / (1 + t * t / samples) * float(np.sqrt(spread / samples + (t / (2 * samples)) ** 2))
        low, high = middle - reach, middle + reach
    elif (least, most) == (-1.0, 1.0) and abs(value) < 1:
        reach = t * float(np.sqrt(variance)) / (1 - value * value)
        low, high = float(np.tanh(np.arctanh(value) - reach)), float(np.tanh(np.arctanh(value) + reach))
    else:
        reach = t * float(np.sqrt(variance))
        low, high = value - reach, value + reach
    low, high = min(max(low, least), value), max(min(high, most), value)  # rounding never puts a value outside
    return low * unit, high * unit


def at_boundary(found: Quantity, metric: str, unit: float = 1.0) -> bool:
    """Return True if a metric is at an end of its range and does not vary: its standard error is unknown, not 0."""
    ends = np.abs(np.array(metric_limits(metric)) - found.value / unit)
    return bool(found.variance <= _ROUNDING**2 and ends.min() <= _ROUNDING)


def metric_limits(metric: str) -> tuple[float, float]:
    """The lowest and highest value that a metric can have."""
    found = METRICS[metric]
    if found.limits is not None:
        return found.limits
    if found.percent:
        return 0.0, 1.0
    return (-np.inf, found.perfect) if found.higher_is_better else (found.perfect, np.inf)


_COLUMNS = ["model", "group", "metric", "value", "low", "high", "sd", "seeds", "videos", "flag"]
