"""A modality as K tokens: the unimodal encoders of ALMT (EMNLP 2023), LNLN (NeurIPS 2024) and Senti-iFusion."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.interface import Sequences
from baselines.layers.inputs import InputNorm, InputProjection
from baselines.layers.pooling import masked_mean
from baselines.layers.positions import sinusoidal_positions
from baselines.layers.transformer import TransformerEncoder, learned_tokens


class TokenEncoder(nn.Module):
    """K learned query tokens in front of the projected sequence, a Transformer over both, the K tokens read out.

    Args:
        input_width: D of the modality's vectors.
        width: d.
        tokens: K.
        layers: Depth of the Transformer.
        heads: Attention heads.
        head_width: Width of each head; d / heads when None.
        hidden: Hidden width of the feed-forward; 2 d when None.
        dropout: Inside the Transformer and on its input.
        norm: See `InputProjection`.
        patch: See `InputProjection`.
        from_mean: Whether every query token starts from a linear map of the mean of the valid input vectors. The mean
            then reaches the read-out along the residual path, where a small training set cannot lose it.
        final_norm: Whether the tokens are layer-normalised at the end.
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
        from_mean: bool = False,
        final_norm: bool = False,
    ) -> None:
        super().__init__()
        self.input = InputProjection(input_width, width, norm, patch)
        self.tokens = learned_tokens(tokens, width)
        self.from_mean = nn.Linear(input_width, width) if from_mean else None
        self.dropout = nn.Dropout(dropout)
        self.transformer = TransformerEncoder(
            width, layers, heads, head_width=head_width, hidden=hidden, dropout=dropout, final_norm=final_norm
        )

    def forward(self, sequences: Sequences) -> Tensor:
        """The tokens of a batch, `(B, K, d)`."""
        features = self.input.features(sequences)
        steps, padding = self.input.embed(features, sequences)
        batch, length, width = steps.shape
        steps = steps + sinusoidal_positions(length, width, steps)
        queries = self.tokens.expand(batch, -1, -1)
        if self.from_mean is not None:
            queries = queries + self.from_mean(masked_mean(features, sequences.padding)).unsqueeze(1)
        count = queries.shape[1]
        values = self.dropout(torch.cat([queries, steps], dim=1))
        hidden = torch.cat([padding.new_zeros(batch, count), padding], dim=1)
        tokens: Tensor = self.transformer(values, hidden, keep=count)
        return tokens
