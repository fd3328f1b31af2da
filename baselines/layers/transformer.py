"""Pre-norm Transformers with key padding.

`nn.MultiheadAttention` ties the width of all heads to the model's width; LNLN, ALMT and P-RMF use 8 heads of 64 at
width 128, so attention here uses `scaled_dot_product_attention` directly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention of one sequence on another, without norms or residual.

    By default a head has width d / heads.
    """

    def __init__(self, width: int, heads: int, head_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * (head_width or width // heads)
        self.to_query = nn.Linear(width, inner, bias=False)
        self.to_key_value = nn.Linear(width, 2 * inner, bias=False)
        self.to_output = nn.Linear(inner, width)

    def forward(self, queries: Tensor, source: Tensor, padding: Tensor | None = None) -> Tensor:
        """Attend from `queries` to `source`.

        Args:
            queries: `(B, Q, d)`.
            source: `(B, S, d)`: keys and values.
            padding: `(B, S)` bool, True at steps to ignore; at least one step of each sample is valid.

        Returns:
            `(B, Q, d)`.
        """
        query = self.to_query(queries).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.to_key_value(source).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mask = None if padding is None else ~padding[:, None, None, :]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        output: Tensor = self.to_output(attended.transpose(1, 2).flatten(2))
        return output


def feed_forward(width: int, hidden: int, dropout: float = 0.0, output: int | None = None) -> nn.Sequential:
    """Linear, GELU, dropout, linear: `(..., width)` to `(..., output or width)`."""
    return nn.Sequential(
        nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width if output is None else output)
    )


class TransformerLayer(nn.Module):
    """Pre-norm self-attention and feed-forward, each with a residual."""

    def __init__(
        self, width: int, heads: int, head_width: int | None = None, hidden: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, head_width)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = feed_forward(width, hidden or 2 * width, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, padding: Tensor | None = None, keep: int | None = None) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`; with `keep`, only the first `keep` steps are computed and returned.

        Often only a few leading tokens of an encoder's last layer are read; the others then need only keys and values,
        which saves most of that layer's work and changes no result.
        """
        normed = self.norm_attention(values)
        queries = normed if keep is None else normed[:, :keep]
        values = values if keep is None else values[:, :keep]
        values = values + self.dropout(self.attention(queries, normed, padding))
        result: Tensor = values + self.dropout(self.feed(self.norm_feed(values)))
        return result


class TransformerEncoder(nn.Module):
    """Pre-norm Transformer layers.

    A depth of 0 is the identity, followed by the final norm. By default a head has width d / heads, and the
    feed-forward 2 d.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        *,
        head_width: int | None = None,
        hidden: int | None = None,
        dropout: float = 0.0,
        final_norm: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(width, heads, head_width, hidden, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width) if final_norm else nn.Identity()

    def forward(self, values: Tensor, padding: Tensor | None = None, keep: int | None = None) -> Tensor:
        """Map `(B, T, d)` to `(B, T, d)`, or to `(B, keep, d)`: the first steps of the same result."""
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            values = layer(values, padding, keep if index == last else None)
        if keep is not None:
            values = values[:, :keep]
        normed: Tensor = self.norm(values)
        return normed

    def states(self, values: Tensor) -> list[Tensor]:
        """Return the input and the output of every layer, each `(B, T, d)` (without the final norm)."""
        states = [values]
        for layer in self.layers:
            states.append(layer(states[-1]))
        return states


class CrossLayer(nn.Module):
    """Pre-norm attention of target tokens on a source, and feed-forward, each with a residual."""

    def __init__(
        self, width: int, heads: int, head_width: int | None = None, hidden: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm_target = nn.LayerNorm(width)
        self.norm_source = nn.LayerNorm(width)
        self.attention = Attention(width, heads, head_width)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = feed_forward(width, hidden or 2 * width, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, target: Tensor, source: Tensor, padding: Tensor | None = None) -> Tensor:
        """Enrich `target` `(B, Q, d)` by `source` `(B, S, d)`; `padding` `(B, S)` is that of the source."""
        attended = self.attention(self.norm_target(target), self.norm_source(source), padding)
        target = target + self.dropout(attended)
        result: Tensor = target + self.dropout(self.feed(self.norm_feed(target)))
        return result


def learned_tokens(count: int, width: int) -> nn.Parameter:
    """Make learned tokens, `(count, width)`, normal with a standard deviation of 0.02 as in BERT."""
    return nn.Parameter(torch.randn(count, width) * 0.02)
