"""What models say and do besides the sentiment.

`read_diagnostics` reads what the runs of a study have on file: estimated integrity and the modality that leads.
`examine` asks a trained Senti-iFusion again under masks: what its integrity estimates are worth, and what its
completion recovers. `write_diagnostics` makes tables and figures of that.
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
