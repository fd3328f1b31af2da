"""Bootstrap over videos: one call draws, and intervals, differences and ranks all read the same draws.

Utterances of a video are not independent, so videos are drawn, the same ones for every model. Following Rao and Wu
(JASA 1988), one video fewer than there are is drawn, which makes the variance of a mean unbiased. Every metric is a
function of sums over samples, so a draw is a matrix product of video weights and per-video sums.

Seeds are too few to be drawn: three values have six different means. Their part of a variance is computed from their
values, by `evaluation.statistics.precision`, which also ensures that the variation between seeds within a video is
counted once (Owen, Annals of Applied Statistics 2007). For that, some draws are kept of every seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import (
    METRICS,
    Sums,
    check_predictions,
    metric_names,
    sums_by_cluster,
    values_from_sums,
)
from protocols import InputError, unknown_name

FloatArray: TypeAlias = npt.NDArray[np.float64]

#: Number of draws of a published table.
DRAWS = 2000
#: Minimum number of seeds that supports a claim of order.
SEEDS_FOR_ORDER = 3
#: Number of videos below which a table says that they are few: see `docs/statistics.md` for the measurements.
FEW_VIDEOS = 10
#: Number of draws that are kept of every seed.
SEED_DRAWS = 200
#: Maximum number of cells whose sums are made at once.
_CELLS = 500
#: Maximum number of draws x cells whose metrics are computed at once: they stay in the cache of a processor.
_CACHED = 1 << 15


@dataclass(frozen=True, eq=False)
class Estimates:
    """Values of one model and their bootstrap draws.

    Attributes:
        model: Name of the model.
        seeds: S seeds.
        scenarios: J scenarios.
        metrics: M metrics.
        values: `(S, J, M)` at full precision, NaN where the grid has a hole.
        draws: `(B, J, M)`: mean over the seeds on drawn videos. Draw b of two models has the same videos.
        seed_draws: `(b, S, J, M)`: every seed in the first draws, at most `SEED_DRAWS`; NaN where the grid has a hole.
        videos: Number of videos.
        effective_videos: Equivalent number of videos of equal size (Kish): the square of the number of samples,
            divided by the sum of the squared sizes of the videos.
        present: `(S, J)` bool: existing cells.
        paired_seeds: True if a seed is the same one in every model, so that differences are those of the same seed.
    """

    model: str
    seeds: tuple[int, ...]
    scenarios: tuple[str, ...]
    metrics: tuple[str, ...]
    values: FloatArray
    draws: FloatArray
    seed_draws: FloatArray
    videos: int
    effective_videos: float
    present: npt.NDArray[np.bool_]
    paired_seeds: bool = False

    @property
    def flag(self) -> str:
        """Limits of the interval: empty, `videos only`, `seeds only` or `no interval`."""
        return {
            (False, False): "",
            (True, False): "videos only",
            (False, True): "seeds only",
            (True, True): "no interval",
        }[len(self.seeds) < 2, self.videos < 2]

    @property
    def stretch(self) -> float:
        """Factor that turns the variance of draws into that of a mean over videos of these sizes.

        Drawing V - 1 of V videos suits a mean that has followed each of V equal ones by 1 / V; a mean over unequal
        ones follows the large ones by more, as if there were `effective_videos` of them.
        """
        return (1 - 1 / self.videos) / (1 - 1 / max(self.effective_videos, 2.0)) if self.videos > 1 else 1.0

    def holes(self, scenarios: Sequence[str]) -> list[tuple[int, str]]:
        """Missing (seed, scenario) pairs."""
        if self._whole and all(name in self._place_of for name in scenarios):
            return []
        there = {name: self.present[:, j] for j, name in enumerate(self.scenarios)}
        nowhere = np.zeros(len(self.seeds), dtype=np.bool_)
        columns = [(name, there.get(name, nowhere)) for name in scenarios]
        return [(s, name) for i, s in enumerate(self.seeds) for name, column in columns if not column[i]]

    def only(self, scenarios: Sequence[str], metrics: Sequence[str] | None = None) -> Estimates | None:
        """Return the same draws for some scenarios, with the seeds that have any of them, and some metrics (None: all).

        Returns:
            None if the model has no cell of these scenarios.
        """
        wanted, names = set(scenarios), self.metrics if metrics is None else tuple(metrics)
        columns = np.array([j for j, name in enumerate(self.scenarios) if name in wanted], dtype=np.int64)
        rows = np.flatnonzero(self.present[:, columns].any(axis=1))
        if not len(rows):
            return None
        if len(columns) == len(self.scenarios) and len(rows) == len(self.seeds) and names == self.metrics:
            return self
        kept = np.array([self._metric(name) for name in names], dtype=np.int64)
        return replace(
            self,
            seeds=tuple(self.seeds[i] for i in rows),
            scenarios=tuple(self.scenarios[j] for j in columns),
            metrics=names,
            values=self.values[np.ix_(rows, columns, kept)],
            draws=self.draws[:, columns][:, :, kept],
            seed_draws=self.seed_draws[:, rows][:, :, columns][:, :, :, kept],
            present=self.present[np.ix_(rows, columns)],
        )

    def by_seed(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return the mean over the scenarios for each seed, `(S,)`."""
        result: FloatArray = self.values[:, self.places(scenarios), self._metric(metric)].mean(axis=1)
        return result

    def seed_curves(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return every seed under each scenario, `(S, J)`."""
        return self.values[:, self.places(scenarios), self._metric(metric)]

    def curve(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return the mean over the seeds under each scenario, `(J,)`."""
        result: FloatArray = self.values[:, self.places(scenarios), self._metric(metric)].mean(axis=0)
        return result

    def drawn_curve(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return each draw under each scenario, `(B, J)`."""
        return self.draws[:, self._neighbours(scenarios), self._metric(metric)]

    def drawn_seed_curves(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return every seed under each scenario in the first draws, `(b, S, J)`."""
        return self.seed_draws[:, :, self._neighbours(scenarios), self._metric(metric)]

    def seed_means(self, scenarios: Sequence[str]) -> FloatArray:
        """Return the mean over the scenarios of every metric for each seed, `(M, S)`."""
        by_metric: FloatArray = np.take(self.values.transpose(2, 0, 1), self.places(scenarios), axis=2).mean(axis=-1)
        return by_metric

    def drawn_means(self, scenarios: Sequence[str]) -> FloatArray:
        """Return the same for each draw, `(M, B)`."""
        by_metric: FloatArray = self.draws.transpose(2, 1, 0)[:, self._neighbours(scenarios)].mean(axis=1)
        return by_metric

    def drawn_seed_means(self, scenarios: Sequence[str]) -> FloatArray:
        """Return the same for every seed in the first draws, `(M, S, b)`."""
        by_metric = self.seed_draws.transpose(3, 1, 2, 0)
        means: FloatArray = by_metric[:, :, self._neighbours(scenarios)].mean(axis=2)
        return means

    @cached_property
    def _whole(self) -> bool:
        return bool(self.present.all())

    @cached_property
    def _place_of(self) -> dict[str, int]:
        return {name: j for j, name in enumerate(self.scenarios)}

    def places(self, scenarios: Sequence[str]) -> list[int]:
        """Return the positions of scenarios; raises InputError for one that the model does not have."""
        for name in scenarios:
            if name not in self._place_of:
                raise unknown_name(f"scenario of model '{self.model}'", name, self.scenarios)
        return [self._place_of[name] for name in scenarios]

    def _neighbours(self, scenarios: Sequence[str]) -> list[int] | slice:
        """Return the columns of scenarios, as a slice if they are neighbours: it copies nothing."""
        found = self.places(scenarios)
        first, end = (found[0], found[0] + len(found)) if found else (0, 0)
        return slice(first, end) if found == list(range(first, end)) else found

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
    split_of: npt.NDArray[np.object_] | None = None,
) -> dict[str, Estimates]:
    """Compute values and bootstrap draws of every model.

    Args:
        label: `(n,)` labels.
        video_ids: `(n,)`: the cluster of each sample.
        cells: C rows with `model`, `seed`, `scenario`; row i belongs to `predictions[i]`.
        predictions: `(C, n)` predictions.
        label_range: Lowest and highest label.
        metrics: Names of metrics; default: all of the label range.
        draws: B, the number of draws.
        seed: Seed of the draws, which depend on nothing else that may change between tables: not on the order of
            samples or cells, nor on the other models.
        paired_seeds: Models share a seed's initialisation or data, so that a difference is that of the same seed.
        split_of: `(n,)`: split whose test part contains the sample, for pooled splits; see
            `benchmark.evaluation.metrics.constant_predictions`.

    Raises:
        InputError: for arrays that do not fit, values that are not finite, or a cell that occurs twice.
    """
    known = metric_names(label_range)
    names = known if metrics is None else tuple(metrics)
    for name in names:
        if name not in known:
            raise unknown_name(f"metric of label range {label_range}", name, known)
    truth, matrix = check_predictions(label, predictions)
    videos = np.asarray(video_ids, dtype=np.str_)
    _check(truth, videos, cells, matrix, draws)
    order = np.argsort(videos, kind="stable")
    owner = None if split_of is None else split_of[order]
    starts = np.flatnonzero(np.r_[True, videos[order][1:] != videos[order][:-1]]).astype(np.int64)
    sizes = np.diff(np.r_[starts, len(truth)])
    effective = float(sizes.sum() ** 2 / (sizes**2).sum())
    weights = np.ascontiguousarray(draw_weights(draws, len(starts), seed, "videos").T)

    results = {}
    seed_of, scenario_of = cells["seed"].to_numpy(np.int64), cells["scenario"].to_numpy(np.object_)
    for model, rows in cells.groupby("model", sort=False).indices.items():
        seeds = tuple(sorted({int(s) for s in seed_of[rows]}))
        scenarios = tuple(dict.fromkeys(str(name) for name in scenario_of[rows]))
        grid = np.full((len(seeds), len(scenarios)), -1, dtype=np.int64)
        seed_at, scenario_at = ({name: i for i, name in enumerate(axis)} for axis in (seeds, scenarios))
        for row in rows:
            grid[seed_at[seed_of[row]], scenario_at[scenario_of[row]]] = row
        values = np.full((len(seeds), len(scenarios), len(names)), np.nan)
        drawn = np.empty((len(names), len(scenarios), draws))
        by_seed = np.empty((len(names), len(seeds), len(scenarios), min(draws, SEED_DRAWS)))
        by_seed[:, grid < 0] = np.nan
        step = max(1, _CELLS // len(seeds))
        for j in range(0, len(scenarios), step):
            block = grid[:, j : j + step]
            present = block >= 0
            sums = sums_by_cluster(truth[order], matrix[block[present]][:, order], starts, names, owner)
            whole = values_from_sums({k: v.sum(axis=1) for k, v in sums.items()}, names)
            for m, name in enumerate(names):
                values[:, j : j + step, m][present] = whole[name]
            _draw(sums, names, present, weights, drawn[:, j : j + step], by_seed[:, :, j : j + step])
        results[str(model)] = Estimates(
            str(model), seeds, scenarios, names, values, drawn.transpose(2, 1, 0), by_seed.transpose(3, 1, 2, 0),
            len(starts), effective, grid >= 0, paired_seeds,
        )  # fmt: skip
    return results


def draw_weights(draws: int, units: int, seed: int, purpose: str) -> FloatArray:
    """Count draws of each unit when `units - 1` are drawn with replacement (a single unit: 1); `(draws, units)`."""
    if units < 2:
        return np.ones((draws, units))
    rng = _generator(seed, purpose)
    return rng.multinomial(units - 1, np.full(units, 1 / units), size=draws).astype(np.float64)


def _generator(seed: int, purpose: str) -> np.random.Generator:
    key = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng([seed, key])


def _draw(
    sums: Sums,
    names: Sequence[str],
    present: npt.NDArray[np.bool_],
    weights: FloatArray,
    drawn: FloatArray,
    by_seed: FloatArray,
) -> None:
    """Fill in the metrics of one model on drawn videos.

    Args:
        sums: `(C, V)` by name, with a cell for each true entry of `present`, in its order; `(1, V)` of labels.
        names: M metrics.
        present: `(S, J)`.
        weights: `(V, B)`.
        drawn: `(M, J, B)`: mean over the seeds that a scenario has.
        by_seed: `(M, S, J, b)`: every seed in the first draws.
    """
    counts = present.sum(axis=0)[:, None].astype(np.float64)
    kept = by_seed.shape[-1]
    for per_sample in dict.fromkeys(METRICS[name].per_sample for name in names):
        own = {key: value for key, value in sums.items() if key[0] in (per_sample, None)}
        places = {name: m for m, name in enumerate(names) if METRICS[name].per_sample == per_sample}
        pooled = [name for name in places if METRICS[name].pooled]
        if pooled:
            together = {k: _over_seeds(v, present, counts) @ weights for k, v in own.items()}
            for name, value in values_from_sums(together, pooled).items():
                drawn[places[name]] = value
            first = {k: v @ weights[:, :kept] for k, v in own.items()}
            for name, value in values_from_sums(first, pooled).items():
                by_seed[places[name]][present] = value
        others = [name for name in places if name not in pooled]
        for name in others:
            drawn[places[name]] = 0.0
        for seed, chosen, resampled in _cells_on_draws(own, present, weights) if others else ():
            for name, value in values_from_sums(resampled, others).items():
                drawn[places[name], chosen] += value
                by_seed[places[name], seed, chosen] = value[:, :kept]
        for name in others:
            drawn[places[name]] /= counts


def _over_seeds(sums: FloatArray, present: npt.NDArray[np.bool_], counts: FloatArray) -> FloatArray:
    """Add the sums of all seeds of a scenario, `(J, V)`, as if their samples were those of one test set."""
    cells = np.count_nonzero(present)
    if len(sums) < cells:  # of labels
        return counts * sums
    if present.all():
        total: FloatArray = sums.reshape(*present.shape, -1).sum(axis=0)
        return total
    members = np.arange(present.shape[1])[:, None] == np.nonzero(present)[1]
    joined: FloatArray = members.astype(np.float64) @ sums
    return joined


def _cells_on_draws(
    sums: Sums, present: npt.NDArray[np.bool_], weights: FloatArray
) -> Iterator[tuple[int, slice | npt.NDArray[np.int64], Sums]]:
    """Yield a seed, some of its scenarios, and their sums on drawn videos, `(cells, B)`, valid until the next ones."""
    cells, draws = np.count_nonzero(present), weights.shape[1]
    names = [key for key, value in sums.items() if len(value) == cells]
    stacked = np.stack([sums[key] for key in names])
    of_labels = {key: value @ weights for key, value in sums.items() if len(value) < cells}
    most = max(1, _CACHED // draws)
    room = np.empty((len(names), most, draws))
    row = 0
    for seed, there in enumerate(present):
        scenarios = np.flatnonzero(there)
        for first in range(0, len(scenarios), most):
            own = scenarios[first : first + most]
            neighbours = own[-1] - own[0] == len(own) - 1
            resampled = np.matmul(stacked[:, row : row + len(own)], weights, out=room[:, : len(own)])
            row += len(own)
            yield (
                seed,
                slice(own[0], own[-1] + 1) if neighbours else own,
                of_labels | dict(zip(names, resampled, strict=True)),
            )


def _check(
    truth: FloatArray, videos: npt.NDArray[np.str_], cells: pd.DataFrame, matrix: FloatArray, draws: int
) -> None:
    if videos.shape != truth.shape:
        raise InputError(f"video_ids has shape {videos.shape}, expected {truth.shape}, one per label")
    absent = [name for name in ("model", "seed", "scenario") if name not in cells]
    if absent:
        raise InputError(f"cells have no column '{absent[0]}'; found {', '.join(map(str, cells.columns))}")
    if len(cells) != len(matrix):
        raise InputError(f"cells have {len(cells)} rows, expected {len(matrix)}, one per row of predictions")
    twice = cells[cells.duplicated(["model", "seed", "scenario"])]
    if len(twice):
        model, seed, scenario = twice.iloc[0][["model", "seed", "scenario"]]
        raise InputError(f"cell ({model}, seed {seed}, {scenario}) occurs twice; keep one of the runs")
    if draws < 1:
        raise InputError(f"draws is {draws}, expected at least 1 (2000 for a published table)")
