"""Tasks one after the other in this process, on one thread as in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmark.runs.executors.base import Event, Executor, K, R, register_executor, settled
from benchmark.runs.failures import Loss
from protocols import InputError


class InlineExecutor(Executor[K, R]):
    """Executor for tests, debuggers and notebooks.

    Args:
        threads: Threads of each task; other numbers than 1 may change the last bits of a result.
    """

    def __init__(self, threads: int = 1) -> None:
        super().__init__()
        self._threads = threads

    def outcomes(self, listener: Callable[[K, Event], None] | None = None) -> Iterator[tuple[K, R]]:
        """Execute the tasks in order; the number of threads is put back after each."""
        from benchmark.training.threads import on_threads  # imports torch

        tell = listener or (lambda *_: None)
        while self._queue:
            key, task = self._queue.popleft()
            try:
                tell(key, Event("start"))
                with on_threads(self._threads):
                    parcel = task.execute(lambda event, key=key: tell(key, event))  # type: ignore[misc]
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - SystemExit included: it is the outcome of the task
                parcel = Loss.of(error)
            tell(key, Event("end"))
            yield key, settled(task, parcel)


@register_executor("inline")
def _make(*, workers: int | None, timeout: float | None) -> InlineExecutor[object, object]:
    if timeout is not None:
        raise InputError("--timeout: a run in this process cannot be ended; leave it out, or use --executor local")
    return InlineExecutor()
