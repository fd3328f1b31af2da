"""Uncertainty: bootstrap over videos and seeds, comparisons, ranks, and what sums a protocol up.

`resample` draws once; intervals, differences and ranks all read the same draws. Utterances of a video are not
independent, so videos are drawn, the same ones for every model; seeds are drawn for each model on its own. Following
Rao and Wu (JASA 1988), one unit fewer than there are is drawn, which makes the variance of a mean unbiased: with 3
seeds the plain bootstrap would understate it by a third.

Every metric is a function of sums over samples, so a draw is a matrix product of video weights and per-video sums.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.metrics import METRICS, check_predictions, scale_of, sums_by_cluster, values_from_sums
from protocols import InputError, unknown_name

FloatArray: TypeAlias = npt.NDArray[np.float64]

#: Draws of a published table.
DRAWS = 2000
#: Fewer seeds than this support no claim of order.
SEEDS_FOR_ORDER = 3
#: Draws x cells that are held at once for each named sum: 8 MB.
_BLOCK = 1_000_000


@dataclass(frozen=True, eq=False)
class Estimates:
    """One model: its values and their bootstrap draws.

    Attributes:
        model: Name.
        seeds: S seeds.
        scenarios: J scenarios.
        metrics: M metrics.
        values: `(S, J, M)` at full precision, NaN where the grid has a hole.
        draws: `(B, J, M)`: mean over drawn seeds on drawn videos. Draw b of two models has the same videos.
        videos: Number of videos.
        present: `(S, J)`: which cells are there.
    """

    model: str
    seeds: tuple[int, ...]
    scenarios: tuple[str, ...]
    metrics: tuple[str, ...]
    values: FloatArray
    draws: FloatArray
    videos: int
    present: npt.NDArray[np.bool_]

    @property
    def flag(self) -> str:
        """What the interval leaves out: empty, `videos only`, `seeds only` or `no interval`."""
        return {
            (False, False): "",
            (True, False): "videos only",
            (False, True): "seeds only",
            (True, True): "no interval",
        }[len(self.seeds) < 2, self.videos < 2]

    def holes(self, scenarios: Sequence[str]) -> list[tuple[int, str]]:
        """(seed, scenario) pairs that are not there."""
        have = {(self.seeds[s], self.scenarios[j]) for s, j in np.argwhere(self.present)}
        return [(s, name) for s in self.seeds for name in scenarios if (s, name) not in have]

    def by_seed(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """`(S,)`: mean over the scenarios for each seed."""
        result: FloatArray = self.values[:, self._columns(scenarios), self._metric(metric)].mean(axis=1)
        return result

    def drawn(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """`(B,)`: mean over the scenarios for each draw."""
        result: FloatArray = self.draws[:, self._columns(scenarios), self._metric(metric)].mean(axis=1)
        return result

    def _columns(self, scenarios: Sequence[str]) -> list[int]:
        for name in scenarios:
            if name not in self.scenarios:
                raise unknown_name(f"scenario of model '{self.model}'", name, self.scenarios)
        return [self.scenarios.index(name) for name in scenarios]

    def _metric(self, name: str) -> int:
        if name not in self.metrics:
            raise unknown_name("metric", name, self.metrics)
        return self.metrics.index(name)


def resample(
    label: npt.ArrayLike,
    video_ids: npt.ArrayLike,
    cells: pd.DataFrame,
    predictions: npt.ArrayLike,
    *,
    label_range: tuple[float, float] = (-3.0, 3.0),
    metrics: Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    paired_seeds: bool = False,
) -> dict[str, Estimates]:
    """Values and bootstrap draws of every model.

    Args:
        label: `(n,)`.
        video_ids: `(n,)`: the cluster of each sample.
        cells: C rows with `model`, `seed`, `scenario`; row i belongs to `predictions[i]`.
        predictions: `(C, n)`.
        label_range: Lowest and highest label.
        metrics: Names, all of the label range by default.
        draws: B.
        seed: Of the draws. They depend on nothing else that may change between tables: not on the order of samples
            or cells, nor on which other models are there.
        paired_seeds: Draw the same seeds for every model (for models that share a seed's initialisation or data).

    Raises:
        InputError: for arrays that do not fit, values that are not finite, or a cell that is there twice.
    """
    scale = scale_of(label_range)
    names = tuple(scale.metrics if metrics is None else metrics)
    for name in names:
        if name not in scale.metrics:
            raise unknown_name(f"metric of label range {label_range}", name, scale.metrics)
    truth, matrix = check_predictions(label, predictions)
    videos = np.asarray(video_ids, dtype=np.str_)
    _check(truth, videos, cells, matrix, draws)
    order = np.argsort(videos, kind="stable")
    starts = np.flatnonzero(np.r_[True, videos[order][1:] != videos[order][:-1]]).astype(np.int64)
    weights = draw_weights(draws, len(starts), seed, "videos")

    results = {}
    for model, rows in cells.groupby("model", sort=False).indices.items():
        own = cells.iloc[rows]
        seeds = tuple(sorted(int(s) for s in own["seed"].unique()))
        scenarios = tuple(dict.fromkeys(own["scenario"]))
        grid = np.full((len(seeds), len(scenarios)), -1, dtype=np.int64)
        seed_at, scenario_at = ({name: i for i, name in enumerate(axis)} for axis in (seeds, scenarios))
        grid[own["seed"].map(seed_at), own["scenario"].map(scenario_at)] = rows
        values = np.full((len(seeds), len(scenarios), len(names)), np.nan)
        drawn = np.full((draws, len(scenarios), len(names)), np.nan)
        purpose = "seeds" if paired_seeds else f"seeds of {model}"
        step = max(1, _BLOCK // (draws * len(seeds)))
        for j in range(0, len(scenarios), step):
            block = grid[:, j : j + step]
            present = block >= 0
            sums = sums_by_cluster(truth[order], matrix[block[present]][:, order], starts, scale)
            whole = values_from_sums({k: v.sum(axis=1) for k, v in sums.items()}, scale, names)
            resampled = values_from_sums({k: weights @ v.T for k, v in sums.items()}, scale, names)
            shares = _seed_shares(present, draws, seed, purpose)
            for m, name in enumerate(names):
                values[:, j : j + step, m][present] = whole[name]
                by_seed = np.zeros((draws, *block.shape))
                by_seed[:, present] = resampled[name]
                drawn[:, j : j + step, m] = np.einsum("bsj,bsj->bj", shares, by_seed)
        results[str(model)] = Estimates(str(model), seeds, scenarios, names, values, drawn, len(starts), grid >= 0)
    return results


def draw_weights(draws: int, units: int, seed: int, purpose: str) -> FloatArray:
    """`(draws, units)`: how often each unit is drawn when `units - 1` are drawn with replacement (one: always it)."""
    if units < 2:
        return np.ones((draws, units))
    key = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")
    rng = np.random.default_rng([seed, key])
    return rng.multinomial(units - 1, np.full(units, 1 / units), size=draws).astype(np.float64)


def interval(draws: FloatArray, level: float = 0.95, *, axis: int = 0) -> tuple[FloatArray, FloatArray]:
    """Percentile interval over an axis of draws; draws that are NaN (an empty class) are left out."""
    if not 0 < level < 1:
        raise InputError(f"level is {level:g}, expected a share between 0 and 1, such as 0.95")
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

    Args:
        estimates: From `resample`.
        groups: By name, the scenarios whose mean is taken (a protocol's); by default every scenario for itself.
        level: Of the interval.

    Returns:
        Columns `model`, `group`, `metric`, `value` (mean over scenarios, then seeds), `low`, `high`, `sd` (over seeds,
        NaN for one), `seeds`, `videos`, `flag` (see `Estimates.flag`; `hole` where a scenario or seed is missing:
        such a group has no value).
    """
    rows = []
    for model, own in estimates.items():
        for group, scenarios in (groups or {name: (name,) for name in own.scenarios}).items():
            hole = bool(own.holes(scenarios))
            for metric in own.metrics:
                row: dict[str, object] = {"model": model, "group": group, "metric": metric}
                value = low = high = sd = np.nan
                if not hole:
                    by_seed = own.by_seed(metric, scenarios)
                    value = float(by_seed.mean())
                    sd = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else np.nan
                    if own.flag != "no interval":
                        low, high = (float(v) for v in interval(own.drawn(metric, scenarios), level))
                row |= {"value": value, "low": low, "high": high, "sd": sd}
                row |= {"seeds": len(own.seeds), "videos": own.videos, "flag": "hole" if hole else own.flag}
                rows.append(row)
    columns = ["model", "group", "metric", "value", "low", "high", "sd", "seeds", "videos", "flag"]
    return pd.DataFrame(rows, columns=columns)


def compare(a: Estimates, b: Estimates, metric: str, scenarios: Sequence[str], *, level: float = 0.95) -> pd.Series:
    """Paired clustered bootstrap of the difference a - b of the mean over scenarios.

    Returns:
        `a`, `b` (names), `metric`, `value_a`, `value_b`, `difference`, `low`, `high`, `p` (two-sided), `better` (the
        share of draws in which a is the better one, ties counted half) and `flag`: `few seeds` when either has fewer
        than three, so that p says nothing about another training; `no interval` (p is NaN) when nothing was drawn.

    Raises:
        InputError: if a model lacks a scenario or seed, or the draws are not of one call of `resample`.
    """
    for own in (a, b):
        for seed, scenario in own.holes(scenarios)[:1]:
            raise InputError(f"model '{own.model}' lacks scenario '{scenario}' for seed {seed}; run it, then compare")
    if a.draws.shape[0] != b.draws.shape[0] or a.videos != b.videos:
        raise InputError(f"'{a.model}' and '{b.model}' were not resampled together; give both to one `resample`")
    value_a, value_b = (float(own.by_seed(metric, scenarios).mean()) for own in (a, b))
    result = {"a": a.model, "b": b.model, "metric": metric, "value_a": value_a, "value_b": value_b}
    result["difference"] = value_a - value_b
    if "no interval" in (a.flag, b.flag):
        nothing = dict.fromkeys(("low", "high", "p", "better"), np.nan)
        return pd.Series({**result, **nothing, "flag": "no interval"})
    draws = a.drawn(metric, scenarios) - b.drawn(metric, scenarios)
    draws = draws[np.isfinite(draws)]
    low, high = (float(v) for v in interval(draws, level)) if len(draws) else (np.nan, np.nan)
    tail = min(np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0))
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    better = float(np.mean((sign * draws > 0) + 0.5 * (draws == 0))) if len(draws) else np.nan
    few = min(len(a.seeds), len(b.seeds)) < SEEDS_FOR_ORDER
    p = min(1.0, 2 * (1 + tail) / (1 + len(draws))) if len(draws) else np.nan
    return pd.Series({**result, "low": low, "high": high, "p": p, "better": better, "flag": "few seeds" if few else ""})


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


