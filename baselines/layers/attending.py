"""`nn.MultiheadAttention` over long sequences without holding its weights until the backward pass.

Attention with dropout keeps `(B, heads, T, S)` weights, their dropout mask and their product for the backward pass:
gigabytes for a model that attends from frames to frames a dozen times. For long sequences the backward pass computes
them again instead, which takes time and gives the same numbers: the random state is restored.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

#: Number of weights of one head and sample above which they are computed again: 128 steps on 128.
_LONG = 128 * 128


def attend(attention: nn.MultiheadAttention, target: Tensor, source: Tensor, padding: Tensor | None) -> Tensor:
    """Attend from `target` `(B, T, d)` to `source` `(B, S, d)`; returns `(B, T, d)`.

    Args:
        attention: Attention module with `batch_first`.
        target: Queries.
        source: Keys and values.
        padding: `(B, S)` bool, True at steps to ignore.
    """
    if torch.is_grad_enabled() and target.shape[1] * source.shape[1] > _LONG:
        again: Tensor = checkpoint(_attend, attention, target, source, padding, use_reentrant=False)
        return again
    return _attend(attention, target, source, padding)


def _attend(attention: nn.MultiheadAttention, target: Tensor, source: Tensor, padding: Tensor | None) -> Tensor:
    attended: Tensor = attention(target, source, source, key_padding_mask=padding, need_weights=False)[0]
    return attended
