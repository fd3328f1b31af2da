"""EMT: the Efficient Multimodal Transformer (Sun et al., TAC 2023, arXiv 2208.07589).

A few tokens represent the whole utterance. Each modality's steps and these tokens promote each other, at a cost linear
in the number of steps; the tokens promoted by the modalities are then pooled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import MODALITIES
from baselines.layers.attending import Lengths, attend, pack, runs_packed, unpack
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
        self,
        target: Tensor,
        context: Tensor,
        padding: Tensor | Lengths | None = None,
        context_padding: Tensor | Lengths | None = None,
    ) -> Tensor:
        """Promote `target` `(B, T, d)` by `context` `(B, S, d)`; paddings are as in `attend`."""
        source = self.norm_context(context)
        target = target + attend(self.cross, self.norm_target(target), source, context_padding)
        normed = self.norm_self(target)
        target = target + attend(self.itself, normed, normed, padding)
        result: Tensor = target + self.feed(self.norm_feed(target))
        return result


@dataclass(frozen=True)
class _Side:
    """Steps of a modality, on a processor as rows without padding, unless they are few.

    Attributes:
        values: `(B, T, d)`, or rows `(P, d)`.
        padding: `(B, T)`.
        like: `(B, T, d)`.
        own, context: Lengths of the rows, and with the tokens as sources; None without rows.
        asking: Lengths with the tokens as targets, of the steps and of themselves; None without rows.
    """

    values: Tensor
    padding: Tensor
    like: Tensor
    own: Lengths | None = None
    context: Lengths | None = None
    asking: tuple[Lengths, Lengths] | None = None

    @classmethod
    def of(cls, steps: Tensor, padding: Tensor, tokens: int) -> _Side:
        """Add positions to steps `(B, T, d)`, which attend to this number of tokens."""
        steps = steps + sinusoidal_positions(steps.shape[1], steps.shape[2], steps)
        if not runs_packed(steps, steps):
            return cls(steps, padding, steps)
        rows, lengths = pack(steps, padding)
        few = [tokens] * len(lengths)
        asking = Lengths(few, lengths), Lengths(few, few)
        return cls(rows, padding, steps, Lengths(lengths, lengths), Lengths(lengths, few), asking)

    def promote_tokens(self, unit: PromotionUnit, tokens: Tensor) -> Tensor:
        """Return the tokens `(B, 3, d)` promoted by these steps."""
        if self.asking is None:
            return cast(Tensor, unit(tokens, self.values, context_padding=self.padding))
        steps, itself = self.asking
        return cast(Tensor, unit(tokens.flatten(0, 1), self.values, itself, steps)).view_as(tokens)

    def promoted(self, unit: PromotionUnit, tokens: Tensor) -> _Side:
        """Return these steps promoted by tokens `(B, 3, d)`."""
        if self.own is None:
            return replace(self, values=unit(self.values, tokens, padding=self.padding))
        return replace(self, values=unit(self.values, tokens.flatten(0, 1), self.own, self.context))

    def steps(self) -> Tensor:
        """Return the steps `(B, T, d)`."""
        return self.values if self.own is None else unpack(self.values, self.padding, self.like)


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
            The promoted tokens `(B, 3, d)` and, with `read_steps`, steps. Values on padding have no meaning.
        """
        sides = [_Side.of(steps[m], padding[m], tokens.shape[1]) for m in MODALITIES]
        for layer in range(self.depth):
            proposed = [side.promote_tokens(self.unit, tokens).flatten(1) for side in sides]
            if read_steps or layer < self.depth - 1:
                sides = [side.promoted(self.unit, tokens) for side in sides]
            tokens = self._pool(torch.stack(proposed, dim=1)).view_as(tokens)
        return tokens, {m: side.steps() for m, side in zip(MODALITIES, sides, strict=True)} if read_steps else {}

    def _pool(self, proposed: Tensor) -> Tensor:
        """Attention pooling of the modalities' `(B, 3, 3 d)` to `(B, 3 d)`."""
        pooled: Tensor = (self.score(proposed).softmax(dim=1) * proposed).sum(dim=1)
        return pooled
