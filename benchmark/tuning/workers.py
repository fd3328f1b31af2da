"""Where trainings run: in this process, or in worker processes of this machine, one thread each.

Trainings may be added while others run: whether a trial's other trainings are worth it is known after its first.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from benchmark.runs.executors.base import death

if TYPE_CHECKING:
    from benchmark.tuning.journal import TrainingRecord
    from benchmark.tuning.training import Training

_SPAWN = multiprocessing.get_context("spawn")

#: Told what a training is doing: (training, epochs done, epochs at most, validation MAE or None).
Listener = Callable[["Training", int, int, "float | None"], None]


class Workers(Protocol):
    """Runs trainings somewhere; a context manager that leaves nothing running."""

    def __enter__(self) -> Workers:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what runs."""
        ...

    def add(self, training: Training) -> None:
        """Queue a training."""
        ...

    def next(self, listener: Listener) -> tuple[Training, TrainingRecord]:
        """Wait for one to end; IndexError when nothing is queued or running."""
        ...


class InlineWorkers:
    """One training after the other in this process, on one thread: for tests, debuggers and notebooks."""

    def __init__(self) -> None:
        self._queue: deque[Training] = deque()

    def __enter__(self) -> InlineWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.clear()

    def add(self, training: Training) -> None:
        """Queue a training."""
        self._queue.append(training)

    def next(self, listener: Listener) -> tuple[Training, TrainingRecord]:
        """Run the next; IndexError when there is none."""
        import torch

        from benchmark.tuning.training import execute

        training = self._queue.popleft()
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            listener(training, 0, 0, None)
            return training, execute(training, lambda done, total, mae: listener(training, done, total, mae))
        finally:
            torch.set_num_threads(before)


class LocalWorkers:
    """Worker processes, each with a pipe of its own: it is known which training a worker that died was at.

    Args:
        workers: How many at most; a process is started when there is something for it to do.
    """

    def __init__(self, workers: int) -> None:
        self._most = workers
        self._processes: list[_Process] = []
        self._queue: deque[Training] = deque()

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.clear()
        for process in self._processes:
            process.stop()
        self._processes = []

    def add(self, training: Training) -> None:
        """Queue a training."""
        self._queue.append(training)

    def next(self, listener: Listener) -> tuple[Training, TrainingRecord]:
        """Wait for a training to end; a worker that dies fails its own and is replaced."""
        from benchmark.tuning.journal import TrainingRecord

        while True:
            self._hand_out(listener)
            busy = [p for p in self._processes if p.at is not None]
            if not busy:
                raise IndexError("nothing is queued or running")
            ready = wait([p.pipe for p in busy])
            for process in busy:
                if process.pipe not in ready or process.at is None:
                    continue
                training = process.at
                try:
                    message = process.pipe.recv()
                except (EOFError, OSError):
                    process.process.join(10)
                    self._processes.remove(process)
                    process.stop()
                    return training, training.ended(
                        "failed", f"{death(process.process.exitcode)}; the same command tries it again"
                    )
                if isinstance(message, str):
                    process.at = None
                    return training, TrainingRecord.model_validate_json(message)
                listener(training, *message)

    def _hand_out(self, listener: Listener) -> None:
        while self._queue:
            idle = next((p for p in self._processes if p.at is None), None)
            if idle is None:
                if len(self._processes) >= self._most:
                    return
                idle = _Process()
                self._processes.append(idle)
            idle.at = self._queue.popleft()
            try:
                idle.pipe.send(idle.at)
            except OSError:  # it died while idle: another takes the training
                self._queue.appendleft(idle.at)
                self._processes.remove(idle)
                idle.stop()
                continue
            listener(idle.at, 0, 0, None)


class _Process:
    """A worker process, this side of its pipe, and what it is at."""

    def __init__(self) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process: BaseProcess = _SPAWN.Process(target=_work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.at: Training | None = None

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(5)


def _work(pipe: Connection) -> None:
    """A worker's life: take trainings until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
    import torch

    from benchmark.tuning.training import execute

    torch.set_num_threads(1)

    def send(message: object) -> None:
        try:
            pipe.send(message)
        except OSError:
            os._exit(1)  # the parent is gone, and with it whoever wants the result

    while True:
        try:
            training = pipe.recv()
        except (EOFError, OSError):
            return
        send(execute(training, lambda done, total, mae: send((done, total, mae))).model_dump_json())
