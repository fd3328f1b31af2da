"""What models say and do besides the sentiment.

`read_diagnostics` reads what the runs of a study have on file: estimated integrity and the modality that leads.
`examine` asks a trained Senti-iFusion again under masks: what its integrity estimates are worth, and what its completion
recovers. `write_diagnostics` makes tables and figures of that. The command line and `benchmark.plots` import from here.
"""

from benchmark.diagnostics.examining import Examination, examine
from benchmark.diagnostics.stored import DOMINANT, ESTIMATED, OBSERVED, Diagnostics, read_diagnostics
from benchmark.diagnostics.writing import Written, write_diagnostics

__all__ = [
    "DOMINANT",
    "ESTIMATED",
    "OBSERVED",
    "Diagnostics",
    "Examination",
    "Written",
    "examine",
    "read_diagnostics",
    "write_diagnostics",
]
