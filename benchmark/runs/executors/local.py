"""Tasks in worker processes of this machine, one thread each.

Every worker has a pipe of its own and says when it begins a task. When it dies, the task that it had begun is lost; one
that it had not begun goes to another worker. A worker whose parent has died ends at once.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import ModuleType
from typing import Any, Generic

from benchmark.runs.executors.base import Event, Executor, K, R, Task, register_executor, settled
from benchmark.runs.executors.inline import InlineExecutor
from benchmark.runs.failures import Loss, death
from benchmark.training.memory import resident_mb
from protocols import InputError
from protocols.registry import registered_in

_SPAWN = multiprocessing.get_context("spawn")

#: Seconds between two looks at the clock and at the memory of workers.
_PULSE = 1.0
#: GiB of a GPU that are kept for a run; fine-tuning MiniLM with LNLN in batches of 64 needs 2.4 on a processor.
GIB_OF_A_RUN = 12
#: Number of workers in a row that may end before they begin a task.
_FAILED_STARTS = 3


class LocalExecutor(Executor[K, R]):
    """Worker processes, started when there is something for them to do.

    Args:
        workers: Largest number of processes; default: one per core that this process may use.
        threads: Threads of each worker; other numbers than 1 may change the last bits of a result.
        timeout: Seconds that a task may take before its worker is ended; None: no limit.
    """

    def __init__(self, workers: int | None = None, threads: int = 1, timeout: float | None = None) -> None:
        super().__init__()
        self._most, self._threads, self._timeout = workers or usable_cores(), threads, timeout
        self._workers: list[_Worker[K, R]] = []
        self._failed_starts = 0

    def outcomes(self, listener: Callable[[K, Event], None] | None = None) -> Iterator[tuple[K, R]]:
        """Execute the tasks, first come first served; a worker that dies fails the task it had begun and is replaced.

        Raises:
            InputError: if workers end before they begin anything.
        """
        tell = listener or (lambda *_: None)
        self._hand_out()
        while busy := [worker for worker in self._workers if worker.given]:
            ended = self._wait(busy, tell)
            self._hand_out()  # before the caller takes what has ended
            for key, outcome in ended:
                tell(key, Event("end"))
                yield key, outcome
            self._hand_out()  # what the caller added meanwhile

    def close(self) -> None:
        """Drop the queue and end what runs at once; the next run removes what it left half-written.

        Idle workers end by themselves and release the resources of their libraries.
        """
        super().close()
        for worker in self._workers:
            if worker.given is None:
                worker.pipe.close()
            else:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(5)
            worker.stop()
        self._workers = []

    def _hand_out(self) -> None:
        while self._queue:
            idle = next((worker for worker in self._workers if worker.given is None), None)
            if idle is None:
                if len(self._workers) >= self._most:
                    return
                idle = _Worker(self._threads)
                self._workers.append(idle)
            if not idle.give(*self._queue[0]):  # it died while idle: another worker gets the task
                self._remove(idle)
                continue
            self._queue.popleft()

    def _wait(self, busy: list[_Worker[K, R]], tell: Callable[[K, Event], None]) -> list[tuple[K, R]]:
        """Wait for messages, for a second at most; return what has ended."""
        ready = wait([worker.pipe for worker in busy], _PULSE)
        now, ended = time.monotonic(), []
        for worker in busy:
            if worker.given is None:
                continue
            key, task = worker.given
            worker.look(now)
            if worker.pipe in ready:
                try:
                    kind, content = worker.pipe.recv()
                except (EOFError, OSError):
                    if loss := self._remove_dead(worker):
                        ended.append((key, task.lost(loss)))
                    continue
                if kind == "end":
                    worker.given = None
                    ended.append((key, settled(task, content)))
                    continue
                if kind == "begin":
                    worker.began, worker.proven, self._failed_starts = now, True, 0
                worker.event = content
                tell(key, content)
            if self._timeout is not None and worker.began is not None and now - worker.began > self._timeout:
                self._remove(worker)
                ended.append((key, task.lost(worker.loss(f"ended for taking longer than {self._timeout:g} s"))))
        return ended

    def _remove_dead(self, worker: _Worker[K, R]) -> Loss | None:
        """Remove a worker that has died. Its task is lost if it had begun; otherwise it returns to the queue."""
        worker.process.join(5)  # a large process takes a while to be cleared away
        how = death(worker.process.exitcode, worker.memory_mb)
        self._remove(worker)
        if worker.began is not None:
            return worker.loss(how)
        if worker.given is not None:
            self._queue.appendleft(worker.given)
        self._failed_starts += not worker.proven
        if self._failed_starts >= _FAILED_STARTS:
            raise InputError(
                f"{how} before it began a run, {_FAILED_STARTS} times in a row; a script that runs studies does so "
                "under `if __name__ == '__main__':`, or with InlineExecutor"
            )
        return None

    def _remove(self, worker: _Worker[K, R]) -> None:
        self._workers.remove(worker)
        worker.stop()


class _Worker(Generic[K, R]):
    """A worker process as its parent sees it: the pipe to it, its task and its state.

    Attributes:
        given: Key and task; None while it is idle.
        began: When it reported that it had begun the task; None before.
        proven: True once it has begun any task.
        event: Last event of the task.
        memory_mb: Resident memory in MiB when last looked at.
    """

    def __init__(self, threads: int) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process: BaseProcess = _SPAWN.Process(target=_work, args=(theirs, threads), daemon=True)
        with _without_interrupts(), _main_module():
            self.process.start()
        theirs.close()
        self.given: tuple[K, Task[R]] | None = None
        self.began: float | None = None
        self.proven = False
        self.event: Event | None = None
        self.memory_mb: float | None = None
        self._looked = 0.0

    def give(self, key: K, task: Task[R]) -> bool:
        """Hand it a task; return False if it has died."""
        try:
            self.pipe.send(task)
        except OSError:
            return False
        self.given, self.began, self.event = (key, task), None, None
        return True

    def look(self, now: float) -> None:
        """Read how much memory it holds, once a second at most."""
        if now >= self._looked + _PULSE:
            self._looked, self.memory_mb = now, resident_mb(self.process.pid) or self.memory_mb

    def loss(self, reason: str) -> Loss:
        """Say why its task is lost, and its last event."""
        return Loss(f"{reason}; last seen {self.event}; the same command tries it again")

    def stop(self) -> None:
        self.process.kill()
        self.process.join(5)
        self.pipe.close()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that never receive Ctrl-C, not even while they start: the parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it would let interrupts through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _main_module() -> Iterator[None]:
    """Start processes that import the main module only if they need it: a script may run a study without a guard."""
    before = sys.modules["__main__"]
    if not registered_in("__main__"):
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def workers_need_main() -> bool:
    """Return True if workers would need a main module that they cannot import: it has no guard, or no file.

    Workers need it where it registers a model, a mechanism or the like, which then is in no module and no plugin.
    """
    if not registered_in("__main__"):
        return False
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None or not Path(file).is_file():
        return True
    return not re.search(
        r"""if __name__ == ["']__main__["']""", Path(file).read_text(encoding="utf-8", errors="replace")
    )


