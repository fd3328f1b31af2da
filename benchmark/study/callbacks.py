"""Callbacks: code that follows the runs of a study, in the process that started it.

>>> @register_callback("lines")
... class Lines(Callback):
...     def on_epoch(self, run: PlannedRun, event: Event) -> None:
...         print(run.title, event.done, event.valid_mae, event.losses)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from benchmark.runs.executors import Event
from benchmark.runs.record import RunRecord
from benchmark.study.plan import Plan, PlannedRun
from protocols import InputError, Registry, origin_of


class Callback:
    """Follower of a study: overrides any of these methods, which do nothing by default.

    A method that raises is reported as a warning, and the callback is not called again: the study continues.
    """

    def on_study_start(self, runs: Sequence[PlannedRun]) -> None:
        """Take the runs that are to be done; finished ones are not among them."""

    def on_run_start(self, run: PlannedRun) -> None:
        """Take a run that begins."""

    def on_epoch(self, run: PlannedRun, event: Event) -> None:
        """Take an epoch that has ended: `event.done` of `event.total`, with `event.valid_mae` and `event.losses`."""

    def on_record(self, run: PlannedRun, record: RunRecord) -> None:
        """Take the record of a run that has ended: `record.status` is `done` or `failed`."""


_CALLBACKS: Registry[Callable[[], Callback]] = Registry("callback", "sentibench.callbacks")

C = TypeVar("C", bound=Callable[[], Callback])


def register_callback(name: str) -> Callable[[C], C]:
    """Register a callback class, or a function that makes one, so that `--callback NAME` finds it; a decorator.

    Installed distributions name the module that does so in the entry point group `sentibench.callbacks`.
    """

    def decorate(make: C) -> C:
        _CALLBACKS.add(name, make, origin_of(make))
        return make

    return decorate


def make_callbacks(chosen: Sequence[Callback | str]) -> list[Callback]:
    """Return callbacks, given themselves or by name; raises InputError for an unknown name or another object."""
    callbacks = [_CALLBACKS.get(item)() if isinstance(item, str) else item for item in chosen]
    for callback in callbacks:
        if not isinstance(callback, Callback):
            found = callback.__name__ if isinstance(callback, type) else type(callback).__name__
            raise InputError(
                f"callback {found}: expected the name of one, or an object of a subclass of sentibench.Callback"
            )
    return callbacks


class Followers:
    """The callbacks of one study.

    Args:
        plan: The study.
        todo: Positions of the runs that are to be done.
        callbacks: Callbacks, called in this order.
    """

    def __init__(self, plan: Plan, todo: Sequence[int], callbacks: Sequence[Callback]) -> None:
        self._runs, self._callbacks = plan.runs, list(callbacks)
        self._tell("on_study_start", [plan.runs[number] for number in todo])

    def event(self, number: int, event: Event) -> None:
        """Tell of the beginning of a run, and of every epoch that has ended."""
        if event.phase == "start":
            self._tell("on_run_start", self._runs[number])
        elif event.phase == "train" and event.valid_mae is not None:
            self._tell("on_epoch", self._runs[number], event)

    def record(self, number: int, record: RunRecord) -> None:
        """Tell how a run ended."""
        self._tell("on_record", self._runs[number], record)

    def _tell(self, method: str, *content: Any) -> None:
        for callback in list(self._callbacks):
            try:
                getattr(callback, method)(*content)
            except Exception as error:  # noqa: BLE001 - whatever it raises, hours of training must not be lost
                self._callbacks.remove(callback)
                name, reason = type(callback).__name__, " ".join(f"{type(error).__name__}: {error}".split())
                warnings.warn(
                    f"callback {name} failed in {method} and is left out from now on ({reason})", stacklevel=2
                )
