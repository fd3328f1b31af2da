"""Erasing: values that are not observed become +0.0, in audio, vision and word vectors.

A product with 0 would keep the sign of every erased value, one bit for each feature that a model could read.
"""

from __future__ import annotations

import torch
from torch import Tensor


def erase(values: Tensor, kept: Tensor) -> Tensor:
    """Set values to +0.0 where they are not kept, in place.

    The bits are multiplied by 0 or 1, which takes a quarter of the time of `masked_fill_` on a processor.

    Args:
        values: `(..., D)` float32 without gradient; infinities and NaN are erased like any other value.
        kept: `(...)` bool on the same device.

    Returns:
        `values`.
    """
    values.view(torch.int32).mul_(kept[..., None])
    return values
