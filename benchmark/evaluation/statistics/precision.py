"""Precision of a quantity: its variance and degrees of freedom, with few videos and seeds taken into account.

The variance has a part of the videos, that of the draws, and a part of every model's seeds, `s^2 / S` for a mean (the
jackknife over seeds gives it for any formula). The seeds' values differ also because each errs on different samples,
which the draws over videos contain already (Owen, Annals of Applied Statistics 2007): the growth of the seed spread
when videos are drawn again estimates that share, and it is subtracted.

Welch and Satterthwaite give the degrees of freedom of a sum of variances, `V^2 / sum(V_k^2 / df_k)`: here that of the
videos (their effective number - 1) and that of each model's seeds (number - 1). They never exceed those of the
videos: seeds say nothing about other videos. Student's t takes the place of the normal distribution.

`docs/statistics.md` has the coverage that was measured; `evaluation/statistics/test_coverage.py` of the tests holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from benchmark.evaluation.statistics.resampling import Estimates, FloatArray
from protocols import InputError

#: A function of curves over scenarios, `(..., J)` each, that keeps the leading axes.
Formula = Callable[..., FloatArray]
#: Maximum share of draws without a value. Videos whose labels are all 0 have no Acc-2 Non0: if only one of all videos
#: has one, a quarter or more of the draws have none; if two have one, at most 1 / e^2. A single video has no variance.
_MOST_LOST = 0.19


@dataclass(frozen=True)
class Quantity:
    """Quantity computed from the curves of one or several models.

    Attributes:
        value: Value from the means over all seeds on all videos.
        lost: Number of draws in which it is not defined; these are left out.
        variance: Variance over videos and seeds; NaN if no draw is left.
        df: Degrees of freedom of the variance.
        videos: Effective number of videos.
    """

    value: float
    lost: int
    variance: float
    df: float
    videos: float


def check_level(level: float) -> None:
    """Raise InputError unless the level is a share between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(f"level is {level:g}, expected a share between 0 and 1, such as 0.95")


def two_sided_p(t: npt.ArrayLike, df: npt.ArrayLike) -> FloatArray:
    """Return the probability under Student's t of a value at least as far from 0 as `t`; arguments broadcast."""
    result: FloatArray = 2 * stdtr(df, -np.abs(np.asarray(t, dtype=np.float64)))
    return result


def t_quantile(level: float, df: npt.ArrayLike) -> FloatArray:
    """Return the t whose size is exceeded with probability `1 - level`, such as 1.96 for 0.95 and infinite `df`."""
    return np.asarray(stdtrit(df, (1 + level) / 2))


def quantity(formula: Formula, parts: Sequence[tuple[Estimates, Sequence[str]]], metric: str) -> Quantity:
    """Evaluate a formula on the curves of models without holes."""
    first = parts[0][0]
    value = float(formula(*(own.curve(metric, wanted) for own, wanted in parts)))
    draws = formula(*(own.drawn_curve(metric, wanted) for own, wanted in parts))
    kept = draws[np.isfinite(draws)]
    if of_one_video(draws):
        return Quantity(value, len(draws) - len(kept), np.nan, np.inf, first.effective_videos)
    by_seeds = _seed_variances(formula, parts, metric)
    variance, df = summed_variance(
        np.array(kept.var() * first.stretch),
        np.array([[raw] for raw, _, _ in by_seeds]).reshape(-1, 1),
        np.array([[kept_share] for _, kept_share, _ in by_seeds]).reshape(-1, 1),
        np.array([[count - 1] for _, _, count in by_seeds]).reshape(-1, 1),
        first,
    )
    return Quantity(value, len(draws) - len(kept), float(variance.item()), float(df.item()), first.effective_videos)


def of_one_video(draws: FloatArray) -> bool:
    """Return True if so many draws have no value that at most one video has a value."""
    return float((~np.isfinite(draws)).mean()) > _MOST_LOST


def mean_quantities(own: Estimates, scenarios: Sequence[str]) -> dict[str, Quantity]:
    """Return `quantity` of the mean over the scenarios for every metric, all at once."""
    value = own.values.mean(axis=0)[own.places(scenarios)].T.copy().mean(axis=-1)
    drawn, count = own.drawn_means(scenarios), len(own.seeds)
    raw, kept_share = np.empty((0, len(value))), np.empty((0, len(value)))
    if count > 1:
        variances = [
            (count - 1) ** 2 / count * _without_each(by_seed).var(axis=1, ddof=1)
            for by_seed in (own.seed_means(scenarios), own.drawn_seed_means(scenarios))
        ]
        raw, kept_share = variances[0][None], corrected_for_videos(variances[0], variances[1].T)[None]
    freedom = np.full((len(raw), 1), count - 1)
    variance, df = summed_variance(drawn.var(axis=1) * own.stretch, raw, kept_share, freedom, own)
    whole = np.logical_and(np.isfinite(drawn).all(axis=1), np.isfinite(raw).all(axis=0))
    return {
        name: Quantity(float(value[m]), 0, float(variance[m]), float(df[m]), own.effective_videos)
        if whole[m]
        else quantity(mean_of_curve, [(own, scenarios)], name)
        for m, name in enumerate(own.metrics)
    }


