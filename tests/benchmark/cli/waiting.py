"""A command that waits for a worker which does not end, for the tests of interrupts."""

from __future__ import annotations

import sys

import click

from benchmark.cli import main
from benchmark.runs.executors.base import Event
from benchmark.runs.executors.local import LocalExecutor
from tests.benchmark.runs import stub_tasks


@click.command()
def waiting() -> None:
    """Print the process id of the worker, and wait."""
    with LocalExecutor[int, object](1) as executor:
        executor.add(0, stub_tasks.Stub(stub_tasks.sleep))

        def tell(_: int, event: Event) -> None:
            if event.phase == "train":
                print(executor._workers[0].process.pid, flush=True)  # noqa: T201 - read by the test

        for _ in executor.outcomes(tell):
            pass


if __name__ == "__main__":
    main._VERBS["waiting"] = ("tests.benchmark.cli.waiting", "Wait.")
    main.main(sys.argv[1:])
