"""Executors: pools of workers that execute tasks and return each outcome as it is ready.

On the CPU, all executors give results that are equal bit for bit.
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