def holm(p: npt.ArrayLike) -> FloatArray:
    """Holm's step-down adjustment of p-values `(k,)`; NaN stay NaN and do not count."""
    given = np.asarray(p, dtype=np.float64)
    adjusted = given.copy()
    rows = np.flatnonzero(~np.isnan(given))
    order = rows[np.argsort(given[rows], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def ranks(
    estimates: Mapping[str, Estimates], metric: str, scenarios: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Models from best to worst with shared ranks.

    A model opens a new rank when the best of the current rank beats it in at least `(1 + level) / 2` of the paired
    draws; otherwise it shares that rank. Comparing with the best, not the neighbour, keeps a chain of small steps from
    putting clearly different models on one rank. Models with fewer than three seeds have no rank (NaN), models with a
    hole come last and have no value.

    Returns:
        One row a model: `model`, `value`, `rank` (float), `above_next`: the share of draws in which the model is
        better than the next row that has a value.
    """
    known = {m: e for m, e in estimates.items() if not e.holes(scenarios)}
    values = {m: float(e.by_seed(metric, scenarios).mean()) for m, e in known.items()}
    sign = -1.0 if METRICS[metric].higher_is_better else 1.0
    order = sorted(known, key=lambda m: (np.isnan(values[m]), sign * values[m], m))
    rows: list[dict[str, object]] = []
    leader, rank, ranked = "", 0, 0
    for i, model in enumerate(order):
        row: dict[str, object] = {"model": model, "value": values[model], "rank": np.nan, "above_next": np.nan}
        if i + 1 < len(order):
            row["above_next"] = compare(known[model], known[order[i + 1]], metric, scenarios)["better"]
        if len(known[model].seeds) >= SEEDS_FOR_ORDER and np.isfinite(values[model]):
            ranked += 1
            apart = leader and compare(known[leader], known[model], metric, scenarios)["better"] >= (1 + level) / 2
            if not leader or apart:
                leader, rank = model, ranked
            row["rank"] = float(rank)
        rows.append(row)
    rows += [{"model": m, "value": np.nan, "rank": np.nan, "above_next": np.nan} for m in estimates if m not in known]
    return pd.DataFrame(rows, columns=["model", "value", "rank", "above_next"])


def auilc(x: npt.ArrayLike, values: npt.ArrayLike) -> FloatArray:
    """Area under the curve of `values (..., J)` over rates `x (J,)` by the trapezoid, divided by the axis' length."""
    rates, curve = np.asarray(x, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if rates.ndim != 1 or len(rates) < 2 or curve.shape[-1] != len(rates) or len(np.unique(rates)) != len(rates):
        raise InputError(f"x has shape {rates.shape}, expected at least 2 different rates for values {curve.shape}")
    order = np.argsort(rates)
    widths, heights = np.diff(rates[order]), curve[..., order]
    area: FloatArray = ((heights[..., 1:] + heights[..., :-1]) / 2 * widths).sum(axis=-1)
    result: FloatArray = np.asarray(area / widths.sum())
    return result


def retention(values: npt.ArrayLike, complete: npt.ArrayLike) -> FloatArray:
    """Value at a rate over the value with everything there; NaN where that is 0."""
    return _quotient(np.asarray(values, dtype=np.float64), np.asarray(complete, dtype=np.float64))


def skill(values: npt.ArrayLike, constant: npt.ArrayLike, metric: str) -> FloatArray:
    """Share of the way from the constant predictor (0) to perfection (1); negative where worse than the constant."""
    start = np.asarray(constant, dtype=np.float64)
    return _quotient(np.asarray(values, dtype=np.float64) - start, METRICS[metric].perfect - start)


def worst(values: npt.ArrayLike, metric: str) -> FloatArray:
    """The worst of `values (..., J)`."""
    curve = np.asarray(values, dtype=np.float64)
    return np.asarray(curve.min(axis=-1) if METRICS[metric].higher_is_better else curve.max(axis=-1))


def relative_error(errors: npt.ArrayLike, baseline: npt.ArrayLike) -> FloatArray:
    """Mean over scenarios of error over the baseline's error, both `(..., J)` (the mCE of corruption benchmarks)."""
    quotient = _quotient(np.asarray(errors, dtype=np.float64), np.asarray(baseline, dtype=np.float64))
    return np.asarray(quotient.mean(axis=-1))


def _quotient(above: FloatArray, below: FloatArray) -> FloatArray:
    result: FloatArray = np.where(below != 0, above / np.where(below != 0, below, 1.0), np.nan)
    return result


def _seed_shares(present: npt.NDArray[np.bool_], draws: int, seed: int, purpose: str) -> FloatArray:
    """`(B, S, J)`: weight of each seed in each scenario; drawn among the seeds that the scenario has."""
    shares = np.zeros((draws, *present.shape))
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        weights = draw_weights(draws, int(pattern.sum()), seed, purpose)
        weights /= weights.sum(axis=1, keepdims=True)
        shares[np.ix_(np.arange(draws), np.flatnonzero(pattern), np.flatnonzero(which == k))] = weights[:, :, None]
    return shares


def _check(
    truth: FloatArray, videos: npt.NDArray[np.str_], cells: pd.DataFrame, matrix: FloatArray, draws: int
) -> None:
    if videos.shape != truth.shape:
        raise InputError(f"video_ids has shape {videos.shape}, expected {truth.shape}, one a label")
    absent = [name for name in ("model", "seed", "scenario") if name not in cells]
    if absent:
        raise InputError(f"cells have no column '{absent[0]}'; found {', '.join(map(str, cells.columns))}")
    if len(cells) != len(matrix):
        raise InputError(f"cells have {len(cells)} rows, expected {len(matrix)}, one a row of predictions")
    twice = cells[cells.duplicated(["model", "seed", "scenario"])]
    if len(twice):
        model, seed, scenario = twice.iloc[0][["model", "seed", "scenario"]]
        raise InputError(f"cell ({model}, seed {seed}, {scenario}) is there twice; keep one of the runs")
    if draws < 1:
        raise InputError(f"draws is {draws}, expected at least 1 (2000 for a published table)")
