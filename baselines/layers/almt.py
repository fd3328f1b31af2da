"""Language-guided fusion of ALMT (Zhang et al., EMNLP 2023, arXiv 2310.05804), also used by LNLN."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.layers.transformer import CrossLayer, learned_tokens


class HyperModalityLayer(nn.Module):
    """Update of the hyper-modality by the attention of one scale of language on audio and vision."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_language = nn.LayerNorm(width)
        self.norm_audio = nn.LayerNorm(width)
        self.norm_vision = nn.LayerNorm(width)
        self.to_query = nn.Linear(width, width, bias=False)
        self.audio_key_value = nn.Linear(width, 2 * width, bias=False)
        self.vision_key_value = nn.Linear(width, 2 * width, bias=False)
        self.to_output = nn.Linear(width, width)

    def forward(self, language: Tensor, audio: Tensor, vision: Tensor) -> Tensor:
        """Return `(B, K, d)` from three `(B, K, d)`."""
        query = self.to_query(self.norm_language(language)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        picked = self._attend(query, self.audio_key_value(self.norm_audio(audio)))
        picked = picked + self._attend(query, self.vision_key_value(self.norm_vision(vision)))
        output: Tensor = self.to_output(picked.transpose(1, 2).flatten(2))
        return output

    def _attend(self, query: Tensor, key_value: Tensor) -> Tensor:
        key, value = torch.unflatten(key_value, -1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(query, key, value)


class AdaptiveHyperModality(nn.Module):
    """Adaptive hyper-modality learning: each scale of language guides one layer."""

    def __init__(self, width: int, tokens: int, layers: int, heads: int) -> None:
        super().__init__()
        self.start = learned_tokens(tokens, width)
        self.layers = nn.ModuleList(HyperModalityLayer(width, heads) for _ in range(layers))

    def forward(self, scales: list[Tensor], audio: Tensor, vision: Tensor) -> Tensor:
        """Return the hyper-modality `(B, K, d)` from one scale of language for each layer."""
        hyper = self.start.expand(len(audio), -1, -1)
        for layer, language in zip(self.layers, scales, strict=True):
            hyper = hyper + layer(language, audio, vision)
        return hyper


class CrossTransformer(nn.Module):
    """Language tokens attend to the hyper-modality, layer by layer; an extra token leads both sides.

    Args:
        width: Width d.
        tokens: Number of tokens K on each side.
        layers: Depth.
        heads: Number of attention heads.
        head_width: Width of each head; d / heads when None.
        hidden: Hidden width of the feed-forward; 2 d when None.
        dropout: Dropout on each sub-layer's output.
        read_extra: True: the extra token is the output, as in ALMT; False: the target's tokens, as in LNLN.
    """

    def __init__(
        self,
        width: int,
        tokens: int,
        layers: int,
        heads: int,
        *,
        head_width: int | None = None,
        hidden: int | None = None,
        dropout: float = 0.0,
        read_extra: bool = False,
    ) -> None:
        super().__init__()
        self.read_extra = read_extra
        self.extra = learned_tokens(1, width)
        self.source_positions = learned_tokens(tokens + 1, width)
        self.positions = learned_tokens(1 if read_extra else tokens, width)
        self.layers = nn.ModuleList(CrossLayer(width, heads, head_width, hidden, dropout) for _ in range(layers))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Enrich `target` `(B, K, d)` by `source` `(B, K, d)`; with `read_extra`, return its extra token `(B, 1, d)`.

        The target's side has no self-attention, so its extra token and its other tokens never interact; only the tokens
        that are returned are computed.
        """
        extra = self.extra.expand(len(source), -1, -1)
        source = torch.cat([extra, source], dim=1) + self.source_positions
        target = (extra if self.read_extra else target) + self.positions
        for layer in self.layers:
            target = layer(target, source)
        return target
