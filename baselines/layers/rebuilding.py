"""Losses of models that rebuild what the training regime erased: TFR-Net (ACM MM 2021), EMT-DLFR (TAC 2023)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from baselines.interface import TrainBatch
from protocols import Modality


def erased_positions(batch: TrainBatch, modality: Modality) -> Tensor:
    """Return flags `(B, T)` of positions that the regime erased and whose value is known (not gaps of the data set)."""
    complete = batch.complete[modality]
    return ~complete.padding & ~batch.observed[modality] & (complete.values != 0).any(dim=-1)


def rebuilding_loss(rebuilt: Tensor, target: Tensor, positions: Tensor) -> Tensor:
    """Smooth L1 distance, mean over all features of the positions; 0 where there are none.

    Args:
        rebuilt: `(B, T, D)`.
        target: `(B, T, D)`; gets no gradient.
        positions: `(B, T)` bool: True at steps that count.
    """
    weight = positions.unsqueeze(-1).to(rebuilt.dtype)
    distance = F.smooth_l1_loss(rebuilt, target.detach(), reduction="none") * weight
    return distance.sum() / (weight.sum() * rebuilt.shape[-1]).clamp(min=1.0)
