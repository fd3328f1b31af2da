"""Part 3: Integrity-weighted Cross-modal Completion (IC).

Known: a weighting that disentangles the consistent semantic structure from modality-specific representation and
recovers sentiment-related features. How it does so is our reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.layers.transformer import Attention, feed_forward, learned_tokens
from protocols import MODALITIES
from senti_ifusion.config import PartsConfig

#: Added to the integrity before its logarithm: a missing donor weighs exp(-13.8 / tau) of a complete one.
EPSILON = 1e-6


class Completion(NamedTuple):
    """Result of the completion of a batch.

    Attributes:
        proxy: Tokens that replace those of a missing modality, `(B, 3, K, d)`.
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
    """Tokens of a modality before any evidence: the average over complete inputs plus a learned offset.

    The average follows H* through training and is stored with the model, so that the replacement of a gap starts at the
    best constant and not at noise (our reading).
    """

    #: Smallest share of the newest batch in the average; until it is reached, all batches have equal weight.
    NEWEST = 0.05

    mean: Tensor
    batches: Tensor

    def __init__(self, config: PartsConfig) -> None:
        super().__init__()
        shape = (len(MODALITIES), config.tokens, config.width)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("batches", torch.zeros(len(MODALITIES)))
        self.offset = nn.Parameter(torch.zeros(shape))

    @torch.no_grad()
    def follow(self, target: Tensor, weight: Tensor) -> None:
        """Update the average with H* `(B, 3, K, d)`, weighted by the integrity of the complete view `(B, 3)`."""
        total = weight.sum(dim=0)
        batch = torch.einsum("bm,bmkd->mkd", weight, target) / total.clamp(min=EPSILON)[:, None, None]
        there = total > EPSILON
        self.batches += there
        share = (1 / self.batches.clamp(min=1.0)).clamp(min=self.NEWEST) * there
        self.mean.lerp_(batch, share[:, None, None].expand_as(batch))

    def forward(self) -> Tensor:
        """Return the prior tokens, `(3, K, d)`."""
        return self.mean + self.offset


class CrossModalCompletion(nn.Module):
    """Split tokens into shared and private parts, weight donors by integrity, and make proxies for missing tokens.

    Args:
        config: Sizes and switches.
        drawn_alone: Context in which the private parts are drawn, so that their absence changes no other weights.
    """

    def __init__(
        self, config: PartsConfig, drawn_alone: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        super().__init__()
        width, dropout = config.width, config.dropout
        self.config = config
        self.to_shared = nn.Sequential(nn.LayerNorm(width), feed_forward(width, width, dropout))
        self.to_private = None
        with drawn_alone():
            if config.disentanglement:
                self.to_private = nn.ModuleList(
                    nn.Sequential(nn.LayerNorm(width), feed_forward(width, width, dropout)) for _ in MODALITIES
                )
        self.wanted = learned_tokens(len(MODALITIES), width)
        self.queries = nn.Parameter(torch.randn(len(MODALITIES), config.tokens, width) * 0.02)
        self.norm_shared = nn.LayerNorm(width)
        self.attention = Attention(width, config.heads)
        self.generators = nn.ModuleList(_correction(width, dropout) for _ in MODALITIES)

    def forward(self, tokens: Tensor, integrity: Tensor, prior: Tensor) -> Completion:
        """Make proxies for H `(B, 3, K, d)` by I `(B, 3)`: the prior `(3, K, d)`, corrected by the donors."""
        # the proxy is made from the encoders' tokens and does not train the encoders
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
        """Attention of every modality's queries over every donor, `(B, donor, modality, K, d)`, in one call."""
        batch, modalities, count, width = shared.shape
        queries = self.queries.flatten(0, 1).expand(batch * modalities, -1, -1)
        attended: Tensor = self.attention(queries, self.norm_shared(shared).flatten(0, 1))
        return attended.reshape(batch, modalities, modalities, count, width)


def _correction(width: int, dropout: float) -> nn.Sequential:
    """Make a network with small initial output, since the prior that it corrects is already a good guess."""
    generate = feed_forward(width, 2 * width, dropout)
    with torch.no_grad():
        for parameter in generate[-1].parameters():
            parameter.mul_(0.1)
    return nn.Sequential(nn.LayerNorm(width), generate)


def availability(integrity: Tensor) -> Tensor:
    """`(B, 3)`: highest integrity among the other modalities; 0 if every donor of m is missing."""
    others = integrity[:, None, :].expand(-1, len(MODALITIES), -1)
    itself = torch.eye(len(MODALITIES), dtype=torch.bool, device=integrity.device)
    return others.masked_fill(itself, 0.0).amax(dim=-1)
