"""Trials: settings and the outcome of their trainings, the best of them, and the rule for ending trainings early."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from benchmark.tuning.journal import Key, Status, TrainingRecord
from benchmark.tuning.space import EPOCHS, Fields

#: Number of trials that must have ended well before any other is ended early.
FINISHED_BEFORE_PRUNING = 4


@dataclass(frozen=True)
class Trial:
    """Point of the search.

    Attributes:
        number: Number of the trial; 0 has the settings that the search begins with.
        fields: Settings.
        keys: Its trainings, in order: data set and seed. The first decides whether the others are run.
        trainings: Trainings that have ended.
    """

    number: int
    fields: Fields
    keys: tuple[Key, ...]
    trainings: Mapping[Key, TrainingRecord]

    @property
    def ended(self) -> bool:
        """True if no training is left: all have ended, or the first did not end well."""
        first = self.trainings.get(self.keys[0])
        if first is None:
            return False
        return first.status != "done" or all(key in self.trainings for key in self.keys)

    @property
    def state(self) -> Status | None:
        """`done` if every training is; else the state of the first that did not end well; None while any is left."""
        if not self.ended:
            return None
        statuses = [training.status for training in self._in_order]
        return next((s for s in statuses if s != "done"), "done")

    @property
    def to_repeat(self) -> list[Key]:
        """Trainings that failed by accident."""
        return [training.key for training in self._in_order if not training.final]

    @property
    def by_training(self) -> dict[Key, float]:
        """Validation MAE of the trainings that are done, in order."""
        return {training.key: training.valid_mae for training in self._in_order if training.valid_mae is not None}

    @property
    def valid_mae(self) -> float | None:
        """Mean over the trainings, each with equal weight; None unless all are done."""
        return fmean(self.by_training.values()) if self.state == "done" else None

    @property
    def epochs(self) -> int:
        """Number of epochs of all trainings together."""
        return sum(len(t.curve) for t in self.trainings.values())

    @property
    def seconds(self) -> float:
        """Seconds of all trainings together."""
        return sum(t.seconds for t in self.trainings.values())

    @property
    def reason(self) -> str:
        """Reason why it did not end well, in one line; else empty."""
        return next((training.error for training in self._in_order if training.error), "")

    def running_minimum(self) -> list[float]:
        """Best validation MAE of the first training up to each epoch; infinite before a checkpoint may be chosen."""
        first = self.trainings.get(self.keys[0])
        best, minima = math.inf, []
        for value in first.curve if first else ():
            best = best if value is None else min(best, value)
            minima.append(best)
        return minima

    @property
    def _in_order(self) -> list[TrainingRecord]:
        return [self.trainings[key] for key in self.keys if key in self.trainings]


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that are done, best first; the earlier of equal ones first."""
    done = [(t.valid_mae, t.number, t) for t in trials if t.valid_mae is not None]
    return [trial for _, _, trial in sorted(done, key=lambda row: row[:2])]


def gain(trial: Trial, first: Trial) -> tuple[float, float | None] | None:
    """Return the decrease of a trial's validation MAE from that of the first settings, training by training.

    Returns:
        Mean and standard deviation over the trainings (None for a single one); None unless both are done.
    """
    if trial.valid_mae is None or first.valid_mae is None:
        return None
    differences = [first.by_training[key] - trial.by_training[key] for key in trial.keys]
    return fmean(differences), stdev(differences) if len(differences) > 1 else None


def limits(earlier: Sequence[Trial], fields: Fields, *, lenient: bool = False) -> tuple[float, ...]:
    """Return, by epoch, the limit of the best validation MAE of a trial's first training; empty: no limit.

    The median over the finished trials, of as many epochs as `fields` names, of their best up to that epoch (Golovin
    et al. 2017); one that ended before keeps its last. Empty while too few have ended well.

    Args:
        earlier: Trials to compare with.
        fields: Settings of the trial.
        lenient: Use the worst of them in place of the median: if the first training is of one of several folds or data
            sets, it says little of the others (on MOSI the rank correlation of a fold with the mean of four others was
            0.25, 0.66 and 0.81 in three searches).
    """
    length = fields.get(EPOCHS)
    curves = [t.running_minimum() for t in earlier if t.state == "done" and t.fields.get(EPOCHS) == length]
    curves = [c for c in curves if c]
    if len(curves) < FINISHED_BEFORE_PRUNING:
        return ()
    longest = max(map(len, curves))
    rule = max if lenient else median
    return tuple(rule(c[min(epoch, len(c) - 1)] for c in curves) for epoch in range(longest))
