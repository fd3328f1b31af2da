"""Executors: pools of workers, to which tasks are added and whose outcomes come as they end.

Equal bits on the CPU, whichever executes.
"""

from benchmark.runs.executors.base import (
    Event,
    Executor,
    Heartbeat,
    Report,
    RunTask,
    Task,
    make_executor,
    options_of,
    register_executor,
)
from benchmark.runs.executors.inline import InlineExecutor
from benchmark.runs.executors.local import LocalExecutor, runs_at_once, usual_executor

__all__ = [
    "Event",
    "Executor",
    "Heartbeat",
    "InlineExecutor",
    "LocalExecutor",
    "Report",
    "RunTask",
    "Task",
    "make_executor",
    "options_of",
    "register_executor",
    "runs_at_once",
    "usual_executor",
]
