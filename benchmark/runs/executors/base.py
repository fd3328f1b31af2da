"""The contract of executors and their tasks, and executors by name. Imports neither torch nor the code of a task.

A task is executed where the executor chooses, possibly on a machine that sees no file of this one, and gives back a
parcel; what is to be kept is filed in the driver, the process that added the task.
"""

from __future__ import annotations

import inspect
import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, runtime_checkable

from benchmark.runs.failures import Loss
from benchmark.runs.spec import RunSpec
from protocols import InputError
from protocols.registry import Registry, origin_of

K = TypeVar("K")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class Event:
    """Event of a task.

    Attributes:
        phase: `start`, `resume` (after so many epochs), `train` (in epochs), `evaluate` (in scenarios), `end`.
        done, total: Finished and maximum number of epochs or scenarios; `done` includes the finished part of an epoch.
        valid_mae: Validation MAE of the epoch that has just ended; None otherwise.
        stage: Name of the stage of training, where known.
        losses: Mean of each loss term of that epoch, by name as in `history.csv`; empty otherwise.
    """

    phase: str
    done: float = 0
    total: int = 0
    valid_mae: float | None = None
    stage: str = ""
    losses: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.phase == "resume":
            return f"continuing the training after epoch {self.done:.0f} of {self.total}"
        if self.phase == "train":
            stage = f" stage {self.stage}," if self.stage else ""
            return f"training,{stage} epoch {math.ceil(self.done)} of {self.total}"
        if self.phase == "evaluate":
            return f"evaluating, scenario {self.done} of {self.total}"
        return "starting" if self.phase == "start" else self.phase


#: Function of the events of one task.
Report = Callable[[Event], None]


class Heartbeat:
    """Reports how far a training is within its epoch, at most once a second.

    Args:
        report: Function of the events.

    Attributes:
        stage: Name of the stage of the last batch.
    """

    def __init__(self, report: Report) -> None:
        self._report, self._next = report, time.monotonic() + 1.0
        self.stage = ""

    def __call__(self, stage: str, done: float, total: int) -> None:
        """Count a batch; `done` epochs include the finished part of the current one, `total` is their maximum."""
        self.stage = stage
        if (now := time.monotonic()) >= self._next:
            self._next = now + 1.0
            self._report(Event("train", done, total, stage=stage))


class Task(Protocol[R_co]):
    """A piece of work that can be pickled; `execute` may run on another machine, the other methods in the driver."""

    def execute(self, report: Report) -> Any:
        """Do the work and return a parcel that can be pickled; what is raised becomes a `Loss`."""
        ...

    def accept(self, parcel: Any) -> R_co:
        """File what the parcel holds and return the outcome."""
        ...

    def lost(self, loss: Loss) -> R_co:
        """Return the outcome of a task that raised, whose worker died, or that took too long."""
        ...


@runtime_checkable
class RunTask(Task[R_co], Protocol[R_co]):
    """Task of a run, a dataclass: executors on other machines send what it needs and file what it makes.

    Attributes:
        spec: The run: its data set, encoder and model.
        root: Folder that it writes to: its own machine's, in a copy that is executed elsewhere.
        plugins: Python files that it imports.
        filed: True if it leaves the folder of a run in the run store `root`, and has a field `attempt`.
    """

    spec: RunSpec
    root: Path
    plugins: tuple[str, ...]
    filed: ClassVar[bool]


class Executor(ABC, Generic[K, R]):
    """A pool of workers: tasks are added under a key `K`, and outcomes `R` come back with it as tasks end.

    Leaving the `with` block ends what runs.

    >>> with executor:
    ...     executor.add(0, task)
    ...     for key, outcome in executor.outcomes(listener):
    ...         ...  # may add more
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[K, Task[R]]] = deque()

    def add(self, key: K, task: Task[R]) -> None:
        """Queue a task; it is begun while `outcomes` is iterated over."""
        self._queue.append((key, task))

    @abstractmethod
    def outcomes(self, listener: Callable[[K, Event], None] | None = None) -> Iterator[tuple[K, R]]:
        """Yield (key, outcome) as tasks end, until nothing is queued or running; tasks may be added meanwhile.

        Args:
            listener: Called in this process with the key of a task and what it is doing.
        """

    def close(self) -> None:
        """Drop the queue and end what runs."""
        self._queue.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def settled(task: Task[R], parcel: Any) -> R:
    """Return the outcome of a task from its parcel or its loss."""
    return task.lost(parcel) if isinstance(parcel, Loss) else task.accept(parcel)


#: Factory of executors for the options of the command line, see `register_executor`.
Factory = Callable[..., Executor[Any, Any]]


_EXECUTORS: Registry[Factory] = Registry(
    "executor",
    "sentibench.executors",
    {
        "local": "benchmark.runs.executors.local",
        "inline": "benchmark.runs.executors.inline",
        "ray": "benchmark.runs.executors.ray_executor",
    },
)


def register_executor(name: str) -> Callable[[Factory], Factory]:
    """Register a factory of executors, so that `--executor NAME` finds it.

    Installed distributions name the module that does so in the entry point group `sentibench.executors`. The factory is
    called with `workers` (number of tasks at a time; None: as it likes) and `timeout` (seconds of a task; None: no
    limit), and with those of `device`, `address`, `cpus_per_run`, `gpus_per_run` and `retries` that it has as keywords
    and the command is given; others are refused. With `device`, it decides which devices its tasks may use. It raises
    InputError for options that it does not support.
    """

    def add(factory: Any) -> Any:
        _EXECUTORS.add(name, factory, origin_of(factory))
        return factory

    return add


def options_of(name: str) -> frozenset[str]:
    """Return the options that the executor of a name takes; raises InputError for an unknown name."""
    return frozenset(inspect.signature(_EXECUTORS.get(name)).parameters)


def make_executor(
    name: str, *, workers: int | None = None, timeout: float | None = None, **options: Any
) -> Executor[Any, Any]:
    """Make the executor of a name: `local`, `inline`, `ray` or an installed one.

    Raises:
        InputError: for an unknown name, or an option that it does not take.
    """
    for option in sorted(options.keys() - options_of(name)):
        raise InputError(f"--{option.replace('_', '-')}: not an option of --executor {name}; leave it out")
    return _EXECUTORS.get(name)(workers=workers, timeout=timeout, **options)
