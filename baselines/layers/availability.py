"""Whole modalities that are missing, for models that treat them apart and are not told which."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import MODALITIES, Batch, TrainBatch
from baselines.layers.missing_prompts import drop_modalities, silenced
from baselines.layers.pooling import masked_mean


def text_is_missing(detector: nn.Module, batch: Batch) -> Tensor:
    """Return a detector's logit `(B,)` for a text without any word; values of other encoders cannot make it overflow.

    Args:
        detector: Linear map of the mean state to one number.
        batch: Input.
    """
    logit: Tensor = detector(masked_mean(batch.text.values, batch.text.padding)).squeeze(-1)
    return logit.clamp(-50, 50)


def missing_modalities(batch: Batch, text: Tensor) -> Tensor:
    """Return flags of missing modalities, `(B, 3)` bool: all values are zeros, or `text` `(B,)` says so of the text."""
    silent = torch.stack([~batch[m].values.any(dim=-1).any(dim=-1) for m in MODALITIES], dim=-1)
    return torch.cat([silent[:, :1] | text[:, None], silent[:, 1:]], dim=-1)


def with_dropped_modalities(batch: TrainBatch, rate: float) -> tuple[Batch, Tensor]:
    """Drop one or two modalities from a share of the training samples.

    Returns:
        The input with these modalities set to zero, and flags of all missing modalities, `(B, 3)` bool.
    """
    gone = batch.integrity[:, 0] <= 0
    dropped = drop_modalities(len(batch), rate, gone.device)
    return silenced(batch.input, dropped), dropped | missing_modalities(batch.input, gone)


def detection_loss(detector: nn.Module, batch: TrainBatch) -> Tensor:
    """Return the loss of telling texts without any word from others: a scalar."""
    gone = (batch.integrity[:, 0] <= 0).float()
    return F.binary_cross_entropy_with_logits(text_is_missing(detector, batch.input), gone)
