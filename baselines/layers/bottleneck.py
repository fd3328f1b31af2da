"""Variational information bottleneck (Alemi et al., ICLR 2017, arXiv 1612.00410), from HME and TMDC."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F

#: Number subtracted before the softplus, so that representations start with little noise.
_SHIFT = 5.0
#: Least deviation: its logarithm stays finite.
_LEAST = 1e-6


class Bottleneck(nn.Module):
    """Two hidden layers to a Gaussian over k numbers, and a score from a sample of it.

    Args:
        width: Width d of the input; hidden layers have 2 d.
        code: Number k.
        activation: Activation of the hidden layers.
    """

    def __init__(self, width: int, code: int, activation: nn.Module) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Linear(width, 2 * width),
            activation,
            nn.Linear(2 * width, 2 * width),
            activation,
            nn.Linear(2 * width, 2 * code),
        )
        self.score = nn.Linear(code, 1)

    def forward(self, values: Tensor) -> Normal:
        """Return the Gaussians `(..., k)` of vectors `(..., d)`."""
        mean, deviation = self.encode(values).chunk(2, dim=-1)
        return Normal(mean, F.softplus(deviation - _SHIFT) + _LEAST, validate_args=False)
