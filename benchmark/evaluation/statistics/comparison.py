"""Comparison of two models: the paired difference on the same videos, and p corrected for many questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.statistics.precision import (
    check_level,
    corrected_for_videos,
    degrees_of_freedom,
    degrees_of_videos,
    of_one_video,
    share_seeds,
    summed_variance,
    t_quantile,
    two_sided_p,
)
from benchmark.evaluation.statistics.resampling import FEW_VIDEOS, SEEDS_FOR_ORDER, Estimates, FloatArray
from protocols import InputError

#: Maximum relative size of a difference that is due to rounding.
_SAME = 1e-12
#: Number of pairs whose draws are held at once.
_PAIRS = 32
#: Seed of the draws of a correction beside those of the videos; the same in every table.
_KEY = 22


def compare(a: Estimates, b: Estimates, metric: str, scenarios: Sequence[str], *, level: float = 0.95) -> pd.Series:
    """Compare two models by a paired clustered bootstrap of the difference a - b of the mean over scenarios.

    Interval and p follow from the standard error and degrees of freedom of `evaluation.statistics.precision` by
    Student's t, so that they never contradict each other.

    Returns:
        `a`, `b` (names), `metric`, `value_a`, `value_b`, `difference`, `low`, `high`, `p` (two-sided) and `flag`,
        joined by "; ": `one video` (no interval and no p: utterances of one video are not independent), `few videos`
        (fewer than `FEW_VIDEOS`), `few seeds` (either has fewer than three, so that p says nothing about another
        training).

    Raises:
        InputError: if a scenario or seed of a model is missing, or the draws are not of one call of `resample`.
    """
    return pd.Series(_compared([a, b], metric, scenarios, [(0, 1)], level)[0])


def compare_all(
    estimates: Mapping[str, Estimates],
    metric: str,
    scenarios: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return `compare` of every pair of names, a row each; the draws of a model are read once for all its pairs."""
    at = {name: i for i, name in enumerate(dict.fromkeys(name for pair in pairs for name in pair))}
    models = [estimates[name] for name in at]
    alike = len({(own.seeds, own.paired_seeds) for own in models}) == 1
    if alike and all(np.isfinite(own.drawn_curve(metric, scenarios)).all() for own in models):
        return pd.DataFrame(_compared(models, metric, scenarios, [(at[a], at[b]) for a, b in pairs], level))
    two = ([estimates[name] for name in pair] for pair in pairs)  # a pair has the draws in which both have a value
    return pd.DataFrame([_compared(both, metric, scenarios, [(0, 1)], level)[0] for both in two])


def _compared(
    models: Sequence[Estimates], metric: str, scenarios: Sequence[str], pairs: Sequence[tuple[int, int]], level: float
) -> list[dict[str, object]]:
    check_level(level)
    for own in models:
        for seed, scenario in own.holes(scenarios)[:1]:
            raise InputError(
                f"model '{own.model}': scenario '{scenario}' is missing for seed {seed}; run it, then compare"
            )
    found = _differences(models, metric, scenarios, pairs)
    known = np.isfinite(found.p)
    reach = np.full(len(known), np.nan)
    reach[known] = t_quantile(level, found.df[known]) * found.error[known]
    rows: list[dict[str, object]] = []
    for row, (i, j) in enumerate(pairs):
        a, b = models[i], models[j]
        few = {
            "one video": a.videos < 2,
            "few videos": 2 <= a.videos < FEW_VIDEOS,
            "few seeds": min(len(a.seeds), len(b.seeds)) < SEEDS_FOR_ORDER,
        }
        difference, half = float(found.difference[row]), float(reach[row])
        values = {"value_a": float(found.values[i]), "value_b": float(found.values[j]), "difference": difference}
        values |= {"low": difference - half, "high": difference + half, "p": float(found.p[row])}
        flag = "; ".join(name for name, true in few.items() if true)
        rows.append({"a": a.model, "b": b.model, "metric": metric, **values, "flag": flag})
    return rows


def contestants(estimates: Mapping[str, Estimates], metric: str, scenarios: Sequence[str]) -> list[str]:
    """Return the models that are ordered, by name: with a value, without a hole, with three seeds if any has three."""
    whole = sorted(
        model
        for model, own in estimates.items()
        if not own.holes(scenarios) and np.isfinite(own.curve(metric, scenarios)).all()
    )
    return [m for m in whole if len(estimates[m].seeds) >= SEEDS_FOR_ORDER] or whole