def _without_each(by_seed: FloatArray) -> FloatArray:
    """Return the means over the seeds, the second axis, without each of them."""
    result: FloatArray = (by_seed.sum(axis=1, keepdims=True) - by_seed) / (by_seed.shape[1] - 1)
    return result


def mean_of_curve(curve: FloatArray) -> FloatArray:
    """Formula of the mean over the scenarios."""
    result: FloatArray = curve.mean(axis=-1)
    return result


def degrees_of_videos(own: Estimates) -> float:
    """Degrees of freedom of the variation between videos: at least 1, and 0 for one video."""
    return max(own.effective_videos - 1, 1.0) if own.videos > 1 else 0.0


def summed_variance(
    by_videos: FloatArray, raw: FloatArray, corrected: FloatArray, freedom: FloatArray, own: Estimates
) -> tuple[FloatArray, FloatArray]:
    """Return variances and their degrees of freedom (Welch, Satterthwaite), at most those of the videos.

    Args:
        by_videos: Part of the videos, of any shape.
        raw: `(models, ...)`: variance of a mean over each model's seeds, from their values.
        corrected: As `raw`, without the share that the part of the videos contains already.
        freedom: Degrees of freedom of `raw`.
        own: Model whose number of videos counts.
    """
    of_videos = degrees_of_videos(own)
    variance = by_videos + corrected.sum(axis=0)
    squares = (raw**2 / freedom).sum(axis=0) + (by_videos**2 / of_videos if of_videos else 0.0)
    return variance, degrees_of_freedom(variance, squares, of_videos)


def degrees_of_freedom(variance: FloatArray, squares: FloatArray, of_videos: float) -> FloatArray:
    """Degrees of freedom of a sum of variances whose squares over their degrees of freedom add up to `squares`."""
    most = of_videos or np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.asarray(variance**2 / squares)
    df[~(squares > 0)] = most
    result: FloatArray = np.clip(df, 1.0, most, out=df)
    return result


def corrected_for_videos(raw: FloatArray, in_draws: FloatArray) -> FloatArray:
    """Subtract from the seeds' variance its growth when videos are drawn again; not below 0.

    Args:
        raw: Variance from the seeds' values on all videos.
        in_draws: `(b, ...)`: variance in every draw.
    """
    known = np.isfinite(in_draws)
    mean = np.where(known, in_draws, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    result: FloatArray = np.maximum(raw - np.maximum(mean - raw, 0.0), 0.0)
    return result


def _seed_variances(
    formula: Formula, parts: Sequence[tuple[Estimates, Sequence[str]]], metric: str
) -> list[tuple[float, float, int]]:
    """Return by model (or for paired models together) the seed variance, the same corrected, and the seed count."""
    models = {id(own): own for own, _ in parts}
    paired = len(models) > 1 and share_seeds(list(models.values()))
    found = []
    for together in [tuple(models)] if paired else [(key,) for key in models]:
        count = len(models[together[0]].seeds)
        if count < 2:
            continue
        variances = []
        for drawn in (False, True):
            curves = []
            for own, wanted in parts:
                by_seed = own.drawn_seed_curves(metric, wanted) if drawn else own.seed_curves(metric, wanted)
                if formula is mean_of_curve:  # the same before and after leaving out a seed
                    by_seed = by_seed.mean(axis=-1, keepdims=True)
                if id(own) in together:  # leave out every seed in turn
                    curves.append((by_seed.sum(axis=-2, keepdims=True) - by_seed) / (count - 1))
                else:
                    curves.append(by_seed.mean(axis=-2, keepdims=True))
            left_out = formula(*curves)
            left_out = np.broadcast_to(left_out, (*left_out.shape[:-1], count))
            variances.append((count - 1) ** 2 / count * left_out.var(axis=-1, ddof=1))
        raw = variances[0]
        if np.isfinite(raw):
            found.append((float(raw), float(corrected_for_videos(raw, variances[1])), count))
    return found


def share_seeds(models: Sequence[Estimates]) -> bool:
    """Return True if a seed of one model is the same one in the others."""
    return all(own.paired_seeds for own in models) and len({own.seeds for own in models}) == 1
