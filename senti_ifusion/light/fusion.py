"""Integrity-guided fusion of version 11: one set of tokens, to which those of the modalities are added by scales."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.layers.transformer import Attention, CrossLayer, TransformerLayer, learned_tokens
from protocols import MODALITIES
from senti_ifusion.fusion import Fused, QualityEstimator, shares_of_lead
from senti_ifusion.light.config import LightConfig


class AdaptiveFusion(nn.Module):
    """Fusion in which the lead queries all modalities at several scales; answers are weighted by reliability."""

    def __init__(self, config: LightConfig) -> None:
        super().__init__()
        width, heads, dropout = config.width, config.heads, config.dropout
        self.config = config
        self.quality = QualityEstimator(config)
        self.modality = learned_tokens(len(MODALITIES), width)
        self.start = learned_tokens(config.tokens, width)
        self.scales = nn.ModuleList(TransformerLayer(width, heads, dropout=dropout) for _ in range(config.scales))
        self.norm_others = nn.LayerNorm(width)
        self.norm_queries = nn.ModuleList(nn.LayerNorm(width) for _ in range(config.scales))
        self.attention = nn.ModuleList(Attention(width, heads) for _ in range(config.scales))
        self.transformer = nn.ModuleList(CrossLayer(width, heads, dropout=dropout) for _ in range(config.fusion_layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 1)

    def start_at(self, label: Tensor) -> None:
        """Initialise the prediction near the median of `label`."""
        with torch.no_grad():
            self.head.bias.fill_(float(label.float().quantile(0.5)))

    def forward(self, completed: Tensor, integrity: Tensor) -> Fused:
        """Fuse C `(B, 3, K, d)` by I `(B, 3)`."""
        quality = self.quality(completed)
        reliability = integrity * quality
        lead, weight, dominant = self.choose(reliability)
        tokens = completed + self.modality[:, None, :]
        queries = torch.einsum("bm,bmkd->bkd", lead, tokens)
        fused = self.start.expand_as(queries)
        others = self.norm_others(tokens).flatten(0, 1)
        for scale, norm, attention in zip(self.scales, self.norm_queries, self.attention, strict=True):
            queries = scale(queries)
            asked = norm(queries).repeat_interleave(len(MODALITIES), dim=0)
            brought = attention(asked, others).reshape(tokens.shape)
            fused = fused + torch.einsum("bm,bmkd->bkd", weight, brought)
        for layer in self.transformer:
            queries = layer(queries, fused)
        sentiment: Tensor = self.head(self.dropout(self.norm(queries.mean(dim=1)))).squeeze(-1)
        return Fused(sentiment, quality, reliability, dominant)

    def choose(self, reliability: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Choose the shares of the lead and the weights of the queried modalities.

        Returns:
            As `shares_of_lead`, with `(B, 3)` weights of the queried modalities between them, smaller for a larger
            share of the lead. Without adaptive fusion, all shares and weights are equal.
        """
        lead, dominant = shares_of_lead(reliability, self.config)
        if not self.config.adaptive_fusion:
            equal = torch.full_like(reliability, 1 / len(MODALITIES))
            return equal, equal, reliability.argmax(dim=1)
        return lead, reliability * (1 - lead), dominant
