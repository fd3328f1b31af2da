"""Part 2: Integrity Estimation (IE). Known: it predicts completeness and mitigates the noise of incomplete data."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.layers.transformer import TransformerEncoder, feed_forward, learned_tokens
from protocols import MODALITIES
from senti_ifusion.config import SentiIFusionConfig


class IntegrityEstimator(nn.Module):
    """How much of each modality is there, read from its tokens by one small Transformer for all modalities."""

    def __init__(self, config: SentiIFusionConfig) -> None:
        super().__init__()
        width = config.width
        self.read_out = learned_tokens(1, width)
        self.modality = learned_tokens(len(MODALITIES), width)
        self.transformer = TransformerEncoder(
            width, config.integrity_layers, config.heads, dropout=config.dropout, final_norm=True
        )
        self.head = feed_forward(width, width // 2, config.dropout, output=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """I, `(B, 3)` in (0, 1), from H `(B, 3, K, d)`."""
        batch, modalities, _, width = tokens.shape
        read_out = self.read_out.expand(batch, modalities, 1, width)
        values = torch.cat([read_out, tokens], dim=2) + self.modality[:, None, :]
        hidden = self.transformer(values.flatten(0, 1), keep=1)
        # Clamped short of saturation: float32 rounds the sigmoid of 17 to 1, and the estimate must stay inside (0, 1).
        return torch.unflatten(self.head(hidden).clamp(-12.0, 12.0).sigmoid().reshape(-1), 0, (batch, modalities))


class NoiseMitigation(nn.Module):
    """Noise gives way to a learned prior: `H' = I H + (1 - I) b` with one prior b a modality (our reading)."""

    def __init__(self, config: SentiIFusionConfig) -> None:
        super().__init__()
        self.prior = nn.Parameter(torch.randn(len(MODALITIES), config.tokens, config.width) * 0.02)

    def forward(self, tokens: Tensor, integrity: Tensor) -> Tensor:
        """H' `(B, 3, K, d)` from H `(B, 3, K, d)` and I `(B, 3)`."""
        return blend(tokens, self.prior.expand_as(tokens), integrity)


def blend(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """`share * first + (1 - share) * second` with `(B, 3)` shares of `(B, 3, K, d)` tokens."""
    share = share[:, :, None, None]
    return share * first + (1 - share) * second
