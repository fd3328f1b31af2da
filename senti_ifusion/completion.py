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
from senti_ifusion.integrity import blend

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
        self.generators = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), feed_forward(width, 2 * width, dropout)) for _ in MODALITIES
        )

    def forward(self, tokens: Tensor, integrity: Tensor, prior: Tensor) -> Completion:
        """Proxies for H `(B, 3, K, d)` by I `(B, 3)`; the prior `(3, K, d)` stands in when all donors are gone."""
        # the proxy is made from what the encoders say and does not tell them what to say
        given = tokens.detach() if self.config.detach_donors else tokens
        shared = self.to_shared(given)
        private = None
        if self.to_private is not None and self.training:
            private = torch.stack([part(given[:, i]) for i, part in enumerate(self.to_private)], dim=1)
        donors = self.donor_weights(shared, integrity)
        context = torch.einsum("bmn,bnmkd->bmkd", donors, self._attend(shared))
        generated = torch.stack([make(context[:, i]) for i, make in enumerate(self.generators)], dim=1)
        proxy = blend(generated, prior.expand_as(generated), availability(integrity).unsqueeze(-1))
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


def availability(integrity: Tensor) -> Tensor:
    """`(B, 3)`: the highest integrity among the other modalities, so 0 when every donor of m is gone."""
    others = integrity[:, None, :].expand(-1, len(MODALITIES), -1)
    itself = torch.eye(len(MODALITIES), dtype=torch.bool, device=integrity.device)
    return others.masked_fill(itself, 0.0).amax(dim=-1)
