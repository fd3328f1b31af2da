"""How sure a quantity is: its variance from the draws, and degrees of freedom that know how few seeds there are.

The bootstrap's variance of a mean over 3 seeds rests on 3 numbers, so that percentiles of its draws are too narrow.
Welch and Satterthwaite give the degrees of freedom of a sum of variances, `V^2 / sum(V_k^2 / df_k)`: here that of the
videos (their number - 1) and that of each model's seeds (number - 1). Student's t takes the place of the normal
distribution. The part of the seeds is known from the jackknife over seeds, which for a mean is s^2 / S.

By simulation (MAE and accuracy, 3 and 5 seeds, 30 and 93 videos), 95 % intervals hold the truth in 94 to 96 % where
seeds matter less than videos or as much, and in 92 to 93 % with 3 seeds that matter twice as much; two equal models are
told apart in 2.5 to 5 %. `tests/benchmark/evaluation/statistics/test_coverage.py` watches over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from benchmark.evaluation.statistics.resampling import Estimates, FloatArray
from benchmark.evaluation.statistics.student import t_quantile
from protocols import InputError

#: A function of curves over scenarios, `(..., J)` each, that keeps the leading axes.
Formula = Callable[..., FloatArray]


@dataclass(frozen=True)
class Quantity:
    """Something computed from the curves of one model or several.

    Attributes:
        value: From the means over all seeds on all videos.
        lost: How many draws it is not defined for; these are left out.
        variance: Of the draws; NaN when none is left.
        df: Degrees of freedom of the variance; infinite where nothing varies.
        percentiles: Of the draws: the lower end of the interval, the median, the upper end; NaN when none is left.
    """

    value: float
    lost: int
    variance: float
    df: float
    percentiles: tuple[float, float, float]


def check_level(level: float) -> None:
    """Raises InputError unless the level is a share between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(f"level is {level:g}, expected a share between 0 and 1, such as 0.95")


def quantity(formula: Formula, parts: Sequence[tuple[Estimates, Sequence[str]]], metric: str, level: float) -> Quantity:
    """Evaluate a formula on the curves of models without holes.

    Args:
        formula: Takes as many curves as there are parts.
        parts: Models with scenarios; the same model may come twice.
        metric: Name.
        level: Of the interval.
    """
    value = float(formula(*(own.curve(metric, wanted) for own, wanted in parts)))
    draws = formula(*(own.drawn_curve(metric, wanted) for own, wanted in parts))
    kept = draws[np.isfinite(draws)]
    if not len(kept):
        return Quantity(value, len(draws), np.nan, np.inf, (np.nan, np.nan, np.nan))
    low, middle, high = (float(v) for v in np.quantile(kept, [(1 - level) / 2, 0.5, (1 + level) / 2]))
    variance = float(kept.var())
    df = _degrees_of_freedom(variance, _seed_variances(formula, parts, metric), parts[0][0].videos - 1)
    return Quantity(value, len(draws) - len(kept), variance, df, (low, middle, high))


def widened(quantities: Sequence[Quantity], level: float) -> FloatArray:
    """`(2, k)`: percentile intervals, stretched about their median by t over normal quantile."""
    stretch = t_quantile(level, [found.df for found in quantities]) / NormalDist().inv_cdf((1 + level) / 2)
    low, middle, high = np.array([found.percentiles for found in quantities]).reshape(-1, 3).T
    return np.stack([middle + (low - middle) * stretch, middle + (high - middle) * stretch])


def _degrees_of_freedom(variance: float, by_seeds: Sequence[tuple[float, int]], of_videos: int) -> float:
    """Welch and Satterthwaite's; what the seeds leave of the variance is the videos'."""
    by_videos = max(variance - sum(v for v, _ in by_seeds), 0.0)
    components = [(v, df) for v, df in (*by_seeds, (by_videos, of_videos)) if df > 0]
    squares = sum(v * v / df for v, df in components)
    return sum(v for v, _ in components) ** 2 / squares if squares > 0 else np.inf


def _seed_variances(
    formula: Formula, parts: Sequence[tuple[Estimates, Sequence[str]]], metric: str
) -> list[tuple[float, int]]:
    """Variance and degrees of freedom of every model's seeds, by leaving one of them out (of all models if paired)."""
    models = {id(own): own for own, _ in parts}
    paired = all(own.paired_seeds for own in models.values()) and len({own.seeds for own in models.values()}) == 1
    found = []
    for together in [tuple(models)] if paired else [(key,) for key in models]:
        count = len(models[together[0]].seeds)
        if count < 2:
            continue
        curves = []
        for own, wanted in parts:
            by_seed = own.seed_curves(metric, wanted)
            without = (by_seed.sum(axis=0) - by_seed) / (len(by_seed) - 1) if id(own) in together else None
            curves.append(own.curve(metric, wanted)[None, :] if without is None else without)
        left_out = np.broadcast_to(formula(*curves), (count,))
        found.append(((count - 1) ** 2 / count * float(left_out.var(ddof=1)), count - 1))
    return [(v, df) for v, df in found if np.isfinite(v)]
