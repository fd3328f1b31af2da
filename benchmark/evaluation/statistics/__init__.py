"""Uncertainty: bootstrap over videos and seeds, comparisons, ranks, and aggregates of a protocol.

Tables and arrays in, tables out; anyone in `benchmark` may import from here, and nothing here knows a model, a file or
torch. `resample` draws once, everything else reads its draws.
"""

from benchmark.evaluation.statistics.aggregation import aggregates
from benchmark.evaluation.statistics.comparison import compare, compare_all, contestants, corrected, holm
from benchmark.evaluation.statistics.critical_difference import CriticalDifferences, critical_differences
from benchmark.evaluation.statistics.formulas import auilc, relative_error, retention, skill, worst
from benchmark.evaluation.statistics.intervals import confidence_intervals, interval
from benchmark.evaluation.statistics.ranking import ranks, tied_with_best
from benchmark.evaluation.statistics.resampling import (
    DRAWS,
    FEW_VIDEOS,
    SEEDS_FOR_ORDER,
    Estimates,
    FloatArray,
    draw_weights,
    resample,
)

__all__ = [
    "DRAWS",
    "FEW_VIDEOS",
    "SEEDS_FOR_ORDER",
    "CriticalDifferences",
    "Estimates",
    "FloatArray",
    "aggregates",
    "auilc",
    "compare",
    "compare_all",
    "confidence_intervals",
    "contestants",
    "corrected",
    "critical_differences",
    "draw_weights",
    "holm",
    "interval",
    "ranks",
    "relative_error",
    "resample",
    "retention",
    "skill",
    "tied_with_best",
    "worst",
]
