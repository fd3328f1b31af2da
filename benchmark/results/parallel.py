"""Independent pieces of work on all processors of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

#: Bootstrap draws x cells whose resampling is large work: some seconds.
LARGE = 20_000_000

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def each(
    work: Callable[[_Item], _Result],
    items: Sequence[_Item],
    *,
    large: bool,
    ended: Callable[[_Item], None] = lambda item: None,
) -> list[_Result]:
    """Return the result of every item, in order; an error of `work` is raised as it is.

    Large work is done in forked processes, one per item and as many at a time as there are processors: they see all
    that this process has in memory, and only results are copied. This process does the work itself if it is small, if
    the system is not Linux, if this process may have no processes of its own, and once torch is imported, whose
    threads do not survive a fork. It also does an item whose process failed or was killed.

    Args:
        work: Function of an item.
        items: The items.
        large: True if the work takes seconds.
        ended: Called in this process with every item, in the order in which they end.
    """
    at_once = min(len(items), len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)
    if not large or at_once < 2 or "torch" in sys.modules or multiprocessing.current_process().daemon:
        results = []
        for item in items:
            results.append(work(item))
            ended(item)
        return results
    fork = multiprocessing.get_context("fork")
    running: dict[Connection, tuple[int, ForkProcess]] = {}
    found: dict[int, _Result] = {}
    begun = 0
    try:
        while len(found) < len(items):
            while begun < len(items) and len(running) < at_once:
                ours, theirs = fork.Pipe(duplex=False)
                process = fork.Process(target=_send, args=(theirs, work, items[begun]), daemon=True)
                process.start()
                theirs.close()
                running[ours] = begun, process
                begun += 1
            for ours in [pipe for pipe in wait(list(running)) if isinstance(pipe, Connection)]:
                number, process = running.pop(ours)
                try:
                    found[number] = ours.recv()
                except (EOFError, OSError):
                    found[number] = work(items[number])
                ours.close()
                process.join()
                ended(items[number])
    finally:
        for _, process in running.values():
            process.kill()
            process.join()
    return [found[number] for number in range(len(items))]


def _send(pipe: Connection, work: Callable[[_Item], _Result], item: _Item) -> None:
    """Send the result of an item. After an error nothing is sent: the parent does the item again, and raises it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends its processes
    with suppress(Exception):
        pipe.send(work(item))
