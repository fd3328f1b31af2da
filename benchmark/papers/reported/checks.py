"""Data sets and metrics of published numbers: recognised by their test labels, and named for readers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.evaluation.metrics import METRICS
from benchmark.papers.reported.schema import DATASETS, UNKNOWN_CONVENTION

#: Negative, zero, positive labels of the official test sets; CH-SIMS: its zeros count as negative.
TEST_LABELS = {"mosi": (379, 30, 277), "mosei": (1350, 1025, 2284), "sims": (317, 0, 140)}


def published_as(label: npt.ArrayLike, label_range: tuple[float, float]) -> str:
    """Return the data set whose official test part has these labels `(n,)`, by their range and signs; empty: none."""
    signs = np.sign(np.asarray(label))
    negative, zero, positive = (int((signs == sign).sum()) for sign in (-1, 0, 1))
    for name, counts in TEST_LABELS.items():
        own = (negative + zero, 0, positive) if name == "sims" else (negative, zero, positive)
        if own == counts and tuple(label_range) == DATASETS[name]:
            return name
    return ""


def metric_title(metric: str) -> str:
    """Return the metric's name for readers, with a remark if a paper's convention is not known."""
    if metric in UNKNOWN_CONVENTION:
        return f"{'Acc-2' if metric.startswith('acc') else 'F1'} (neutral samples: not said)"
    return METRICS[metric].title
