"""Where a step stands in its sequence: sinusoidal positions (Vaswani et al., NeurIPS 2017, section 3.5)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoidal_positions(steps: int, width: int, like: Tensor) -> Tensor:
    """`(steps, width)`: sines and cosines of the absolute position, the first step being 0.

    A step's code depends on nothing but its position, so that padding after the end changes no prediction, and any
    length is possible.

    Args:
        steps: T, how many positions.
        width: d; an odd width ends with a sine.
        like: Gives device and dtype.
    """
    pairs = (width + 1) // 2
    scale = torch.arange(pairs, device=like.device, dtype=torch.float32) * (-math.log(10_000.0) / max(pairs, 1))
    angles = torch.arange(steps, device=like.device, dtype=torch.float32)[:, None] * scale.exp()
    codes = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return codes[:, :width].to(like.dtype)
