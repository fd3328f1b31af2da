"""Description of a data set, and of flaws that could invalidate an evaluation on it; no torch.

`scan` reads the values once; `counts` and `duplicates` count; `probe` (with `ridge` and `bag_of_words`) predicts the
labels from each modality separately, and `suspicion` warns when a probe is too good; `caution` words the other
warnings; `describing` joins all in the records of `tables`. The command line prints them,
`benchmark.figures.distributions` draws them.
"""

from benchmark.data.description.describing import describe
from benchmark.data.description.tables import Description, Lengths, Shared

__all__ = [
    "Description",
    "Lengths",
    "Shared",
    "describe",
]
