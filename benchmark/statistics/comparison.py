"""Which of two models is better: the paired clustered bootstrap of their difference, corrected over a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.metrics import METRICS
from benchmark.statistics.precision import check_level, quantity
from benchmark.statistics.resampling import SEEDS_FOR_ORDER, Estimates, FloatArray
from benchmark.statistics.student import t_quantile, two_sided_p
from protocols import InputError

#: Values that differ by less than this share of their size differ by rounding.
_SAME = 1e-12


def compare(a: Estimates, b: Estimates, metric: str, scenarios: Sequence[str], *, level: float = 0.95) -> pd.Series:
    """Paired clustered bootstrap of the difference a - b of the mean over scenarios.

    The standard error is that of the paired draws; interval and p follow from it by Student's t with the degrees of
    freedom of `benchmark.statistics.precision`, so that they never contradict each other and p is not bounded below by
    the number of draws, which a correction over many pairs could never pass.

    Returns:
        `a`, `b` (names), `metric`, `value_a`, `value_b`, `difference`, `low`, `high`, `p` (two-sided), `ahead`
        (`share_ahead`) and `flag`: `few seeds` when either has fewer than three, so that p says nothing about another
        training; `no interval` (p is NaN) when nothing was drawn.

    Raises:
        InputError: if a model lacks a scenario or seed, or the draws are not of one call of `resample`.
    """
    check_level(level)
    for own in (a, b):
        for seed, scenario in own.holes(scenarios)[:1]:
            raise InputError(f"model '{own.model}' lacks scenario '{scenario}' for seed {seed}; run it, then compare")
    if a.draws.shape[0] != b.draws.shape[0] or a.videos != b.videos:
        raise InputError(f"'{a.model}' and '{b.model}' were not resampled together; give both to one `resample`")
    value_a, value_b = (float(own.curve(metric, scenarios).mean()) for own in (a, b))
    result = {"a": a.model, "b": b.model, "metric": metric, "value_a": value_a, "value_b": value_b}
    difference = value_a - value_b
    if abs(difference) <= _SAME * (abs(value_a) + abs(value_b)):
        difference = 0.0
    found = quantity(_difference, [(a, scenarios), (b, scenarios)], metric, level)
    low = high = p = np.nan
    nothing = "no interval" in (a.flag, b.flag)
    if not nothing and np.isfinite(difference) and np.isfinite(found.variance):
        error = float(np.sqrt(found.variance))
        reach = float(t_quantile(level, found.df)) * error
        low, high = difference - reach, difference + reach
        far = np.divide(difference, error) if error > 0 else np.inf * np.sign(difference) if difference else 0.0
        p = float(two_sided_p(far, found.df))
    few = min(len(a.seeds), len(b.seeds)) < SEEDS_FOR_ORDER
    flag = "no interval" if nothing else "few seeds" if few else ""
    ahead = share_ahead(a, b, metric, scenarios)
    result |= {"difference": difference, "low": low, "high": high, "p": p, "ahead": ahead, "flag": flag}
    return pd.Series(result)


def share_ahead(a: Estimates, b: Estimates, metric: str, scenarios: Sequence[str]) -> float:
    """Share of the draws in which a has the better mean over scenarios, equal ones counted half.

    This is the support of an order by the bootstrap, not the probability that a is better: the draws hold what videos
    and seeds vary, and Student's t, which allows for few of them, is in p alone. Draws in which a value is not defined
    are left out; NaN where none is left, or one video leaves nothing to draw.
    """
    if a.videos < 2:
        return np.nan
    drawn_a, drawn_b = a.drawn(metric, scenarios), b.drawn(metric, scenarios)
    lead = (drawn_a - drawn_b) * (1 if METRICS[metric].higher_is_better else -1)
    lead[np.abs(lead) <= _SAME * (np.abs(drawn_a) + np.abs(drawn_b))] = 0.0
    known = lead[np.isfinite(lead)]
    return float(((known > 0) + 0.5 * (known == 0)).mean()) if len(known) else np.nan


def compare_all(
    estimates: Mapping[str, Estimates], metric: str, scenarios: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Every pair of models without holes: the columns of `compare` and `p_holm`, corrected over the table."""
    whole = [own for own in estimates.values() if not own.holes(scenarios)]
    pairs = [(a, b) for i, a in enumerate(whole) for b in whole[i + 1 :]]
    if not pairs:
        raise InputError(f"{len(whole)} models without holes, expected at least 2 to compare; run what is missing")
    table = pd.DataFrame([compare(a, b, metric, scenarios, level=level) for a, b in pairs])
    table["p_holm"] = holm(table["p"].to_numpy(np.float64))
    return table


def _difference(a: FloatArray, b: FloatArray) -> FloatArray:
    result: FloatArray = a.mean(axis=-1) - b.mean(axis=-1)
    return result


def holm(p: npt.ArrayLike) -> FloatArray:
    """Holm's step-down adjustment of p-values `(k,)`; NaN stay NaN and do not count."""
    given = np.asarray(p, dtype=np.float64)
    adjusted = given.copy()
    rows = np.flatnonzero(~np.isnan(given))
    order = rows[np.argsort(given[rows], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
