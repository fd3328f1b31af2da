"""Sinusoidal codes of a step's position in its sequence (Vaswani et al., NeurIPS 2017, section 3.5)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoidal_positions(steps: int, width: int, like: Tensor) -> Tensor:
    """Return sines and cosines of the absolute position, `(steps, width)`; the first step is position 0.

    A step's code depends only on its position, so that padding after the end changes no prediction, and any length is
    possible.

    An odd width ends with a sine; the result has device and dtype of `like`.
    """
    pairs = (width + 1) // 2
    scale = torch.arange(pairs, device=like.device, dtype=torch.float32) * (-math.log(10_000.0) / max(pairs, 1))
    angles = torch.arange(steps, device=like.device, dtype=torch.float32)[:, None] * scale.exp()
    codes = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return codes[:, :width].to(like.dtype)