def corrected(
    estimates: Mapping[str, Estimates],
    metric: str,
    scenarios: Sequence[str],
    pairs: Sequence[tuple[str, str]] | None = None,
) -> dict[tuple[str, str], float]:
    """Correct p of pairs of models for comparing all of them.

    The best of many models is found on the data on which it is compared, so all pairs count, whichever are shown.
    p is the probability, if all models are equal, that the most extreme pair is at least as extreme as this one
    (the single step of Westfall and Young, 1993: a studentised range by bootstrap). The draws over videos give the
    dependence of differences, the parts of the seeds are drawn from normal distributions, and in every draw the
    standard errors are estimated again with their degrees of freedom. A pair is extreme if it is improbable by
    Student's t with the pair's own degrees of freedom (in the approximation of Wallace, Annals of Mathematical
    Statistics 1959), so that a model with a large seed variance does not hide differences of the others. With B draws,
    p is at least 1 / (B + 1).

    Args:
        estimates: Estimates from one call of `resample`.
        metric: Name of the metric.
        scenarios: Scenarios whose mean is compared.
        pairs: Pairs in question, if they were chosen before the results were known; default: all pairs of
            `contestants`.

    Returns:
        Corrected p by pair of names, in both orders; NaN without a p.
    """
    if pairs is None:
        names = contestants(estimates, metric, scenarios)
        pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    if not pairs:
        return {}
    names = sorted({name for pair in pairs for name in pair})
    at = {name: i for i, name in enumerate(names)}
    chosen = sorted({(min(at[a], at[b]), max(at[a], at[b])) for a, b in pairs})
    found = _differences([estimates[name] for name in names], metric, scenarios, chosen)
    p = found.corrected_p()
    both = {(names[i], names[j]): float(value) for (i, j), value in zip(chosen, p, strict=True)}
    return both | {(b, a): value for (a, b), value in both.items()}


