"""Diagnostics of what models predict beside the sentiment.

`read_diagnostics` reads the stored diagnostics of a study's runs: estimated integrity and dominant modality.
`examine` runs a trained Senti-iFusion again under masks: the value of its integrity estimates, and how much its
completion recovers. `write_diagnostics` writes tables and figures of these.
"""

from benchmark.diagnostics.choosing import runs_to_examine
from benchmark.diagnostics.examining import PERMUTATIONS, Examination, examine
from benchmark.diagnostics.writing import Written, write_diagnostics
from benchmark.results.statements import DOMINANT, ESTIMATED, OBSERVED, Diagnostics, read_diagnostics

__all__ = [
    "DOMINANT",
    "ESTIMATED",
    "OBSERVED",
    "PERMUTATIONS",
    "Diagnostics",
    "Examination",
    "Written",
    "examine",
    "read_diagnostics",
    "runs_to_examine",
    "write_diagnostics",
]
