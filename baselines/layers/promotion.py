"""EMT: the Efficient Multimodal Transformer (Sun et al., TAC 2023, arXiv 2208.07589).

A few tokens represent the whole utterance. Each modality's steps and these tokens promote each other, at a cost linear
in the number of steps; the tokens promoted by the modalities are then pooled.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import MODALITIES
from baselines.layers.attending import attend
from baselines.layers.positions import sinusoidal_positions


class GatedFeedForward(nn.Module):
    """`W_2 (a * GELU(b))` with `[a, b] = W_1 x` (GEGLU, Shazeer, arXiv 2002.05202): `(..., d)` to `(..., d)`."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.enter = nn.Linear(width, 2 * hidden)
        self.leave = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor) -> Tensor:
        """Apply the feed-forward to `(..., d)`."""
        content, gate = self.enter(values).chunk(2, dim=-1)
        result: Tensor = self.dropout(self.leave(content * F.gelu(gate)))
        return result


class PromotionUnit(nn.Module):
    """Half a mutual promotion unit: attention to a context, to itself, and a feed-forward, pre-norm."""

    def __init__(self, width: int, heads: int, attention_dropout: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm_target, self.norm_context = nn.LayerNorm(width), nn.LayerNorm(width)
        self.cross = nn.MultiheadAttention(width, heads, attention_dropout, batch_first=True)
        self.norm_self = nn.LayerNorm(width)
        self.itself = nn.MultiheadAttention(width, heads, attention_dropout, batch_first=True)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = GatedFeedForward(width, 4 * width, dropout)

    def forward(
        self, target: Tensor, context: Tensor, padding: Tensor | None = None, context_padding: Tensor | None = None
    ) -> Tensor:
        """Promote `target` `(B, T, d)` by `context` `(B, S, d)`; paddings are `(B, T)` and `(B, S)`."""
        source = self.norm_context(context)
        target = target + attend(self.cross, self.norm_target(target), source, context_padding)
        normed = self.norm_self(target)
        target = target + attend(self.itself, normed, normed, padding)
        result: Tensor = target + self.feed(self.norm_feed(target))
        return result


class MultimodalPromotion(nn.Module):
    """All layers of the EMT. One unit serves both directions, all modalities and all layers, as published."""

    def __init__(
        self, width: int, layers: int, heads: int, attention_dropout: float = 0.0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.depth = layers
        self.unit = PromotionUnit(width, heads, attention_dropout, dropout)
        joint = width * len(MODALITIES)
        self.score = nn.Sequential(nn.Linear(joint, joint), nn.Tanh(), nn.Linear(joint, 1))

    def forward(
        self, tokens: Tensor, steps: Mapping[str, Tensor], padding: Mapping[str, Tensor], *, read_steps: bool = True
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Promote tokens and steps by each other, layer by layer.

        Args:
            tokens: `(B, 3, d)`: the global context, one token for each modality.
            steps: By modality `(B, T, d)`.
            padding: By modality `(B, T)`.
            read_steps: True: the steps are returned as well. False: the last layer promotes only the tokens, with the
                same result for them.

        Returns:
            The promoted tokens `(B, 3, d)` and, with `read_steps`, steps.
        """
        steps = {m: steps[m] + sinusoidal_positions(steps[m].shape[1], steps[m].shape[2], steps[m]) for m in MODALITIES}
        for layer in range(self.depth):
            proposed = [self.unit(tokens, steps[m], context_padding=padding[m]).flatten(1) for m in MODALITIES]
            if read_steps or layer < self.depth - 1:
                steps = {m: self.unit(steps[m], tokens, padding=padding[m]) for m in MODALITIES}
            tokens = self._pool(torch.stack(proposed, dim=1)).view_as(tokens)
        return tokens, dict(steps) if read_steps else {}

    def _pool(self, proposed: Tensor) -> Tensor:
        """Attention pooling of the modalities' `(B, 3, 3 d)` to `(B, 3 d)`."""
        pooled: Tensor = (self.score(proposed).softmax(dim=1) * proposed).sum(dim=1)
        return pooled
