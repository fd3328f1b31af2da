"""Properties required of every model: shapes, invariances, gradients, seeds, learning; and its cost.

>>> from benchmark.authoring.conformance import check_model
>>> report = check_model("late-fusion-dropout")
>>> report.passed
True

`sentibench models check` does the same on the command line. `checks` are grouped by subject, one small function each;
`batches` makes their random samples. May be imported by `benchmark.cli` and by tests.
"""

from benchmark.authoring.conformance.check import Check, Violation
from benchmark.authoring.conformance.cost import Cost, measure_cost
from benchmark.authoring.conformance.kit import CHECKS, check_model, run_check
from benchmark.authoring.conformance.report import CheckResult, ConformanceReport
from benchmark.authoring.conformance.subject import Subject

__all__ = [
    "CHECKS",
    "Check",
    "CheckResult",
    "ConformanceReport",
    "Cost",
    "Subject",
    "Violation",
    "check_model",
    "measure_cost",
    "run_check",
]
