"""The cross-modal Transformer of MulT (Tsai et al., ACL 2019, arXiv 1906.00295) and its surrounding layers.

A target sequence attends to a source sequence of another modality, at every layer to the source's low-level features;
the two lengths are independent (section 3.2). TETFN, TFR-Net and MPLMM build on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import MODALITIES, Sequences
from baselines.layers.attending import Lengths, attend, pack, runs_packed, unpack
from baselines.layers.positions import sinusoidal_positions


def fitting_heads(width: int, heads: int) -> int:
    """Return the largest divisor of the width that is at most `heads`, such as 10 for 40 or 8 for 16."""
    return next(count for count in range(min(heads, width), 0, -1) if width % count == 0)


class TemporalConvolution(nn.Module):
    """Convolution over time, without bias, that keeps the length: `(B, T, D)` to `(B, T, d)`.

    Steps beyond the ends are zero.
    """

    def __init__(self, input_width: int, width: int, kernel: int = 1) -> None:
        super().__init__()
        self.ends = ((kernel - 1) // 2, kernel // 2)
        self.convolution = nn.Conv1d(input_width, width, kernel, bias=False)

    def forward(self, sequences: Sequences) -> Tensor:
        """Return the convolved steps, zeros on padding."""
        steps: Tensor = self.convolution(F.pad(sequences.values.transpose(1, 2), self.ends)).transpose(1, 2)
        return steps.masked_fill(sequences.padding.unsqueeze(-1), 0.0)


class CrossModalLayer(nn.Module):
    """Pre-norm multi-head attention on a source (or on itself) and a feed-forward of four times the width.

    One LayerNorm serves target and source, as in the official code.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        attention_dropout: float = 0.0,
        relu_dropout: float = 0.0,
        residual_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, attention_dropout, batch_first=True)
        self.norm_feed = nn.LayerNorm(width)
        hidden, output = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.feed = nn.Sequential(hidden, nn.ReLU(), nn.Dropout(relu_dropout), output)
        self.dropout = nn.Dropout(residual_dropout)
        for linear in (self.attention.out_proj, hidden, output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, target: Tensor, source: Tensor | None, hidden: Tensor | Lengths | None) -> Tensor:
        """Enrich `target` `(B, T, d)` by `source` `(B, S, d)`, or by itself; `hidden` is that of `attend`."""
        query = self.norm_attention(target)
        key = query if source is None else self.norm_attention(source)
        target = target + self.dropout(attend(self.attention, query, key, hidden))
        result: Tensor = target + self.dropout(self.feed(self.norm_feed(target)))
        return result


class CrossModalTransformer(nn.Module):
    """D layers, each attending to the source's low-level features; a LayerNorm at the end.

    Args:
        width: Width d of both sequences.
        layers: Depth D.
        heads: Number of attention heads; must divide the width.
        attention_dropout: Dropout on attention weights.
        relu_dropout: Dropout inside the feed-forward.
        residual_dropout: Dropout on each sub-layer's output.
        embedding_dropout: Dropout on both sequences after positions were added.
        positions: True: inputs are scaled by the root of d and get sinusoidal positions; False: they are only scaled.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        *,
        attention_dropout: float = 0.0,
        relu_dropout: float = 0.0,
        residual_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        positions: bool = True,
    ) -> None:
        super().__init__()
        self.scale = math.sqrt(width)
        self.positions = positions
        self.dropout = nn.Dropout(embedding_dropout)
        self.layers = nn.ModuleList(
            CrossModalLayer(
                width,
                heads,
                attention_dropout=attention_dropout,
                relu_dropout=relu_dropout,
                residual_dropout=residual_dropout,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        target: Tensor,
        source: Tensor | None = None,
        padding: Tensor | None = None,
        target_padding: Tensor | None = None,
    ) -> Tensor:
        """Enrich a sequence.

        Args:
            target: `(B, T, d)`.
            source: `(B, S, d)`; None: the target itself, an ordinary Transformer.
            padding: `(B, S)` bool, True at steps of the source (without one, of the target) to ignore; at least one
                step of each sample is valid.
            target_padding: `(B, T)` bool: padding of the target, which is not computed on a processor; with a source.

        Returns:
            `(B, T, d)`. Values on the target's padding have no meaning.
        """
        values = self.embed(target)
        source = None if source is None else self.embed(source)
        if not runs_packed(values, values if source is None else source):
            return self._enrich(values, source, padding)
        if source is None:
            rows, length = pack(values, target_padding := padding)
            return unpack(self._enrich(rows, None, Lengths(length, length)), target_padding, values)
        rows, length = pack(values, target_padding)
        read, read_length = pack(source, padding)
        return unpack(self._enrich(rows, read, Lengths(length, read_length)), target_padding, values)

    def _enrich(self, target: Tensor, source: Tensor | None, hidden: Tensor | Lengths | None) -> Tensor:
        for layer in self.layers:
            target = layer(target, source, hidden)
        normed: Tensor = self.norm(target)
        return normed

    def embed(self, values: Tensor) -> Tensor:
        """Return low-level features `(B, T, d)`, the input of the layers."""
        values = self.scale * values
        if self.positions:
            values = values + sinusoidal_positions(values.shape[1], values.shape[2], values)
        embedded: Tensor = self.dropout(values)
        return embedded


class PairwiseCrossModal(nn.Module):
    """Six cross-modal Transformers, one for each ordered pair of modalities.

    Dropout on attention weights is given by source modality; other arguments are those of `CrossModalTransformer`.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        *,
        attention_dropout: Mapping[str, float],
        relu_dropout: float = 0.0,
        residual_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.transformers = nn.ModuleDict(
            {
                f"{target}_from_{source}": CrossModalTransformer(
                    width,
                    layers,
                    heads,
                    attention_dropout=attention_dropout[source],
                    relu_dropout=relu_dropout,
                    residual_dropout=residual_dropout,
                    embedding_dropout=embedding_dropout,
                )
                for target in MODALITIES
                for source in MODALITIES
                if source != target
            }
        )

    def forward(self, steps: Mapping[str, Tensor], padding: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return, by target modality, its two enriched sequences `(B, T, d)`, in the order text, audio, vision."""
        return {
            target: [
                self.transformers[f"{target}_from_{source}"](
                    steps[target], steps[source], padding[source], padding[target]
                )
                for source in MODALITIES
                if source != target
            ]
            for target in MODALITIES
        }


def last_step(values: Tensor, length: Tensor) -> Tensor:
    """Return the last valid step `(B, d)` of `(B, T, d)`; `length` is `(B,)`, at least 1."""
    index = (length - 1)[:, None, None].expand(-1, 1, values.shape[-1])
    return values.gather(1, index).squeeze(1)


__all__ = [
    "CrossModalLayer",
    "CrossModalTransformer",
    "PairwiseCrossModal",
    "TemporalConvolution",
    "fitting_heads",
    "last_step",
]
