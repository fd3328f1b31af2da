"""Executors: `map(jobs)` yields each job's record as it finishes; equal bits on the CPU, whichever executes."""

from benchmark.runs.executors.base import Event, Executor, Listener
from benchmark.runs.executors.inline import InlineExecutor
from benchmark.runs.executors.local import LocalExecutor

__all__ = ["Event", "Executor", "InlineExecutor", "Listener", "LocalExecutor"]
