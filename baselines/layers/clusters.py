"""Frames of audio and vision as words of a small vocabulary: k-means clusters, fitted during training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.interface import Sequences

#: Passes of Lloyd's algorithm over the first batch, which initialise the centres.
_FIRST_PASSES = 10


class FrameClusters(nn.Module):
    """Mini-batch k-means (Sculley, WWW 2010) over the frames of a modality.

    Frames that are zero vectors (erased, or never observed) belong to no cluster.
    """

    centres: Tensor
    sizes: Tensor

    def __init__(self, input_width: int, clusters: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.randn(clusters, input_width))
        self.register_buffer("sizes", torch.zeros(clusters))

    @torch.no_grad()
    def fit(self, sequences: Sequences) -> None:
        """Move the centres towards a batch's frames, by a step that shrinks with the number of frames seen.

        The first batch initialises them: some of its frames, drawn from torch's generator, then a few passes of Lloyd's
        algorithm.
        """
        frames = sequences.values[sequences.values.any(dim=-1)]
        if len(frames) == 0:
            return
        if not self.sizes.any():
            chosen = torch.randperm(len(frames), device=frames.device)[: len(self.centres)]
            self.centres[: len(chosen)] = frames[chosen]
            for _ in range(_FIRST_PASSES):
                means, sizes = self._means(frames)
                self.centres.copy_(torch.where(sizes[:, None] > 0, means, self.centres))
        means, sizes = self._means(frames)
        self.sizes += sizes
        self.centres += (means - self.centres) * (sizes / self.sizes.clamp(min=1))[:, None]

    def forward(self, sequences: Sequences) -> Tensor:
        """Return each frame's cluster, `(B, T)` int64: 0 to k - 1, and k for zero vectors and padding."""
        values = sequences.values
        nearest = self._nearest(values.flatten(0, 1)).view(values.shape[:2])
        return torch.where(values.any(dim=-1), nearest, len(self.centres))

    def _nearest(self, frames: Tensor) -> Tensor:
        # A matrix product would be faster but rounds differently in different batches, which could change a tie.
        return torch.cdist(frames, self.centres, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=-1)

    def _means(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Mean `(k, D)` and number `(k,)` of the frames nearest to each centre."""
        nearest = self._nearest(frames)
        sizes = torch.zeros_like(self.sizes).index_add_(0, nearest, torch.ones_like(frames[:, 0]))
        sums = torch.zeros_like(self.centres).index_add_(0, nearest, frames)
        return sums / sizes.clamp(min=1)[:, None], sizes
