"""Dropout whose masks cost a tenth of torch's on a processor: sixteen random bits of torch's generator an element."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LEVELS = 1 << 16


def kept(shape: Sequence[int], rate: float) -> Tensor:
    """Draw a mask on the processor: False with a probability of `rate`, which is rounded to 1 / 65536."""
    count = math.prod(shape)
    numbers = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None).view(torch.int16)
    numbers = numbers[:count].view(*shape)
    return numbers.ge_(_dropped(rate) - _LEVELS // 2).to(torch.int8).view(torch.bool)  # half the time of a comparison


def factors(mask: Tensor, rate: float, dtype: torch.dtype) -> Tensor:
    """Return factors on elements: 0 where a mask of `kept` is False, else what leaves the mean as it was."""
    of_bytes = mask.view(torch.uint8).to(dtype)  # a quarter of the time of the same from bool
    return of_bytes.mul_(_LEVELS / (_LEVELS - _dropped(rate)))


def drop(values: Tensor, rate: float) -> Tensor:
    """Set elements to zero with a probability of `rate`, and scale the others."""
    if values.device.type != "cpu" or not 0 < _dropped(rate) < _LEVELS:
        return F.dropout(values, rate)
    return values * factors(kept(values.shape, rate), rate, values.dtype)


def _dropped(rate: float) -> int:
    return round(rate * _LEVELS)


class Dropout(nn.Dropout):
    """`nn.Dropout`, computed by `drop`."""

    def forward(self, values: Tensor) -> Tensor:
        """Apply dropout in training."""
        return drop(values, self.p) if self.training else values


def with_fast_dropout(module: nn.Module) -> None:
    """Replace every `nn.Dropout` inside a module by `Dropout`."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p))
