"""What every model must keep, whoever wrote it: shapes, invariances, gradients, seeds, learning, and what it costs.

>>> from benchmark.conformance import check_model
>>> report = check_model("late-fusion-dropout")
>>> report.passed
True

`sentibench models check` is the same from the command line. `checks` are grouped by subject, one small function each;
`batches` makes the random samples they are made on. May be imported by `benchmark.cli` and by tests.
"""

from benchmark.conformance.check import Check, Violation
from benchmark.conformance.cost import Cost, measure_cost
from benchmark.conformance.kit import CHECKS, check_model, run_check
from benchmark.conformance.report import CheckResult, ConformanceReport
from benchmark.conformance.subject import Subject

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
