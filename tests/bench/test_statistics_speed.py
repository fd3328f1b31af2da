"""Speed and memory of the statistics of a large study: `make bench` measures, the ordinary run keeps a guard."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from typing import Any

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.statistics import compare, confidence_intervals, corrected, resample

#: Seconds and bytes on two cores: 2,000 draws of 20 models x 5 seeds x 60 scenarios x 686 samples of 93 videos.
LIMIT, MEMORY = 60.0, 2 * 2**30
#: Seconds of processor time for a fiftieth of the cells; about 0.5 are needed.
GUARD = 5.0


def statistics_of(models: int, seeds: int, scenarios: int, draws: int = 2000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Intervals of all metrics under every scenario, and every pair compared by the mean MAE."""
    rng = np.random.default_rng(0)
    label = rng.integers(-15, 16, 686) / 5
    videos = np.r_[np.arange(93), rng.integers(0, 93, 686 - 93)].astype(str)
    names = [f"scenario {j}" for j in range(scenarios)]
    rows = [(f"model {m}", s, name) for m in range(models) for s in range(seeds) for name in names]
    cells = pd.DataFrame(rows, columns=["model", "seed", "scenario"])
    noise = np.linspace(0.8, 1.2, models).repeat(seeds * scenarios)[:, None]
    found = resample(label, videos, cells, label + noise * rng.standard_normal((len(rows), 686)), draws=draws)
    known = corrected(found, "mae", names)
    pairs = pd.DataFrame([compare(found[a], found[b], "mae", names) for a, b in known if a < b])
    return confidence_intervals(found), pairs.assign(p_corrected=[p for (a, b), p in known.items() if a < b])


def check(intervals: pd.DataFrame, pairs: pd.DataFrame, models: int, scenarios: int) -> None:
    assert len(intervals) == models * scenarios * len(metric_names())
    assert len(pairs) == models * (models - 1) // 2
    assert (intervals["low"] < intervals["high"]).all()
    assert pairs["p_corrected"].notna().all()


def test_statistics_of_a_large_study(benchmark: Any) -> None:
    models, seeds, scenarios = (4, 3, 10) if benchmark.disabled else (20, 5, 60)
    started = time.process_time()
    found = benchmark.pedantic(statistics_of, args=(models, seeds, scenarios), rounds=1)
    check(*found, models, scenarios)
    if benchmark.disabled:
        assert time.process_time() - started < GUARD
    else:
        assert benchmark.stats.stats.max < LIMIT


def test_memory_of_a_large_study(benchmark: Any) -> None:
    """In a process of its own, whose peak nothing else has raised."""
    size = (4, 3, 60) if benchmark.disabled else (20, 5, 60)
    code = textwrap.dedent(f"""
        import sys, torch
        from benchmark.training.memory import peak_memory_mb
        from tests.bench.test_statistics_speed import statistics_of
        statistics_of{size}
        sys.stdout.write(str(int(2**20 * peak_memory_mb(torch.device("cpu")))))
    """)

    def measure() -> int:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return int(done.stdout)

    peak = benchmark.pedantic(measure, rounds=1)
    benchmark.extra_info["peak_mb"] = round(peak / 2**20)
    assert peak < (MEMORY / 3 if benchmark.disabled else MEMORY)
