"""Shares of intervals that hold the truth and of equal models that differ, for few and many videos and seeds.

`python -m tests.benchmark.evaluation.statistics.coverage_rates --populations 1000` repeats the
table of `docs/statistics.md` (some minutes on one core).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import score
from benchmark.evaluation.statistics import Estimates, compare, confidence_intervals, resample
from tests.benchmark.evaluation.statistics.made_up import Array, Population

VIDEOS, SEEDS = (2, 3, 4, 5, 10, 30), (1, 3, 5)
METRICS = ("mae", "acc2_has0", "corr", "f1_has0")
#: Predictions are this share of the label, plus the effects of the population.
SHARE = 0.8
POPULATION = Population(mean=0.1)
#: Standard deviation of labels: of videos, and of samples within them.
LABEL_VIDEO, LABEL_SAMPLE = 0.5, 1.0


def truths(rng: np.random.Generator, samples: int = 400_000) -> pd.DataFrame:
    """True values of one training, by its shift (index); the row NaN has the mean over all trainings."""
    label = rng.normal(0, np.hypot(LABEL_VIDEO, LABEL_SAMPLE), samples)
    effects = ("video", "sample", "model_and_video", "model_and_sample", "seed_and_sample")
    noise = rng.normal(0, np.sqrt(sum(getattr(POPULATION, name) ** 2 for name in effects)), samples)
    shifts = POPULATION.seed * np.linspace(-4, 4, 17)
    rows = [score(label, POPULATION.mean + SHARE * label + noise + shift) for shift in shifts]
    table = pd.DataFrame(rows, index=shifts)[list(METRICS)]
    weights = np.exp(-((shifts / POPULATION.seed) ** 2) / 2)
    table.loc[np.nan] = (table.to_numpy() * weights[:, None]).sum(axis=0) / weights.sum()
    return table


def populations(
    rng: np.random.Generator, count: int, seeds: int, sizes: Array, draws: int
) -> tuple[list[dict[str, Estimates]], Array]:
    """Pairs of equal models, and the shift of every training `(count, 2, seeds)`."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    found, shifts = [], rng.normal(0, POPULATION.seed, (count, 2, seeds))
    plain = Population(**{**POPULATION.__dict__, "seed": 0.0})
    cells = pd.DataFrame([(name, s, "c") for name in "ab" for s in range(seeds)], columns=["model", "seed", "scenario"])
    for key in range(count):
        label = rng.normal(0, LABEL_VIDEO, len(sizes))[owner] + rng.normal(0, LABEL_SAMPLE, len(owner))
        said = plain.draw(rng, 2, seeds, len(sizes), sizes) + shifts[key, :, :, None] + SHARE * label
        said = said.reshape(2 * seeds, len(owner))
        found.append(resample(label, owner.astype(str), cells, said, metrics=METRICS, draws=draws, seed=key))
    return found, shifts


def rates(count: int, seeds: int, sizes: Sequence[int], draws: int = 500) -> pd.DataFrame:
    """By metric: `coverage` of the mean over all trainings, `own` of the trainings at hand, `false` claims."""
    rng = np.random.default_rng([seeds, len(sizes)])
    truth = truths(np.random.default_rng(0))
    found, shifts = populations(rng, count, seeds, np.asarray(sizes), draws)
    rows = []
    for pair, shift in zip(found, shifts[:, 0], strict=True):
        table = confidence_intervals({"a": pair["a"]}).set_index("metric")
        for metric in METRICS:
            low, high = table.loc[metric, ["low", "high"]]
            own = np.interp(shift, truth.index[:-1], truth[metric].iloc[:-1]).mean()
            p = compare(pair["a"], pair["b"], metric, ["c"])["p"]
            rows.append((metric, low <= truth[metric].iloc[-1] <= high, low <= own <= high, p <= 0.05))
    table = pd.DataFrame(rows, columns=["metric", "coverage", "own", "false"])
    return table.groupby("metric", sort=False).mean()


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, default=1000, help="simulated pairs of models a cell")
    parser.add_argument("--videos", type=int, nargs="+", default=VIDEOS, help="numbers of videos")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="numbers of seeds")
    options = parser.parse_args(arguments)
    sys.stdout.write(f"| videos | seeds | {' | '.join(METRICS)} | false claims |\n|{'---|' * (3 + len(METRICS))}\n")
    for videos in options.videos:
        for seeds in options.seeds:
            found = 100 * rates(options.populations, seeds, [max(7, 120 // videos)] * videos)
            cells = [f"{row.coverage:.1f} ({row.own:.1f})" for row in found.itertuples()]
            false = " / ".join(f"{value:.1f}" for value in found["false"])
            sys.stdout.write(f"| {videos} | {seeds} | {' | '.join(cells)} | {false} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
