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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import Sums, check_predictions, metric_names, sums_by_cluster, values_from_sums
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
#: Maximum number of draws x cells that are held at once for each named sum: 8 MB.
_BLOCK = 1_000_000
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
        there = {name: self.present[:, j] for j, name in enumerate(self.scenarios)}
        nowhere = np.zeros(len(self.seeds), dtype=np.bool_)
        columns = [(name, there.get(name, nowhere)) for name in scenarios]
        if all(column.all() for _, column in columns):
            return []
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
        result: FloatArray = self.values[:, self._columns(scenarios), self._metric(metric)].mean(axis=1)
        return result

    def seed_curves(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return every seed under each scenario, `(S, J)`."""
        return self.values[:, self._columns(scenarios), self._metric(metric)]

    def curve(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return the mean over the seeds under each scenario, `(J,)`."""
        result: FloatArray = self.values[:, self._columns(scenarios), self._metric(metric)].mean(axis=0)
        return result

    def drawn_curve(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return each draw under each scenario, `(B, J)`."""
        return self.draws[:, self._columns(scenarios), self._metric(metric)]

    def drawn_seed_curves(self, metric: str, scenarios: Sequence[str]) -> FloatArray:
        """Return every seed under each scenario in the first draws, `(b, S, J)`."""
        return self.seed_draws[:, :, self._columns(scenarios), self._metric(metric)]

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
    drawn_sums = _DrawnSums(draw_weights(draws, len(starts), seed, "videos"))

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
        drawn = np.full((len(scenarios), len(names), draws), np.nan).transpose(2, 0, 1)  # draws of a value are adjacent
        by_seed = np.full((len(names), min(draws, SEED_DRAWS), len(seeds), len(scenarios)), np.nan)
        step = max(1, _BLOCK // (draws * len(seeds)))
        for j in range(0, len(scenarios), step):
            block = grid[:, j : j + step]
            present = block >= 0
            sums = sums_by_cluster(truth[order], matrix[block[present]][:, order], starts, names, owner)
            whole = values_from_sums({k: v.sum(axis=1) for k, v in sums.items()}, names)
            drawn_sums.read(sums)
            groups = _seeds_of_scenarios(present)
            for m, name in enumerate(names):
                values[:, j : j + step, m][present] = whole[name]
            rows_at_once = max(1, _CACHED // int(np.count_nonzero(present)))
            for b in range(0, draws, rows_at_once):
                resampled = values_from_sums(drawn_sums.rows(slice(b, b + rows_at_once)), names)
                for m, name in enumerate(names):
                    drawn[b : b + rows_at_once, j : j + step, m] = _mean_over_seeds(resampled[name], groups, present)
                    first = resampled[name][: max(0, by_seed.shape[1] - b)]
                    if len(first):
                        by_seed[m, b : b + len(first), :, j : j + step][:, present] = first
        results[str(model)] = Estimates(
            str(model), seeds, scenarios, names, values, drawn, np.moveaxis(by_seed, 0, -1), len(starts), effective,
            grid >= 0, paired_seeds,
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


class _DrawnSums:
    """Sums on drawn videos.

    Sums of whole numbers, such as counts, are exact in any order: they are made as they are needed, so that they stay
    in the cache. Others are rounded, and are made in one product, so that their bits do not depend on the blocks.
    Models of one shape share the memory of their sums.

    Args:
        weights: `(B, V)`.
    """

    def __init__(self, weights: FloatArray) -> None:
        self._weights = weights
        self._memory: dict[tuple[object, ...], FloatArray] = {}

    def read(self, sums: Sums) -> None:
        """Take the sums of a model, `(C, V)` or `(1, V)` by name."""
        cells = max(len(v) for v in sums.values())
        self._names = [k for k, v in sums.items() if len(v) == cells > 1 and (v == np.rint(v)).all()]
        self._whole = np.stack([sums[k].T for k in self._names]) if self._names else np.empty((0, 1, cells))
        self._rounded = {
            k: np.matmul(self._weights, v.T, out=self._room(k, (len(self._weights), len(v))))
            for k, v in sums.items()
            if k not in self._names
        }

    def rows(self, chosen: slice) -> Sums:
        """Return the sums of some draws, valid until the next call."""
        found = {k: v[chosen] for k, v in self._rounded.items()}
        if self._names:
            own, shape = self._weights[chosen], self._whole.shape
            whole = np.matmul(own, self._whole, out=self._room("whole", (shape[0], len(own), shape[2])))
            found |= dict(zip(self._names, whole, strict=True))
        return found

    def _room(self, name: object, shape: tuple[int, ...]) -> FloatArray:
        if (name, shape) not in self._memory:
            self._memory = {key: array for key, array in self._memory.items() if key[0] != name}
            self._memory[name, shape] = np.empty(shape)
        return self._memory[name, shape]


#: Scenarios that the same seeds have, with the cells of each of these seeds.
_Groups: TypeAlias = list[tuple[npt.NDArray[np.int64], list[slice | npt.NDArray[np.int64]]]]


def _seeds_of_scenarios(present: npt.NDArray[np.bool_]) -> _Groups:
    """Group scenarios by the seeds that they have; cells are numbered in the order of `present`, `(S, J)`."""
    cells = np.full(present.shape, -1, dtype=np.int64)
    cells[present] = np.arange(np.count_nonzero(present))
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    groups: _Groups = []
    for k, pattern in enumerate(patterns.T):
        columns = np.flatnonzero(which == k)
        rows = cells[np.ix_(pattern, columns)]
        neighbours = (np.diff(rows, axis=1) == 1).all()
        groups.append((columns, [slice(row[0], row[-1] + 1) if neighbours else row for row in rows]))
    return groups


def _mean_over_seeds(resampled: FloatArray, groups: _Groups, present: npt.NDArray[np.bool_]) -> FloatArray:
    """Average over the seeds that a scenario has, on drawn videos; `(B, J)`.

    Args:
        resampled: `(B, cells)` on drawn videos, with a cell for each true entry of `present`, in its order.
        groups: Value of `_seeds_of_scenarios`.
        present: `(S, J)`.
    """
    if present.all() and present.shape[1] > 1:  # adds in the same order
        seeds = np.ascontiguousarray(resampled.reshape(-1, *present.shape).swapaxes(0, 1))
        mean: FloatArray = np.add.reduce(seeds, axis=0, initial=0.0) / len(present)
        return mean
    result = np.full((len(resampled), present.shape[1]), np.nan)
    for columns, rows in groups:
        if rows:
            result[:, columns] = sum(resampled[:, row] for row in rows) / len(rows)
    return result


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
