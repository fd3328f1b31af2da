"""Scores of single positions as counts, from which the area under the ROC curve of any scenarios follows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Counts = npt.NDArray[np.int64]

#: Bins of the log odds, from -12 to 12; a tie counts half.
_BINS, _EDGE = 2400, 12.0


def no_counts() -> Counts:
    """Return counts of zero, by modality, state (0: filled or erased, 1: left) and bin."""
    return np.zeros((3, 2, _BINS), dtype=np.int64)


def count(counts: Counts, modality: int, logits: Tensor, left: Tensor, recorded: Tensor) -> None:
    """Add positions `(B, T)`: log odds that each was left, and flags of those left and of those ever recorded.

    Gaps of the data themselves do not count, as they are zeros, which are easy to recognise.
    """
    bins = ((logits + _EDGE) / (2 * _EDGE) * _BINS).long().clamp(0, _BINS - 1)
    for kind, where in enumerate((recorded & ~left, recorded & left)):
        counts[modality, kind] += torch.bincount(bins[where], minlength=_BINS).cpu().numpy()


def auc(counts: Iterable[Counts]) -> npt.NDArray[np.float64]:
    """Return, by modality, the probability that a position that was left scores higher than one that was not.

    0.5 is chance; NaN where nothing or everything was left.
    """
    gone, left = np.sum(list(counts), axis=0).transpose(1, 0, 2).astype(np.float64)
    below = np.cumsum(gone, axis=1) - gone / 2
    pairs = gone.sum(axis=1) * left.sum(axis=1)
    area: npt.NDArray[np.float64] = np.full(3, np.nan)
    np.divide((left * below).sum(axis=1), pairs, out=area, where=pairs > 0)
    return area
