"""What is in a data set, and what could spoil an evaluation on it; no torch.

`scan` reads the values once; `counts` and `duplicates` count; `probe` (with `ridge` and `bag_of_words`) asks every
modality by itself and `suspicion` says when an answer is too good; `caution` words the other warnings; `describing`
brings all together in the records of `tables`. The command line prints them, `benchmark.figures.distributions` draws
them.
"""

from benchmark.data.description.describing import describe
from benchmark.data.description.tables import (
    ClassCounts,
    Description,
    Histogram,
    Lengths,
    ModalityCounts,
    PartCounts,
    Probe,
    Shared,
    Vocabulary,
)

__all__ = [
    "ClassCounts",
    "Description",
    "Histogram",
    "Lengths",
    "ModalityCounts",
    "PartCounts",
    "Probe",
    "Shared",
    "Vocabulary",
    "describe",
]
