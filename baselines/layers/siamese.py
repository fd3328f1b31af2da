"""Simple Siamese attraction of two views (SimSiam, Chen and He, CVPR 2021, arXiv 2011.10566)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from baselines.layers.subnetworks import SampleNorm


class SiameseHead(nn.Module):
    """Projector and predictor over a vector that exists in two views.

    The linear maps before a batch normalisation have no bias, which the normalisation would cancel.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.projector = nn.Sequential(nn.Linear(width, width, bias=False), SampleNorm(width, affine=False))
        self.predictor = nn.Sequential(
            nn.Linear(width, hidden, bias=False), SampleNorm(hidden), nn.ReLU(), nn.Linear(hidden, width)
        )

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the mean of `-1/2 cos(p_1, stop(z_2)) - 1/2 cos(p_2, stop(z_1))` of two `(B, d)`: -1 at best."""
        projected = self.projector(first), self.projector(second)
        predicted = self.predictor(projected[0]), self.predictor(projected[1])
        agreement = F.cosine_similarity(predicted[0], projected[1].detach(), dim=-1) + F.cosine_similarity(
            predicted[1], projected[0].detach(), dim=-1
        )
        return -0.5 * agreement.mean()
