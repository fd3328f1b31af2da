"""`nn.MultiheadAttention` over sequences of different lengths, without holding its weights for long sequences.

On a processor, steps of all samples lie one after the other without padding, and each sample is attended to separately.
Elsewhere sequences are padded. Attention with dropout keeps `(B, heads, T, S)` weights, their dropout mask and their
product for the backward pass: gigabytes for a model that attends from frames to frames a dozen times. For long
sequences the backward pass computes weights again instead, which takes time and gives the same numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from baselines.layers.dropout import factors, kept

#: Number of weights of one head and sample above which they are computed again: 128 steps on 128.
_LONG = 128 * 128
#: Number of weights up to which rows without padding keep them: sixteen samples of MulT then hold less than 100 MB.
_KEPT = 64 * 64
#: Number of weights below which samples are attended to together, with padding.
_SHORT = 24 * 24


class Lengths(NamedTuple):
    """Steps of each sample in rows without padding: of the targets, and of the sources that they attend to."""

    target: list[int]
    source: list[int]


def runs_packed(target: Tensor, source: Tensor) -> bool:
    """Return True if attention over rows without padding is faster: on a processor, unless sequences are short."""
    return target.device.type == "cpu" and target.shape[1] * source.shape[1] >= _SHORT


def pack(values: Tensor, padding: Tensor | None) -> tuple[Tensor, list[int]]:
    """Return the valid steps of `(B, T, d)` as rows `(P, d)`, and their number in each sample."""
    if padding is None:
        return values.flatten(0, 1), [values.shape[1]] * len(values)
    return values[~padding], (~padding).sum(dim=1).tolist()


def unpack(rows: Tensor, padding: Tensor | None, like: Tensor) -> Tensor:
    """Return rows `(P, d)` as `(B, T, d)`, zeros on padding; `like` is `(B, T, any)`."""
    shape = (*like.shape[:2], rows.shape[1])
    if padding is None:
        return rows.view(shape)
    values = rows.new_zeros(shape)
    values[~padding] = rows
    return values


def attend(attention: nn.MultiheadAttention, target: Tensor, source: Tensor, hidden: Tensor | Lengths | None) -> Tensor:
    """Attend from `target` `(B, T, d)` to `source` `(B, S, d)`; returns `(B, T, d)`.

    Args:
        attention: Attention module with `batch_first`.
        target: Queries.
        source: Keys and values.
        hidden: `(B, S)` bool, True at steps to ignore; lengths where `target` and `source` are rows without padding,
            `(P, d)` and `(R, d)`.
    """
    if isinstance(hidden, Lengths):
        return _attend_rows(attention, target, source, hidden)
    if torch.is_grad_enabled() and target.shape[1] * source.shape[1] > _LONG:
        again: Tensor = checkpoint(_attend, attention, target, source, hidden, use_reentrant=False)
        return again
    return _attend(attention, target, source, hidden)


def _attend(attention: nn.MultiheadAttention, target: Tensor, source: Tensor, padding: Tensor | None) -> Tensor:
    attended: Tensor = attention(target, source, source, key_padding_mask=padding, need_weights=False)[0]
    return attended


def encode(layer: nn.TransformerEncoderLayer, values: Tensor, hidden: Tensor | Lengths) -> Tensor:
    """Apply an encoder layer that normalises behind its residuals to `(B, T, d)`, or to rows without padding.

    Args:
        layer: Layer with `batch_first`.
        values: `(B, T, d)`, or rows `(P, d)`.
        hidden: `(B, T)` bool, True at steps to ignore; lengths of the rows.
    """
    if not isinstance(hidden, Lengths):
        padded: Tensor = layer(values, src_key_padding_mask=hidden)
        return padded
    values = layer.norm1(values + layer.dropout1(attend(layer.self_attn, values, values, hidden)))
    fed = layer.linear2(layer.dropout(layer.activation(layer.linear1(values))))
    encoded: Tensor = layer.norm2(values + layer.dropout2(fed))
    return encoded


def _attend_rows(attention: nn.MultiheadAttention, target: Tensor, source: Tensor, lengths: Lengths) -> Tensor:
    weight, bias, width = attention.in_proj_weight, attention.in_proj_bias, target.shape[1]
    if target is source:
        query, key_value = F.linear(target, weight, bias).split_with_sizes([width, 2 * width], dim=1)
    else:
        query = F.linear(target, weight[:width], bias[:width])
        key_value = F.linear(source, weight[width:], bias[width:])
    rate = attention.dropout if attention.training else 0.0
    output: Tensor = attention.out_proj(attend_rows(query, key_value, lengths, attention.num_heads, rate))
    return output


def attend_rows(query: Tensor, key_value: Tensor, lengths: Lengths, heads: int, rate: float) -> Tensor:
    """Attend from rows `(P, d)` to keys and values `(R, 2 d)` without padding, on a processor; returns `(P, d)`.

    Args:
        query: Queries of all samples.
        key_value: Keys, and values beside them.
        lengths: Rows of each sample.
        heads: Number of heads.
        rate: Dropout of the weights.
    """
    attended: Tensor = _RowAttention.apply(query, key_value, lengths, heads, rate)  # type: ignore[no-untyped-call]
    return attended


class _RowAttention(torch.autograd.Function):
    """Attention `(P, d)` of queries `(P, d)` on keys and values `(R, 2 d)`, each sample on its own source.

    Weights of short sequences are kept for the backward pass; others are computed again.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key_value: Tensor, lengths: Lengths, heads: int, rate: float) -> Tensor:
        """Attend."""
        ctx.scale = (query.shape[1] // heads) ** -0.5
        ctx.heads, ctx.rate, ctx.lengths, ctx.kept = heads, rate, lengths, []
        query = query * ctx.scale
        ctx.save_for_backward(query, key_value)
        result = torch.empty_like(query)
        results = _split(result, lengths.target, heads)
        for (q, k, v), into in zip(_samples(query, key_value, lengths, heads), results, strict=True):
            weights = torch.bmm(q, k.transpose(1, 2)).softmax(dim=-1)
            mask = kept(weights.shape, rate) if rate else None
            short = weights.shape[1] * weights.shape[2] <= _KEPT
            ctx.kept.append((weights if short else None, mask))
            if mask is not None:
                weights = factors(mask, rate, weights.dtype).mul_(weights)
            into.copy_(torch.bmm(weights, v))
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of queries, and of keys and values."""
        query, key_value = ctx.saved_tensors
        of_query, of_key_value = torch.empty_like(query), torch.empty_like(key_value)
        given = _split(gradient, ctx.lengths.target, ctx.heads)
        samples = _samples(query, key_value, ctx.lengths, ctx.heads)
        results = _samples(of_query, of_key_value, ctx.lengths, ctx.heads)
        for (q, k, v), (to_q, to_k, to_v), g, (weights, mask) in zip(samples, results, given, ctx.kept, strict=True):
            if weights is None:
                weights = torch.bmm(q, k.transpose(1, 2)).softmax(dim=-1)
            of_weights, used = torch.bmm(g, v.transpose(1, 2)), weights
            if mask is not None:
                scaled = factors(mask, ctx.rate, weights.dtype)
                of_weights.mul_(scaled)
                used = scaled.mul_(weights)
            to_v.copy_(torch.bmm(used.transpose(1, 2), g))
            of_scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)
            to_q.copy_(torch.bmm(of_scores, k))
            to_k.copy_(torch.bmm(of_scores.transpose(1, 2), q))
        return of_query.mul_(ctx.scale), of_key_value, None, None, None


def _split(rows: Tensor, lengths: list[int], heads: int) -> tuple[Tensor, ...]:
    """Return views `(heads, T, d / heads)` of the rows of each sample."""
    return rows.view(len(rows), heads, -1).transpose(0, 1).split_with_sizes(lengths, dim=1)


def _samples(query: Tensor, key_value: Tensor, lengths: Lengths, heads: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    key, value = key_value.chunk(2, dim=1)
    parts = (
        _split(query, lengths.target, heads),
        _split(key, lengths.source, heads),
        _split(value, lengths.source, heads),
    )
    return list(zip(*parts, strict=True))
