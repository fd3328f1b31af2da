"""Growth of the suite's own work with the size of a study, in calls of functions: equal on every machine."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.results.opening import open_results
from benchmark.runs.executors import InlineExecutor
from benchmark.study.plan import prepare
from benchmark.study.running import pending, run
from benchmark.study.study import make_study

#: Largest exponent of the number of calls by the size: at twice the size, at most 2.07 times the calls.
EXPONENT = 1.05


def calls(act: Callable[[], object]) -> int:
    """Calls of functions, Python's and C's, that something makes."""
    count = 0

    def note(_frame: object, event: str, _of: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def fields(models: int = 1, seeds: int = 2, scenarios: int = 4, samples: int = 40) -> dict[str, Any]:
    widths = range(8, 4 + 4 * models, 4)
    narrow = [{"name": "audio-only", "label": f"width {w}", "config": {"width": w}} for w in widths]
    return {
        "name": "growth",
        "datasets": [f"synthetic:samples=16-8-{samples},max_length=12"],
        "models": ["constant", *narrow],
        "protocols": [f"drop(rate={round(n / (scenarios + 1), 3)})" for n in range(1, scenarios + 1)],
        "seeds": seeds,
    }


def planned(root: Path, **sizes: int) -> None:
    plan = prepare(make_study(fields(**sizes)))
    assert len(pending(plan, root)) >= sizes.get("models", 1) * sizes.get("seeds", 2)


def done(root: Path, **sizes: int) -> None:
    plan = prepare(make_study(fields(**sizes)))
    assert not run(plan, root, InlineExecutor()).failed
    assert open_results(plan, root).to_frame().shape[0] > 0


@pytest.mark.parametrize(
    ("work", "size", "small"),
    [
        (planned, "models", 8),
        (planned, "seeds", 8),
        (planned, "scenarios", 8),
        (done, "seeds", 2),
        (done, "scenarios", 4),
        (done, "samples", 40),
    ],
)
def test_calls_grow_no_faster_than_the_study(work: Callable[..., None], size: str, small: int, tmp_path: Path) -> None:
    work(tmp_path / "first", **{size: small})  # imports, and what is made once
    counts = [calls(lambda n=n: work(tmp_path / str(n), **{size: n})) for n in (small, 2 * small, 4 * small)]  # type: ignore[misc]
    exponent = math.log2((counts[2] - counts[1]) / (counts[1] - counts[0]))  # of what grows: fixed parts drop out
    print(f"{work.__name__} by {size}: {counts} calls, exponent {exponent:.2f}")  # noqa: T201
    assert exponent <= EXPONENT
