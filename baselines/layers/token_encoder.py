"""Encoder of a modality into K tokens, from ALMT (EMNLP 2023), LNLN (NeurIPS 2024) and P-RMF (2025)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.interface import Sequences
from baselines.layers.groups import in_groups
from baselines.layers.inputs import InputNorm, InputProjection
from baselines.layers.positions import sinusoidal_positions
from baselines.layers.transformer import TransformerEncoder, learned_tokens


class TokenEncoder(nn.Module):
    """Transformer over K learned tokens and the projected sequence; its output are the K tokens.

    By default a head has width d / heads, and the feed-forward 2 d; `norm` and `patch` are those of `InputProjection`.
    """

    def __init__(
        self,
        input_width: int,
        width: int,
        *,
        tokens: int = 8,
        layers: int = 2,
        heads: int = 8,
        head_width: int | None = None,
        hidden: int | None = None,
        dropout: float = 0.0,
        norm: InputNorm = "none",
        patch: int = 1,
    ) -> None:
        super().__init__()
        self.input = InputProjection(input_width, width, norm, patch)
        self.tokens = learned_tokens(tokens, width)
        self.dropout = nn.Dropout(dropout)
        self.transformer = TransformerEncoder(
            width, layers, heads, head_width=head_width, hidden=hidden, dropout=dropout
        )

    def forward(self, sequences: Sequences, presence: Tensor | None = None) -> Tensor:
        """Return the tokens of a batch, `(B, K, d)`; without `patch`, steps are scaled by a presence, `(B, T)`."""
        return in_groups(self._encode, sequences) if presence is None else self._encode(sequences, presence)

    def _encode(self, sequences: Sequences, presence: Tensor | None = None) -> Tensor:
        steps, padding = self.input(sequences)
        if presence is not None:
            steps = steps * presence.unsqueeze(-1)
        batch, length, width = steps.shape
        steps = steps + sinusoidal_positions(length, width, steps)
        queries = self.tokens.expand(batch, -1, -1)
        count = queries.shape[1]
        values = self.dropout(torch.cat([queries, steps], dim=1))
        hidden = torch.cat([padding.new_zeros(batch, count), padding], dim=1)
        tokens: Tensor = self.transformer(values, hidden, keep=count)
        return tokens
