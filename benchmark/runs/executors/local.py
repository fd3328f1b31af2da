"""Runs jobs in worker processes of this machine, one thread each.

Every worker has a pipe of its own: it is known which job a worker that died was at, and a worker whose parent died ends
at its next word.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from benchmark.runs.executors.base import Event, Listener, death

if TYPE_CHECKING:
    from benchmark.runs.execution import Job
    from benchmark.runs.store import RunRecord

_SPAWN = multiprocessing.get_context("spawn")


class LocalExecutor:
    """Worker processes.

    Args:
        workers: How many; by default one a core that this process may use.
        threads: Of each worker; other numbers than 1 may change the last bits of a result.
    """

    def __init__(self, workers: int | None = None, threads: int = 1) -> None:
        self._workers = workers or usable_cores()
        self._threads = threads

    def map(self, jobs: Sequence[Job], listener: Listener | None = None) -> Iterator[tuple[int, RunRecord]]:
        """Run the jobs, first come first served; a worker that dies fails its job and is replaced."""
        from benchmark.runs.store import RunRecord

        tell = listener or (lambda _: None)
        queue = deque(enumerate(jobs))
        workers: list[_Process] = []
        try:
            workers = [_Process(self._threads) for _ in range(min(self._workers, len(jobs)))]
            for worker in workers:
                _give(worker, queue, tell)
            while any(w.at is not None for w in workers):
                ready = wait([w.pipe for w in workers if w.at is not None])
                for i, worker in enumerate(workers):
                    if worker.pipe not in ready or worker.at is None:
                        continue
                    number = worker.at
                    try:
                        kind, content = worker.pipe.recv()
                    except (EOFError, OSError):
                        worker.process.join(10)
                        code = worker.process.exitcode
                        yield number, _died(jobs[number], code)
                        workers[i] = worker = _Process(self._threads)
                        _give(worker, queue, tell)
                        continue
                    if kind == "event":
                        phase, done, total, mae = content
                        tell(Event(number, phase, done, total, mae))
                        continue
                    _give(worker, queue, tell)
                    yield number, RunRecord.model_validate_json(content)
        finally:
            for worker in workers:
                worker.stop()


class _Process:
    """A worker process and this side of its pipe."""

    def __init__(self, threads: int) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process: BaseProcess = _SPAWN.Process(target=_work, args=(theirs, threads), daemon=True)
        self.process.start()
        theirs.close()
        self.at: int | None = None

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(5)


def _give(worker: _Process, queue: deque[tuple[int, Job]], tell: Listener) -> None:
    """Hand the next job to a worker, or leave it idle."""
    worker.at = None
    if queue:
        number, job = queue.popleft()
        worker.at = number
        tell(Event(number, "start"))
        worker.pipe.send(job)


def _died(job: Job, code: int | None) -> RunRecord:
    from benchmark.runs.store import RunRecord

    error = f"{death(code)}; run the study again to retry"
    return RunRecord(id=job.spec.id, spec=job.spec, status="failed", error=error)


def _work(pipe: Connection, threads: int) -> None:
    """A worker's life: take jobs until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="false")
    import torch

    from benchmark.runs.execution import execute

    torch.set_num_threads(threads)

    def send(kind: str, content: Any) -> None:
        try:
            pipe.send((kind, content))
        except OSError:
            os._exit(1)  # the parent is gone: leave at once, what is half-written is swept up by the next run

    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        record = execute(job, lambda phase, done, total, mae: send("event", (phase, done, total, mae)))
        send("record", record.model_dump_json())


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
