"""Runs jobs one after the other in this process, on one thread as the worker processes do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from benchmark.runs.execution import Job, execute
from benchmark.runs.executors.base import Event, Listener
from benchmark.runs.store import RunRecord


class InlineExecutor:
    """For tests, debuggers and notebooks.

    Args:
        threads: Of each job; other numbers than 1 may change the last bits of a result.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def map(self, jobs: Sequence[Job], listener: Listener | None = None) -> Iterator[tuple[int, RunRecord]]:
        """Run the jobs in order; the number of threads is put back after each."""
        tell = listener or (lambda _: None)
        for number, job in enumerate(jobs):
            before = torch.get_num_threads()
            torch.set_num_threads(self._threads)
            try:
                tell(Event(number, "start"))
                record = execute(job, lambda phase, done, total, mae, n=number: tell(Event(n, phase, done, total, mae)))  # type: ignore[misc]
            finally:
                torch.set_num_threads(before)
            yield number, record