def holm(p: npt.ArrayLike) -> FloatArray:
    """Adjust p-values `(k,)` by Holm's step-down method; NaN stay NaN and do not count."""
    given = np.asarray(p, dtype=np.float64)
    adjusted = given.copy()
    rows = np.flatnonzero(~np.isnan(given))
    order = rows[np.argsort(given[rows], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


@dataclass(frozen=True, eq=False)
class _Differences:
    """Differences of m pairs of k models.

    Attributes:
        models: The models.
        pairs: `(m, 2)` indices into `models`.
        values: `(k,)`: means over the scenarios.
        difference, error, df, p: `(m,)`; error and p are NaN if undefined.
        drawn: `(k, B)`: means on drawn videos less their mean, times a constant; only where all models have one.
        by_videos: `(m,)`: part of the videos in the variance.
        raw, kept, freedom: `(parts, m)`: variances by seeds, the same corrected, their degrees of freedom.
    """

    models: Sequence[Estimates]
    pairs: npt.NDArray[np.int64]
    values: FloatArray
    difference: FloatArray
    error: FloatArray
    df: FloatArray
    p: FloatArray
    drawn: FloatArray
    by_videos: FloatArray
    raw: FloatArray
    kept: FloatArray
    freedom: FloatArray

    def corrected_p(self) -> FloatArray:
        """Correct p of the pairs, `(m,)`: see `corrected`."""
        known = np.isfinite(self.p)
        if known.sum() < 2:
            return self.p
        paired = len(self.raw) == 1  # a part for each model of a pair, or one for both
        counts = np.array([len(own.seeds) - 1 for own in self.models])
        units = (self.pairs if not paired else np.arange(len(self.pairs))[:, None]).T
        sizes = counts if not paired else self.freedom[0]
        of_videos, draws = degrees_of_videos(self.models[0]), self.drawn.shape[1]
        normals, spreads, of_pairs = _random(tuple(sizes.tolist()), of_videos, draws)
        raw, kept, freedom = (_by_unit(values, units) for values in (self.raw, self.kept, self.freedom))
        errors, by_seeds = normals * np.sqrt(kept), raw * spreads
        squares = by_seeds**2 / freedom
        by_seeds = np.maximum(by_seeds - (raw - kept), 0.0)
        most = np.zeros(draws)
        for start in range(0, len(self.pairs), _PAIRS):
            block = slice(start, start + _PAIRS)
            i, j = self.pairs[block].T
            number = self.drawn[i]
            number -= self.drawn[j]
            variance = self.by_videos[block, None] * of_pairs[: len(i)]
            square = variance**2
            square /= of_videos
            for sign, unit in zip((1, -1), units[:, block], strict=False):
                number += sign * errors[unit]
                variance += by_seeds[unit]
                square += squares[unit]
            number *= number
            far = _conspicuous(number, variance, degrees_of_freedom(variance, square, of_videos))
            most = np.maximum(most, far[known[block]].max(axis=0, initial=0.0))
        seen = _conspicuous(self.difference**2, self.error**2, self.df)
        beaten = len(most) - np.searchsorted(np.sort(most), np.where(known, seen, 0.0) * (1 - _SAME))
        result: FloatArray = np.where(known, np.maximum((1 + beaten) / (1 + draws), self.p), np.nan)
        return np.minimum(result, 1.0)


@lru_cache(maxsize=4)
def _random(sizes: tuple[float, ...], of_videos: float, draws: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Draw what a correction draws: a normal deviate and a spread for each of some seeds, and spreads of the videos."""
    rng = np.random.default_rng(_KEY)
    normals = rng.standard_normal((len(sizes), draws))
    spreads = np.stack([_chi_square(rng, size, draws) for size in sizes])
    return normals, spreads, np.stack([_chi_square(rng, of_videos, draws) for _ in range(_PAIRS)])


def _by_unit(values: FloatArray, units: npt.NDArray[np.int64]) -> FloatArray:
    """Turn the values of the parts of pairs into those of the models or pairs that they are of, `(units, 1)`."""
    found = np.zeros((units.max() + 1, 1))
    found[units, 0] = values
    return found


def _chi_square(rng: np.random.Generator, df: float, draws: int) -> FloatArray:
    """Draw chi-square over its degrees of freedom, the variation of an estimated variance; 1 without any."""
    return rng.chisquare(df, draws) / df if df > 0 else np.ones(draws)


def _conspicuous(square: FloatArray, variance: FloatArray, df: FloatArray) -> FloatArray:
    """Approximate the square of the normal deviate that is as improbable as t; 0 for no difference."""
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.asarray(square / variance)
        far[~(square > 0)] = 0.0
        far /= df
        result: FloatArray = np.log1p(far, out=far)
        result *= df
        result *= (1 - 2 / (8 * df + 3)) ** 2
        return result


def _differences(
    models: Sequence[Estimates], metric: str, scenarios: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> _Differences:
    first = models[0]
    for own in models[1:]:
        if own.draws.shape[0] != first.draws.shape[0] or own.videos != first.videos:
            raise InputError(
                f"'{first.model}' and '{own.model}' were not resampled together; give both to one `resample`"
            )
    chosen = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    i, j = chosen.T
    values = np.array([float(own.curve(metric, scenarios).mean()) for own in models])
    drawn = np.stack([own.drawn_curve(metric, scenarios).mean(axis=1) for own in models])
    several = first.videos > 1 and not of_one_video(drawn.sum(axis=0))
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)] * np.sqrt(first.stretch)
    if share_seeds(models) and len(first.seeds) > 1:
        seeds = np.stack([own.by_seed(metric, scenarios) for own in models])
        in_draws = np.stack([own.drawn_seed_curves(metric, scenarios).mean(axis=2) for own in models])
        raw, kept = _of_a_mean(seeds[i] - seeds[j], in_draws[i] - in_draws[j])
        raw, kept, freedom = raw[None], kept[None], np.full((1, len(chosen)), len(first.seeds) - 1.0)
    else:
        both = [
            _of_a_mean(own.by_seed(metric, scenarios), own.drawn_seed_curves(metric, scenarios).mean(axis=2))
            for own in models
        ]
        raw, kept = (np.array([part[n] for part in both])[chosen].T for n in (0, 1))
        freedom = np.maximum([len(own.seeds) - 1.0 for own in models], 1.0)[chosen].T
    by_videos = np.nan * values[i]
    if drawn.size:
        drawn -= drawn.mean(axis=1, keepdims=True)
        blocks = [slice(start, start + _PAIRS) for start in range(0, len(chosen), _PAIRS)]
        by_videos = np.concatenate([((drawn[i[b]] - drawn[j[b]]) ** 2).mean(axis=1) for b in blocks])
    difference = values[i] - values[j]
    difference[np.abs(difference) <= _SAME * (np.abs(values[i]) + np.abs(values[j]))] = 0.0
    variance, df = summed_variance(by_videos, raw, kept, freedom, first)
    known = np.isfinite(difference) & np.isfinite(variance) & several
    error = np.where(known, np.sqrt(np.where(known, variance, 0.0)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(difference == 0, 0.0, difference / error)
    p = np.where(known, two_sided_p(t, df), np.nan)
    return _Differences(models, chosen, values, difference, error, df, p, drawn, by_videos, raw, kept, freedom)


def _of_a_mean(values: FloatArray, in_draws: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Variance of a mean over seeds `(..., S)`, and the same corrected by the draws `(..., b, S)`; 0 for one seed."""
    count = values.shape[-1]
    if count < 2:
        return np.zeros(values.shape[:-1]), np.zeros(values.shape[:-1])
    raw = values.var(axis=-1, ddof=1) / count
    return raw, corrected_for_videos(raw, np.moveaxis(in_draws.var(axis=-1, ddof=1) / count, -1, 0))
