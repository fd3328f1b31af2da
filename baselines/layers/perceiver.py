"""Perceiver: learned latent vectors read a sequence (Jaegle et al., ICML 2021, arXiv 2103.03206), from CMAD and HME."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.layers.promotion import GatedFeedForward
from baselines.layers.transformer import Attention


class PerceiverBlock(nn.Module):
    """Pre-norm attention on a source or on itself, and a gated feed-forward of four times the width.

    Args:
        width: Width d.
        heads: Number of attention heads.
        head_width: Width of each head.
        source: True: attends to a source, which has a LayerNorm of its own; False: to itself.
    """

    def __init__(self, width: int, heads: int, head_width: int, *, source: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.norm_source = nn.LayerNorm(width) if source else None
        self.attention = Attention(width, heads, head_width)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = GatedFeedForward(width, 4 * width)

    def forward(self, target: Tensor, source: Tensor | None = None, padding: Tensor | None = None) -> Tensor:
        """Update `target` `(B, Q, d)` by `source` `(B, S, d)`; `padding` is `(B, S)`."""
        query = self.norm(target)
        key = query if source is None or self.norm_source is None else self.norm_source(source)
        target = target + self.attention(query, key, padding)
        updated: Tensor = target + self.feed(self.norm_feed(target))
        return updated


class LatentReader(nn.Module):
    """Vectors that read a sequence in several blocks; their mean, normalised.

    Args:
        width: Width d.
        depth: Number of blocks.
        heads: Number of attention heads.
        head_width: Width of each head.
        latents: Number of learned vectors that read, each block followed by one on themselves; 0: given vectors read.
    """

    def __init__(self, width: int, depth: int, heads: int, head_width: int, latents: int = 0) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(latents, width)) if latents else None
        self.reading = nn.ModuleList(PerceiverBlock(width, heads, head_width, source=True) for _ in range(depth))
        self.itself = nn.ModuleList(
            PerceiverBlock(width, heads, head_width, source=False) for _ in range(depth if latents else 0)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, source: Tensor, padding: Tensor | None = None, given: Tensor | None = None) -> Tensor:
        """Return one vector `(B, d)` for `source` `(B, S, d)`, read by the latents or by `given` `(B, Q, d)`."""
        if given is None:
            if self.latents is None:
                raise ValueError("a reader without latents needs vectors that read")
            given = self.latents.expand(len(source), -1, -1)
        for number, block in enumerate(self.reading):
            given = block(given, source, padding)
            if self.latents is not None:
                given = self.itself[number](given)
        normed: Tensor = self.norm(given.mean(dim=1))
        return normed
