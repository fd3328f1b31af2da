"""Part 5: Integrity-guided Adaptive Fusion (IF).

Known: the dominant modality is chosen by completeness and quality, and attention fuses at several scales for the
prediction. The layers are our reading.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from baselines.layers.regression_head import RegressionHead
from baselines.layers.transformer import feed_forward, learned_tokens
from protocols import MODALITIES
from senti_ifusion.completion import EPSILON
from senti_ifusion.config import PartsConfig, SentiIFusionConfig

#: Factor on learned logarithms, so that a value can change by its own size within an epoch.
_RATE = 8.0


class Fused(NamedTuple):
    """Result of the fusion of a batch.

    Attributes:
        sentiment: Prediction of the fusion, `(B,)`.
        quality: Learned quality q, `(B, 3)` in (0, 1).
        reliability: Reliability R = I q, `(B, 3)`.
        dominant: Index of the dominant modality, `(B,)` int64.
        scales: Prediction of each scale, `(B, scales)`; None where scales do not predict separately.
    """

    sentiment: Tensor
    quality: Tensor
    reliability: Tensor
    dominant: Tensor
    scales: Tensor | None = None


class QualityEstimator(nn.Module):
    """Estimator of the closeness of completed tokens to those of the complete input, trained on complete views."""

    def __init__(self, config: PartsConfig) -> None:
        super().__init__()
        self.modality = learned_tokens(len(MODALITIES), config.width)
        self.norm = nn.LayerNorm(config.width)
        self.head = feed_forward(config.width, config.width // 2, config.dropout, output=1)

    def forward(self, completed: Tensor) -> Tensor:
        """Return q, `(B, 3)` in (0, 1), from C `(B, 3, K, d)`; no gradient flows into C."""
        pooled = self.norm(completed.detach().mean(dim=2)) + self.modality
        quality: Tensor = self.head(pooled).squeeze(-1).clamp(-12.0, 12.0).sigmoid()
        return quality


def shares_of_lead(reliability: Tensor, config: PartsConfig) -> tuple[Tensor, Tensor]:
    """Share the lead among the modalities of a sample, in proportion to `R^(1 / tau)`.

    The dominant modality has the largest share, an unreliable one almost none (our reading; with a small tau the
    dominant modality leads alone).

    Args:
        reliability: R, `(B, 3)`.
        config: Its `dominant` may name the leader; its `choice_temperature` is tau.

    Returns:
        `(B, 3)` shares of the lead, which sum to 1; `(B,)` index of the dominant modality.
    """
    dominant = reliability.argmax(dim=1)
    if config.dominant == "text":
        dominant = torch.zeros_like(dominant)
        return nn.functional.one_hot(dominant, len(MODALITIES)).to(reliability.dtype), dominant
    return ((reliability + EPSILON).log() / config.choice_temperature).softmax(dim=1), dominant


class Guidance(nn.Module):
    """Attention of the lead at one scale: loudness of every modality by its answer and its reliability."""

    def __init__(self, width: int, config: SentiIFusionConfig) -> None:
        super().__init__()
        self.query = nn.Linear(width, config.asked)
        self.keys = nn.ModuleList(nn.Linear(width, config.asked) for _ in MODALITIES)
        if config.dominant == "text":  # a modality that always leads is never queried: no weights
            self.keys[0] = nn.AdaptiveAvgPool1d(config.asked)
        self.unit = config.asked**-0.5
        self.start = config.reliability_power
        self.growth = nn.Parameter(torch.zeros(len(MODALITIES)))

    def forward(self, tokens: Tensor, lead: Tensor, reliability: Tensor) -> Tensor:
        """Return the loudness of each modality, `(B, 3)`, from its part `(B, 3, w)` and the relative reliability.

        A sole leader has loudness 1. The others have a sigmoid attention times the reliability to a learned power; a
        softmax would make a modality loud only because the others are quiet.
        """
        query = self.query(torch.einsum("bm,bmw->bw", lead, tokens))
        keys = torch.stack([key(tokens[:, i]) for i, key in enumerate(self.keys)], dim=1)
        agreement = 2 * (torch.einsum("ba,bma->bm", query, keys) * self.unit).sigmoid()
        power = self.start * (_RATE * self.growth).exp()
        loudness: Tensor = lead + (1 - lead) * (reliability + EPSILON).pow(power) * agreement
        return loudness


class LedFusion(nn.Module):
    """Fusion led by the most reliable modalities, at several scales whose mean is the sentiment.

    A scale has its part of the width of all tokens. The modalities are concatenated for its regression head.
    """

    def __init__(self, config: SentiIFusionConfig) -> None:
        super().__init__()
        self.config = config
        part = config.tokens * config.width // config.scales
        self.heads = nn.ModuleList(
            RegressionHead(len(MODALITIES) * (part + 1), config.fusion_hidden, config.dropout, linear=False)
            for _ in range(config.scales)
        )
        self.quality = QualityEstimator(config)
        self.guidance = nn.ModuleList(Guidance(part, config) for _ in range(config.scales * config.adaptive_fusion))

    def start_at(self, label: Tensor) -> None:
        """Initialise the prediction of every scale near the median of `label`."""
        for head in self.heads:
            cast(RegressionHead, head).start_at(label)

    def forward(self, completed: Tensor, integrity: Tensor, *, led: bool = True) -> Fused:
        """Fuse C `(B, 3, K, d)` by I `(B, 3)`; without a lead all modalities enter unweighted."""
        quality = self.quality(completed)
        reliability = integrity * quality
        lead, dominant = shares_of_lead(reliability, self.config)
        relative = reliability / (reliability.amax(dim=1, keepdim=True) + EPSILON)
        answers = []
        for number, head in enumerate(self.heads):
            part = completed.chunk(len(self.heads), dim=-1)[number].flatten(2)
            if led and self.guidance:
                part = part * self.guidance[number](part, lead, relative).unsqueeze(-1)
            answers.append(head(torch.cat([part.flatten(1), integrity], dim=1)))
        scales = torch.stack(answers, dim=1)
        return Fused(scales.mean(dim=1), quality, reliability, dominant, scales)
