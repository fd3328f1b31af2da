"""Random dropout of whole modalities in training."""

from __future__ import annotations

import torch
from torch import Tensor

from protocols import MODALITIES


def keep_modalities(samples: int, rate: float, device: torch.device) -> Tensor:
    """Draw `(samples, 3)` of 0 and 1: each modality is kept with probability `1 - rate`; a sample never loses all."""
    kept = torch.rand(samples, len(MODALITIES), device=device) >= rate
    kept = kept | ~kept.any(dim=1, keepdim=True)
    return kept.float()
