"""Tasks on the nodes of a Ray cluster. They compute there; only this process, the driver, files what they make."""

from __future__ import annotations

import math
import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic

from benchmark.runs.executors import ray_work
from benchmark.runs.executors.base import Event, Executor, K, R, RunTask, Task, register_executor, settled
from benchmark.runs.executors.ray_cluster import Cluster
from benchmark.runs.executors.ray_luggage import Luggage
from benchmark.runs.failures import Loss
from protocols import InputError

#: Seconds between two looks at events and time limits.
_PULSE = 0.2
#: Seconds after which the nodes are counted again.
_RECOUNT = 1.0


@dataclass(eq=False)
class _Sent(Generic[K, R]):
    """Task that was sent to the cluster.

    Attributes:
        number: Its number in events.
        began: Time when its node had all that it needs; None before.
        event: Last event.
    """

    key: K
    task: Task[R]
    number: int
    began: float | None = None
    event: Event | None = None


class RayExecutor(Executor[K, R]):
    """Nodes of a Ray cluster, with one thread for each task as in worker processes of one machine.

    Args:
        address: Address of the cluster, see `Cluster`.
        workers: Largest number of tasks at a time; None: as many as the cluster has room for.
        timeout: Seconds that a task may take; None: no limit.
        cpus, gpus: Share of a node that a task is given.
        retries: Number of further attempts for a task whose process or node is lost; none after an exception.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        timeout: float | None = None,
        cpus: float = 1.0,
        gpus: float = 0.0,
        retries: int = 2,
    ) -> None:
        super().__init__()
        self._address, self._most, self._timeout = address, workers, timeout
        self._cpus, self._gpus, self._retries = cpus, gpus, retries
        self._cluster: Cluster | None = None
        self._work: Any = None
        self._luggage: Luggage | None = None
        self._sent: dict[Any, _Sent[K, R]] = {}
        self._attempts: Counter[K] = Counter()
        self._unchecked: list[Task[R]] = []
        self._count = 0
        self._room, self._counted, self._heard = 0, -math.inf, -math.inf

    def add(self, key: K, task: Task[R]) -> None:
        """Queue a task; its needs are compared with the nodes before it is sent."""
        super().add(key, task)
        self._unchecked.append(task)

    def outcomes(self, listener: Callable[[K, Event], None] | None = None) -> Iterator[tuple[K, R]]:
        """Execute the tasks; one whose process or node is lost is sent again, as often as `retries` allows.

        Raises:
            InputError: if the cluster cannot be used: not reached, too small, or with a node that differs.
        """
        tell = listener or (lambda *_: None)
        self._send()
        while self._sent:
            ended = self._wait(tell)
            self._send()  # before the caller takes what has ended
            for key, outcome in ended:
                tell(key, Event("end"))
                yield key, outcome
            self._send()  # what the caller added meanwhile

    def close(self) -> None:
        """Drop the queue and end what runs. A cluster that was there before goes on."""
        super().close()
        self._unchecked, self._attempts = [], Counter()
        self._counted = self._heard = -math.inf
        cluster, luggage = self._cluster, self._luggage
        self._cluster = self._luggage = None
        if cluster is None:
            return
        try:
            for ref in self._sent:
                cluster.cancel(ref)
            self._sent = {}
            cluster.close()
        finally:
            if luggage is not None:
                luggage.close()

    def _send(self) -> None:
        """Send tasks of the queue, up to twice as many as the cluster has room for, so that no node waits."""
        if not self._queue:
            return
        now = time.monotonic()
        if self._cluster is None:
            self._cluster = Cluster(self._address)
            self._work = self._cluster.ray.remote(ray_work.work).options(
                num_cpus=self._cpus, num_gpus=self._gpus, max_retries=0, scheduling_strategy="SPREAD"
            )
        cluster = self._cluster
        self._luggage = luggage = self._luggage or Luggage(cluster)
        if now >= self._counted + _RECOUNT:  # nodes may join
            self._room, self._counted = cluster.room(self._cpus, self._gpus), now
        most = self._most or 2 * self._room
        luggage.check(self._unchecked, min(self._room, most, len(self._queue)))
        self._unchecked = []
        while self._queue and len(self._sent) < most:
            key, task = self._queue.popleft()
            self._attempts[key] += 1
            self._count += 1
            if isinstance(task, RunTask) and task.filed:
                task = replace(task, attempt=self._attempts[key])  # type: ignore[type-var]
            cargo = luggage.pack(task, self._count)
            self._sent[self._work.remote(cargo, cluster.mailbox)] = _Sent(key, task, self._count)

    def _wait(self, tell: Callable[[K, Event], None]) -> list[tuple[K, R]]:
        """Wait for ends, for a moment at most; return what has ended."""
        cluster = self._cluster
        if cluster is None:
            return []
        ready = cluster.wait(list(self._sent), _PULSE)
        if not ready or time.monotonic() >= self._heard + _PULSE:
            self._hear(cluster, tell)
        ended = []
        for ref in ready:
            sent = self._sent[ref]
            outcome = self._settle(cluster, ref, sent, tell)
            del self._sent[ref]
            ended += [] if outcome is None else [(sent.key, outcome[0])]
        for ref, sent in list(self._sent.items()):
            if self._timeout is not None and sent.began and time.monotonic() - sent.began > self._timeout:
                cluster.cancel(ref)
                del self._sent[ref]
                ended.append((sent.key, self._lost(sent, f"ended for taking longer than {self._timeout:g} s")))
        return ended

    def _hear(self, cluster: Cluster, tell: Callable[[K, Event], None]) -> None:
        """Take the events of tasks since the last time."""
        self._heard = time.monotonic()
        by_number = {sent.number: sent for sent in self._sent.values()}
        for number, letter in cluster.letters():
            if (sent := by_number.get(number)) is not None:
                self._follow(sent, letter or Event("start"), tell)

    def _follow(self, sent: _Sent[K, R], event: Event, tell: Callable[[K, Event], None]) -> None:
        sent.began, sent.event = sent.began or time.monotonic(), event
        tell(sent.key, event)

    def _settle(
        self, cluster: Cluster, ref: Any, sent: _Sent[K, R], tell: Callable[[K, Event], None]
    ) -> tuple[R] | None:
        """Return the outcome of a task that has ended, in a tuple; None if it is sent again."""
        answer, lost = cluster.answer(ref)
        if lost:
            self._hear(cluster, tell)  # what it was doing
            if self._attempts[sent.key] <= self._retries:
                self._queue.appendleft((sent.key, sent.task))
                return None
            return (self._lost(sent, lost),)
        if sent.began is None:  # it took less time than there is between two looks at events
            self._follow(sent, Event("start"), tell)
        kind, content, files = answer
        if kind == "refused":
            return (self._lost(sent, content),)
        parcel = pickle.loads(content)
        if files is not None and self._luggage is not None and isinstance(sent.task, RunTask):
            try:
                record = self._luggage.file(sent.task, sent.number, files)
            except (InputError, OSError) as error:
                return (sent.task.lost(Loss.of(error)),)
            parcel = parcel if isinstance(parcel, Loss) else record
        return (settled(sent.task, parcel),)

    def _lost(self, sent: _Sent[K, R], reason: str) -> R:
        tried = self._attempts[sent.key]
        attempts = f" in attempt {tried}" if tried > 1 else ""
        seen = f"; last seen {sent.event}" if sent.event else ""
        return sent.task.lost(Loss(f"{reason}{attempts}{seen}; the same command tries it again"))


@register_executor("ray")
def _make(
    *,
    workers: int | None,
    timeout: float | None,
    device: str = "cpu",
    address: str | None = None,
    cpus_per_run: float = 1.0,
    gpus_per_run: float | None = None,
    retries: int = 2,
) -> RayExecutor[object, object]:
    if device not in ("cpu", "cuda"):
        raise InputError(f"--device {device}: Ray chooses the device of a run; write --device cuda")
    if device == "cpu" and gpus_per_run:
        raise InputError(
            f"--gpus-per-run {gpus_per_run:g}: runs use no GPU with --device cpu; leave out one of the two options"
        )
    gpus = (1.0 if device == "cuda" else 0.0) if gpus_per_run is None else gpus_per_run
    return RayExecutor(address, workers, timeout, cpus_per_run, gpus, retries)
