"""Share of studies in which one of k equal models is put out of rank 1, where 5 % is claimed.

`python -m tests.benchmark.evaluation.statistics.error_rates --studies 2000` repeats the table of
`docs/statistics.md` (about ten minutes on one core). Studies are built from means over videos of
one size, for which `resample` gives these draws.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmark.evaluation.statistics import Estimates, draw_weights, tied_with_best
from benchmark.evaluation.statistics.resampling import SEED_DRAWS
from tests.benchmark.evaluation.statistics.made_up import Array, Population

MODELS, SEEDS, VIDEOS = (2, 10, 22, 34), (3, 5), (31, 93)
#: Samples of a video.
EACH = 7


def equal_models(
    rng: np.random.Generator, models: int, seeds: int, videos: int, *, uneven: float = 1.0, apart: float = 0.0
) -> Array:
    """`(models, seeds, videos)`: mean absolute errors of models that are alike in truth.

    Args:
        rng: Of the studies.
        models, seeds, videos: How many.
        uneven: The seeds of every second model vary so many times as much.
        apart: By how much the first model is better after all.
    """
    said = Population().draw(rng, models, seeds, videos, EACH)
    errors: Array = np.abs(said).reshape(models, seeds, videos, EACH).mean(axis=-1)
    more = 0.5 * Population().seed * np.sqrt(uneven**2 - 1)  # a shift of 1 moves the absolute error by about 0.5
    errors[1::2] += rng.normal(0, more, (models // 2, seeds, 1))
    errors[0] -= apart
    return errors


def estimates_of(errors: Array, weights: Array) -> dict[str, Estimates]:
    """Return the estimates that `resample` computes from these errors and draws."""
    models, seeds, videos = errors.shape
    drawn = np.tensordot(weights, errors, (1, 2)) / weights[0].sum()  # (B, models, seeds)
    there = np.ones((seeds, 1), dtype=np.bool_)
    return {
        f"m{i:02d}": Estimates(
            f"m{i:02d}",
            tuple(range(seeds)),
            ("complete",),
            ("mae",),
            errors[i].mean(axis=1)[:, None, None],
            drawn[:, i].mean(axis=1)[:, None, None],
            drawn[:SEED_DRAWS, i, :, None, None],
            videos,
            float(videos),
            there,
        )
        for i in range(models)
    }


def share_put_out(
    studies: int, models: int, seeds: int, videos: int, *, draws: int = 199, uneven: float = 1.0, apart: float = 0.0
) -> float:
    """Share of studies in which one of equal models (or, where the first is better, another one) is out of rank 1."""
    rng = np.random.default_rng([models, seeds, videos])
    out = 0
    for study in range(studies):
        weights = draw_weights(draws, videos, study, "videos")
        errors = equal_models(rng, models, seeds, videos, uneven=uneven, apart=apart)
        first = tied_with_best(estimates_of(errors, weights), "mae", ["complete"])
        out += len(first) < models
    return out / studies


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies a cell")
    parser.add_argument("--draws", type=int, default=199, help="bootstrap draws of a study")
    parser.add_argument("--uneven", type=float, default=1.0, help="seeds of every second model vary so much more")
    parser.add_argument("--models", type=int, nargs="+", default=MODELS, help="numbers of models")
    options = parser.parse_args(arguments)
    columns = [(seeds, videos) for videos in VIDEOS for seeds in SEEDS]
    lines = ["| models | " + " | ".join(f"{videos} videos, {seeds} seeds" for seeds, videos in columns) + " |"]
    lines += ["|" + "---|" * (1 + len(columns))]
    for models in options.models:
        shares = [
            share_put_out(options.studies, models, seeds, videos, draws=options.draws, uneven=options.uneven)
            for seeds, videos in columns
        ]
        lines.append(f"| {models} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")
        sys.stderr.write(lines[-1] + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
