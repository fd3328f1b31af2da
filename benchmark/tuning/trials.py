"""Trials: settings and how their trainings ended; which one is best; when a training is hopeless."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from benchmark.tuning.journal import Status, TrainingRecord
from benchmark.tuning.space import Fields

#: Trials that must have ended well before any other is ended early.
FINISHED_BEFORE_PRUNING = 4


@dataclass(frozen=True)
class Trial:
    """One point of the search.

    Attributes:
        number: From 0, the published settings.
        fields: Settings.
        seeds: Of its trainings.
        trainings: Those that have ended, by seed.
    """

    number: int
    fields: Fields
    seeds: tuple[int, ...]
    trainings: Mapping[int, TrainingRecord]

    @property
    def ended(self) -> bool:
        """Whether nothing is left to train: all seeds, or the first where that one went wrong."""
        first = self.trainings.get(self.seeds[0])
        if first is None:
            return False
        return first.status != "done" or all(s in self.trainings for s in self.seeds)

    @property
    def state(self) -> Status | None:
        """`done` when every seed is; else how the first seed that went wrong ended; None while trainings are left."""
        if not self.ended:
            return None
        statuses = [self.trainings[s].status for s in self.seeds if s in self.trainings]
        return next((s for s in statuses if s != "done"), "done")

    @property
    def to_repeat(self) -> list[int]:
        """Seeds whose trainings failed by accident."""
        return [s for s, t in self.trainings.items() if not t.final]

    @property
    def by_seed(self) -> dict[int, float]:
        """Validation MAE of the seeds that are done."""
        return {s: t.valid_mae for s, t in sorted(self.trainings.items()) if t.valid_mae is not None}

    @property
    def valid_mae(self) -> float | None:
        """Mean over the seeds; None unless all are done."""
        return fmean(self.by_seed.values()) if self.state == "done" else None

    @property
    def epochs(self) -> int:
        """Of all trainings together."""
        return sum(len(t.curve) for t in self.trainings.values())

    @property
    def seconds(self) -> float:
        """Of all trainings together."""
        return sum(t.seconds for t in self.trainings.values())

    @property
    def reason(self) -> str:
        """Why it did not end well, in one line; else empty."""
        return next((t.error for _, t in sorted(self.trainings.items()) if t.error), "")

    def running_minimum(self) -> list[float]:
        """Best validation MAE of the first seed up to each epoch; infinite before a checkpoint may be chosen."""
        first = self.trainings.get(self.seeds[0])
        best, minima = math.inf, []
        for value in first.curve if first else ():
            best = best if value is None else min(best, value)
            minima.append(best)
        return minima


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that are done, best first; the earlier of equal ones first."""
    done = [(t.valid_mae, t.number, t) for t in trials if t.valid_mae is not None]
    return [trial for _, _, trial in sorted(done, key=lambda row: row[:2])]


def gain(trial: Trial, published: Trial) -> tuple[float, float | None] | None:
    """By how much a trial's validation MAE is below the published settings', seed by seed.

    Returns:
        Mean and standard deviation over seeds (None for a single seed); None unless both are done.
    """
    if trial.valid_mae is None or published.valid_mae is None:
        return None
    differences = [published.by_seed[s] - trial.by_seed[s] for s in trial.seeds]
    return fmean(differences), stdev(differences) if len(differences) > 1 else None


def limits(earlier: Sequence[Trial]) -> tuple[float, ...]:
    """The median rule (Golovin et al. 2017), on the first seed: by epoch, what a training's best must not be above.

    The median over the finished trials of the best validation MAE up to that epoch; one that ended before keeps its
    last. Empty while too few have ended well.
    """
    curves = [t.running_minimum() for t in earlier if t.state == "done"]
    curves = [c for c in curves if c]
    if len(curves) < FINISHED_BEFORE_PRUNING:
        return ()
    longest = max(map(len, curves))
    return tuple(median(c[min(epoch, len(c) - 1)] for c in curves) for epoch in range(longest))