def _work(pipe: Connection, threads: int) -> None:
    """Execute tasks until the pipe closes: what a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="false")

    def send(kind: str, content: Any) -> None:
        content = ForkingPickler.dumps((kind, content))
        try:
            pipe.send_bytes(content)
        except OSError:
            os._exit(1)  # the parent is gone; the next run removes what is half-written

    while True:
        try:
            content = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        send("begin", Event("start"))
        try:
            task: Task[Any] = ForkingPickler.loads(content)
            if "torch" in sys.modules:  # where it is imported later, it reads the environment
                sys.modules["torch"].set_num_threads(threads)
            send("end", task.execute(lambda event: send("event", event)))
        except BaseException as error:  # noqa: BLE001 - SystemExit included: it is the outcome of the task
            send("end", Loss.of(error))


def _follow_parent() -> None:
    """End this process as soon as its parent has ended, even if the parent was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def usual_executor(workers: int | None = None, device: str = "cpu") -> Executor[Any, Any]:
    """Return worker processes, or this process where only it has what a study names; see `workers_need_main`.

    Args:
        workers: Number of processes; None: see `runs_at_once`.
        device: `cpu`, `cuda` or `cuda:1`.

    Raises:
        InputError: if there is no such device.
    """
    if workers_need_main():
        return InlineExecutor()
    return LocalExecutor(runs_at_once(device, workers))


def runs_at_once(device: str, asked: int | None = None) -> int:
    """Return the number of runs at a time: as asked, or one per core, on a GPU at most one per `GIB_OF_A_RUN`.

    Raises:
        InputError: if there is no such device.
    """
    if device == "cpu":
        return asked or usable_cores()
    from benchmark.training.devices import free_memory_gib, open_device

    place = open_device(device)
    if asked or place.type == "cpu":
        return asked or usable_cores()
    return max(1, min(usable_cores(), int(free_memory_gib(place) / GIB_OF_A_RUN)))


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@register_executor("local")
def _make(*, workers: int | None, timeout: float | None) -> LocalExecutor[object, object]:
    return LocalExecutor(workers, timeout=timeout)
