"""Tasks that sleep, die and raise, for the tests of executors."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmark.runs.executors import Event, Report
from benchmark.runs.failures import Loss


def succeed(report: Report) -> str:
    report(Event("train", 1, 2, 0.5))
    return "done"


def name_process(report: Report) -> int:
    return os.getpid()


def sleep(report: Report) -> None:
    report(Event("train", 2.5, 8, stage="fit"))
    time.sleep(600)


def chatter(report: Report) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        report(Event("train", 2.5, 8, stage="fit"))


def exit_at_once(report: Report) -> None:
    os._exit(7)


def exit_politely(report: Report) -> None:
    sys.exit("enough")


def interrupt(report: Report) -> None:
    raise KeyboardInterrupt


def fault(report: Report) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def be_killed(report: Report) -> None:
    time.sleep(0.3)  # it is seen alive
    os.kill(os.getpid(), signal.SIGKILL)


def unusual_signal(report: Report) -> None:
    os.kill(os.getpid(), signal.SIGRTMIN + 5)


def need_memory(report: Report) -> None:
    raise MemoryError("10 GiB wanted")


def raise_surrogates(report: Report) -> None:
    raise ValueError("of file \udcff.csv,\nline 2")


def raise_from_the_base(report: Report) -> None:
    class Odd(BaseException):
        pass

    raise Odd("neither an Exception nor an exit")


def raise_silently(report: Report) -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            return b"\xff".decode()

    raise Broken


def return_what_cannot_travel(report: Report) -> object:
    return lambda: None


def close_connection(report: Report) -> None:
    for thing in gc.get_objects():
        if isinstance(thing, Connection):
            thing.close()
    time.sleep(600)


def die_after_delivery(report: Report) -> str:
    """The process ends as soon as the result is on its way, as by a system that runs out of memory."""
    send = Connection.send_bytes

    def last(self: Connection, content: Any, *rest: Any) -> None:
        send(self, content, *rest)
        os.kill(os.getpid(), signal.SIGKILL)

    Connection.send_bytes = last  # type: ignore[method-assign]
    return "done"


@dataclass(frozen=True)
class Stub:
    """A task that calls a function of this module; its outcome is (`accepted` or `lost`, what came of it)."""

    function: Callable[[Report], Any]

    def execute(self, report: Report) -> Any:
        return self.function(report)

    def accept(self, parcel: Any) -> tuple[str, Any]:
        return "accepted", parcel

    def lost(self, loss: Loss) -> tuple[str, Any]:
        return "lost", loss


@dataclass(frozen=True)
class Unreadable(Stub):
    """A task that no worker can unpickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def alive(pid: int) -> bool:
    """Return True if a process runs: it is neither gone nor waiting to be collected."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
