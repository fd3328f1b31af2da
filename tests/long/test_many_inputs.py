"""Fuzzed inputs for a quarter of an hour: other ones each time, so that they add up over releases."""

from __future__ import annotations

import time

import pytest

from tests.fuzz.run import Result, run, summary
from tests.long.counts import count

pytestmark = pytest.mark.long

SECONDS = 15 * 60
SEED = 2


def test_no_fuzzed_input_escapes() -> None:
    began = time.monotonic()
    first = int(time.time()) * 1000  # more than a second can do
    results: list[Result] = []
    for result in run(SEED, 10**9, first):
        results.append(result)
        if time.monotonic() > began + SECONDS:
            break
    escapes = [r for r in results if r.outcome.startswith("escape")]
    assert not escapes, summary(results)
    count(f"fuzzed inputs (seed {SEED}, from number {first})", len(results))
