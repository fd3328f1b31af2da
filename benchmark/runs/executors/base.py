"""The contract of executors. Imports neither torch nor a worker's code."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmark.runs.execution import Job
    from benchmark.runs.store import RunRecord


@dataclass(frozen=True)
class Event:
    """What a job is doing.

    Attributes:
        job: Its position in the sequence that was mapped.
        phase: `start`, `train` (in epochs), `evaluate` (in scenarios).
        done, total: How far it is; a training may end before its total.
        valid_mae: Of the last epoch, in training.
    """

    job: int
    phase: str
    done: int = 0
    total: int = 0
    valid_mae: float | None = None


Listener = Callable[[Event], None]


class Executor(Protocol):
    """Runs jobs somewhere."""

    def map(self, jobs: Sequence[Job], listener: Listener | None = None) -> Iterator[tuple[int, RunRecord]]:
        """Run the jobs; yield (position, record) as they finish. A job that fails gives a record that says so."""
        ...


def death(code: int | None) -> str:
    """What ended a worker process, by its exit code; a kill is what a system that runs out of memory does."""
    if code is None or code >= 0:
        return f"worker process ended with exit code {code}"
    guess = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"worker process ended with signal {signal.Signals(-code).name}{guess}"
