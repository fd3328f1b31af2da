"""Summary of the long tests: what was tried, and how often."""

from __future__ import annotations

import pytest

from tests.long.counts import COUNTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COUNTS:
        terminalreporter.section("counts")
        for what, times in COUNTS.items():
            terminalreporter.write_line(f"{times:7,} {what}")
