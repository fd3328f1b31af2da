"""Part 5: Integrity-guided Adaptive Fusion (IF).

Known: the dominant modality is chosen by completeness and quality, and attention fuses at several scales. The layers
are our reading.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from baselines.layers.transformer import Attention, CrossLayer, TransformerLayer, feed_forward, learned_tokens
from protocols import MODALITIES
from senti_ifusion.completion import EPSILON
from senti_ifusion.config import SentiIFusionConfig


class Fused(NamedTuple):
    """Result of the fusion of a batch.

    Attributes:
        sentiment: Prediction of the fusion, `(B,)`.
        quality: Learned quality q, `(B, 3)` in (0, 1).
        reliability: Reliability R = I q, `(B, 3)`.
        dominant: Index of the dominant modality, `(B,)` int64.
    """

    sentiment: Tensor
    quality: Tensor
    reliability: Tensor
    dominant: Tensor


class QualityEstimator(nn.Module):
    """Estimator of the closeness of completed tokens to those of the complete input, trained on complete views."""

    def __init__(self, config: SentiIFusionConfig) -> None:
        super().__init__()
        self.modality = learned_tokens(len(MODALITIES), config.width)
        self.norm = nn.LayerNorm(config.width)
        self.head = feed_forward(config.width, config.width // 2, config.dropout, output=1)

    def forward(self, completed: Tensor) -> Tensor:
        """Return q, `(B, 3)` in (0, 1), from C `(B, 3, K, d)`; no gradient flows into C."""
        pooled = self.norm(completed.detach().mean(dim=2)) + self.modality
        quality: Tensor = self.head(pooled).squeeze(-1).clamp(-12.0, 12.0).sigmoid()
        return quality


class AdaptiveFusion(nn.Module):
    """Fusion in which the lead queries all modalities at several scales; answers are weighted by reliability."""

    def __init__(self, config: SentiIFusionConfig) -> None:
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

        The lead is shared in proportion to `R^(1 / tau)`: the dominant modality has the largest share, an unreliable
        one almost none (our reading; with a small tau the dominant modality leads alone).

        Returns:
            `(B, 3)` shares of the lead, which sum to 1; `(B, 3)` weights of the queried modalities, smaller for a
            larger share of the lead; `(B,)` index of the dominant modality. Without adaptive fusion, all shares and
            weights are equal, and the index is that of the highest reliability.
        """
        dominant = reliability.argmax(dim=1)
        if not self.config.adaptive_fusion:
            equal = torch.full_like(reliability, 1 / len(MODALITIES))
            return equal, equal, dominant
        if self.config.dominant == "text":
            dominant = torch.zeros_like(dominant)
            lead = nn.functional.one_hot(dominant, len(MODALITIES)).to(reliability.dtype)
        else:
            lead = ((reliability + EPSILON).log() / self.config.choice_temperature).softmax(dim=1)
        return lead, reliability * (1 - lead), dominant
