"""Predictions of made-up models for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.statistics import Estimates, resample

Array = npt.NDArray[Any]


def study(
    models: dict[str, float], seeds: int = 3, scenarios: int = 2, n: int = 60, videos: int = 8, key: int = 0
) -> tuple[Array, Array, pd.DataFrame, Array]:
    """Label, videos, cells, predictions; a model's number is the sd of its noise."""
    rng = np.random.default_rng(key)
    label = rng.integers(-15, 16, n) / 5
    owner = np.array([f"v{i}" for i in rng.integers(0, videos, n)])
    owner[:videos] = [f"v{i}" for i in range(videos)]
    rows = [(m, s, f"sc{j}") for m in models for s in range(seeds) for j in range(scenarios)]
    said = np.stack([label + models[m] * rng.normal(size=n) for m, _, _ in rows])
    return label, owner, pd.DataFrame(rows, columns=["model", "seed", "scenario"]), said


@dataclass(frozen=True)
class Population:
    """Predictions for labels of 0: a mean plus normal effects, whose standard deviations these are.

    Two models of one population are alike, yet make different errors on a video and a sample. MAE is then the mean of
    a folded normal distribution, and the two-class accuracy the share of predictions that are not negative.
    """

    mean: float = 0.7
    video: float = 0.3
    sample: float = 0.55
    model_and_video: float = 0.3
    model_and_sample: float = 0.42
    seed: float = 0.06
    seed_and_sample: float = 0.5

    @property
    def truth(self) -> dict[str, float]:
        """The values on endlessly many seeds and videos."""
        effects = (self.video, self.sample, self.model_and_video, self.model_and_sample, self.seed)
        sd = sqrt(sum(e * e for e in (*effects, self.seed_and_sample)))
        below = 0.5 * (1 + erf(-self.mean / sd / sqrt(2)))
        mae = sd * sqrt(2 / pi) * exp(-((self.mean / sd) ** 2) / 2) + self.mean * (1 - 2 * below)
        return {"mae": mae, "acc2_has0": 1 - below}

    def pairs(
        self, count: int, seeds: int, videos: int, *, each: int = 7, draws: int = 2000, key: int = 0
    ) -> dict[str, Estimates]:
        """Independent samples of two models, `a0`, `b0`, `a1` ..., all resampled at once: the draws are the same."""
        return self.resampled(count, seeds, np.full(videos, each), draws=draws, key=key)

    def resampled(
        self, count: int, seeds: int, sizes: Array, *, draws: int = 2000, key: int = 0, metrics: Sequence[str] = ()
    ) -> dict[str, Estimates]:
        """The same for videos of these sizes, and other metrics."""
        rng = np.random.default_rng(key)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        said = np.concatenate([self.draw(rng, 2, seeds, len(sizes), sizes) for _ in range(count)])
        names = [f"{name}{k}" for k in range(count) for name in "ab"]
        cells = [(name, s, "complete") for name in names for s in range(seeds)]
        return resample(
            np.zeros(len(owner)),
            owner.astype(str),
            pd.DataFrame(cells, columns=["model", "seed", "scenario"]),
            said.reshape(len(cells), len(owner)),
            metrics=list(metrics or self.truth),
            draws=draws,
            seed=key,
        )

    def draw(self, rng: np.random.Generator, models: int, seeds: int, videos: int, sizes: Any) -> Array:
        """`(models, seeds, n)`: predictions of one study, the samples of a video side by side."""
        owner = np.repeat(np.arange(videos), sizes)
        n = len(owner)
        both = rng.normal(0, self.video, videos)[owner] + rng.normal(0, self.sample, n)
        own = rng.normal(0, self.model_and_video, (models, videos))[:, owner]
        own += rng.normal(0, self.model_and_sample, (models, n))
        noise = rng.normal(0, self.seed, (models, seeds, 1)) + rng.normal(0, self.seed_and_sample, (models, seeds, n))
        result: Array = self.mean + (both + own)[:, None] + noise
        return result
