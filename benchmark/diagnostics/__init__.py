"""Diagnostics of what models predict beside the sentiment.

`examine` runs a trained Senti-iFusion again under masks: the value of its integrity estimates, and how much its
completion recovers. `write_diagnostics` writes tables and figures of these.
"""

from benchmark.diagnostics.choosing import runs_to_examine
from benchmark.diagnostics.examining import Examination, examine
from benchmark.diagnostics.writing import write_diagnostics

__all__ = [
    "Examination",
    "examine",
    "runs_to_examine",
    "write_diagnostics",
]
