"""Signals end a command in one line, its workers within a second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.benchmark.runs.stub_tasks import alive


def _with_interrupts() -> None:
    """Receive Ctrl-C even if the tests run in the background of a shell, where it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_command_and_its_workers(number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmark.cli.waiting", "waiting"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_with_interrupts,
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    assert alive(worker)
    os.killpg(process.pid, number)  # as a terminal and a scheduler do: to all of them
    sent = time.monotonic()
    while alive(worker) and time.monotonic() < sent + 5:
        time.sleep(0.01)
    assert time.monotonic() - sent < 1
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said.strip() == "sentibench: interrupted; run the same command again to continue"
