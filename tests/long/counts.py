"""Counts of what the long tests have tried, for the summary."""

from __future__ import annotations

from collections import Counter

COUNTS: Counter[str] = Counter()


def count(what: str, times: int = 1) -> None:
    """Count something that was tried and held."""
    COUNTS[what] += times
