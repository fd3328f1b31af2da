"""Suggestion of the next settings: Optuna's tree-structured Parzen estimator (Bergstra et al. 2011).

Trials come in rounds of `ROUND`. The settings of a trial depend on the search's seed, its number, the trials of earlier
rounds and the settings (not the results) of those before it in its own round, and not on the number of workers, an
interruption or the budget.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from baselines import Choice
from benchmark.tuning.space import Fields, Space
from benchmark.tuning.trials import Trial
from protocols import InputError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

ROUND = 4
#: Number of trials, including the first settings, before the estimator is used: these settings are drawn at random.
RANDOM_TRIALS = 8


def suggest(
    space: Space, first: Fields, earlier: Sequence[Trial], peers: Mapping[int, Fields], number: int, seed: int
) -> Fields:
    """Return the settings of a trial.

    Args:
        space: Fields that vary, with their ranges.
        first: Initial values of these fields: trial 0.
        earlier: The trials of earlier rounds, with their results.
        peers: Settings by number of the trials before this one in its round.
        number: Number of the trial, from 0.
        seed: Seed of the search.

    Raises:
        InputError: if Optuna is not installed.
    """
    if number == 0:
        return dict(first)
    with _quiet_optuna() as optuna:
        draw = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=RANDOM_TRIALS, multivariate=True, constant_liar=True, seed=draw
        )
        study = optuna.create_study(direction="minimize", sampler=sampler)
        distributions = {field: _distribution(space, field) for field in space}
        study.add_trials([_told(trial, distributions) for trial in earlier if trial.state != "failed"])
        for _, fields in sorted(peers.items()):
            study.enqueue_trial(dict(fields))
            study.ask(distributions)
        return dict(study.ask(distributions).params)


def check_installed() -> None:
    """Raise InputError, with the command to install it, if Optuna is not installed."""
    with _quiet_optuna():
        pass


def _told(trial: Trial, distributions: dict[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    """Return the value of a trial for the estimator. One without a curve counts as worse than all others."""
    import optuna

    states = optuna.trial.TrialState
    if trial.state == "done":
        return optuna.trial.create_trial(
            state=states.COMPLETE, value=trial.valid_mae, params=dict(trial.fields), distributions=distributions
        )
    curve = (
        {e: v for e, v in enumerate(trial.running_minimum(), 1) if np.isfinite(v)} if trial.state == "pruned" else {}
    )
    return optuna.trial.create_trial(
        state=states.PRUNED, params=dict(trial.fields), distributions=distributions, intermediate_values=curve
    )


def _distribution(space: Space, field: str) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    search = space[field]
    if isinstance(search, Choice):
        return CategoricalDistribution(search.values)
    if search.whole:
        return IntDistribution(int(search.low), int(search.high), log=search.log)
    return FloatDistribution(search.low, search.high, log=search.log)


@contextmanager
def _quiet_optuna() -> Iterator[ModuleType]:
    try:
        import optuna
    except ImportError:
        raise InputError(
            "searching needs Optuna, which is not installed; run: pip install 'sentibench[tune]'"
        ) from None
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)
