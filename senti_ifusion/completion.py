"""Part 3: Integrity-weighted Cross-modal Completion (IC).

Known: a weighting that disentangles the consistent semantic structure from modality-specific representation and
recovers sentiment-related features. How it does so is our reading.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.layers.transformer import Attention, feed_forward, learned_tokens
from protocols import MODALITIES
from senti_ifusion.config import SentiIFusionConfig

#: Added to the integrity before its logarithm: a donor that is gone weighs exp(-13.8 / tau) of one that is whole.
EPSILON = 1e-6


class Completion(NamedTuple):
    """What completion makes of a batch.

    Attributes:
        proxy: What stands in where a modality is gone, `(B, 3, K, d)`.
        shared: S, `(B, 3, K, d)`.
        private: P, `(B, 3, K, d)`; read by the loss only: None outside training and without
            disentanglement.
        donors: `(B, 3, 3)`: weight of donor n (last axis) for modality m; rows sum to 1, the diagonal is 0.
    """

    proxy: Tensor
    shared: Tensor
    private: Tensor | None
    donors: Tensor


class Prior(nn.Module):
    """A modality's tokens when nothing is known of them: those of complete inputs on average, and what is learned.

    The average follows H* through training and is stored with the model, so that what stands in for a gap starts at
    the best constant and not at noise (our reading).
    """

    #: Least share of the newest batch in the average; before that, all batches count alike.
    NEWEST = 0.05

    mean: Tensor
    batches: Tensor

    def __init__(self, config: SentiIFusionConfig) -> None:
        super().__init__()
        shape = (len(MODALITIES), config.tokens, config.width)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("batches", torch.zeros(len(MODALITIES)))
        self.offset = nn.Parameter(torch.zeros(shape))

    @torch.no_grad()
    def follow(self, target: Tensor, weight: Tensor) -> None:
        """Take H* `(B, 3, K, d)` into the average, by how much of each modality the complete view has `(B, 3)`."""
        total = weight.sum(dim=0)
        batch = torch.einsum("bm,bmkd->mkd", weight, target) / total.clamp(min=EPSILON)[:, None, None]
        there = total > EPSILON
        self.batches += there
        share = (1 / self.batches.clamp(min=1.0)).clamp(min=self.NEWEST) * there
        self.mean.lerp_(batch, share[:, None, None].expand_as(batch))

    def forward(self) -> Tensor:
        """`(3, K, d)`."""
        return self.mean + self.offset


class CrossModalCompletion(nn.Module):
    """Shared and private parts, donors weighted by integrity, a proxy for what is missing."""

    def __init__(self, config: SentiIFusionConfig) -> None:
        super().__init__()
        width, dropout = config.width, config.dropout
        self.config = config
        self.to_shared = nn.Sequential(nn.LayerNorm(width), feed_forward(width, width, dropout))
        self.to_private = (
            nn.ModuleList(nn.Sequential(nn.LayerNorm(width), feed_forward(width, width, dropout)) for _ in MODALITIES)
            if config.disentanglement
            else None
        )
        self.wanted = learned_tokens(len(MODALITIES), width)
        self.queries = nn.Parameter(torch.randn(len(MODALITIES), config.tokens, width) * 0.02)
        self.norm_shared = nn.LayerNorm(width)
        self.attention = Attention(width, config.heads)
        self.generators = nn.ModuleList(_correction(width, dropout) for _ in MODALITIES)

    def forward(self, tokens: Tensor, integrity: Tensor, prior: Tensor) -> Completion:
        """Proxies for H `(B, 3, K, d)` by I `(B, 3)`: the prior `(3, K, d)`, corrected by what donors say."""
        # the proxy is made from what the encoders say and does not tell them what to say
        given = tokens.detach() if self.config.detach_donors else tokens
        shared = self.to_shared(given)
        private = None
        if self.to_private is not None and self.training:
            private = torch.stack([part(given[:, i]) for i, part in enumerate(self.to_private)], dim=1)
        donors = self.donor_weights(shared, integrity)
        context = torch.einsum("bmn,bnmkd->bmkd", donors, self._attend(shared))
        generated = torch.stack([make(context[:, i]) for i, make in enumerate(self.generators)], dim=1)
        proxy = prior + availability(integrity)[:, :, None, None] * generated
        return Completion(proxy, shared, private, donors)

    def donor_weights(self, shared: Tensor, integrity: Tensor) -> Tensor:
        """`(B, 3, 3)`: softmax over donors n != m of `(log I_n + compatibility(S_n, m)) / tau`.

        The compatibility is a cosine, so that it cannot outweigh the logarithm of an integrity near zero.
        """
        pooled = F.normalize(shared.mean(dim=2), dim=-1)
        compatibility = torch.einsum("md,bnd->bmn", F.normalize(self.wanted, dim=-1), pooled)
        scores = ((integrity + EPSILON).log()[:, None, :] + compatibility) / self.config.donor_temperature
        itself = torch.eye(len(MODALITIES), dtype=torch.bool, device=scores.device)
        return scores.masked_fill(itself, -math.inf).softmax(dim=-1)

    def _attend(self, shared: Tensor) -> Tensor:
        """What every modality's queries find in every donor, `(B, donor, modality, K, d)`, as one attention."""
        batch, modalities, count, width = shared.shape
        queries = self.queries.flatten(0, 1).expand(batch * modalities, -1, -1)
        found: Tensor = self.attention(queries, self.norm_shared(shared).flatten(0, 1))
        return found.reshape(batch, modalities, modalities, count, width)


def _correction(width: int, dropout: float) -> nn.Sequential:
    """Starts small: what it corrects is a good guess already."""
    generate = feed_forward(width, 2 * width, dropout)
    with torch.no_grad():
        for parameter in generate[-1].parameters():
            parameter.mul_(0.1)
    return nn.Sequential(nn.LayerNorm(width), generate)


def availability(integrity: Tensor) -> Tensor:
    """`(B, 3)`: the highest integrity among the other modalities, so 0 when every donor of m is gone."""
    others = integrity[:, None, :].expand(-1, len(MODALITIES), -1)
    itself = torch.eye(len(MODALITIES), dtype=torch.bool, device=integrity.device)
    return others.masked_fill(itself, 0.0).amax(dim=-1)
