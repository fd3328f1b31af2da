"""BERT over texts without padding: the tokens of a batch are rows, and each text attends to itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines.layers.attending import Lengths, attend_rows, unpack


def is_plain_bert(transformer: Any) -> bool:
    """Return True for what `encode_rows` can do: BERT as an encoder, with absolute positions, on a processor."""
    from transformers.models.bert.modeling_bert import BertModel  # takes two seconds

    config = transformer.config
    absolute = getattr(config, "position_embedding_type", "absolute") == "absolute"
    return type(transformer) is BertModel and absolute and not config.is_decoder and transformer.device.type == "cpu"


def encode_rows(transformer: Any, ids: Tensor, length: Tensor) -> Tensor:
    """Return the states `(B, T, D)` of texts, zeros on padding.

    Args:
        transformer: A plain BERT, see `is_plain_bert`.
        ids: Padded token ids `(B, T)`, with special tokens.
        length: `(B,)` number of tokens of each text.
    """
    position = torch.arange(ids.shape[1]).expand_as(ids)
    padding = position >= length[:, None]
    row_ids, row_position = ids[~padding][None], position[~padding][None]
    states: Tensor = transformer.embeddings(row_ids, torch.zeros_like(row_ids), row_position)[0]
    rows = Lengths(length.tolist(), length.tolist())
    for layer in transformer.encoder.layer:
        states = _encode(layer, states, rows)
    return unpack(states, padding, ids)


def _encode(layer: Any, states: Tensor, rows: Lengths) -> Tensor:
    attention = layer.attention.self
    key_value = torch.cat([attention.key(states), attention.value(states)], dim=1)
    rate = attention.dropout.p if attention.training else 0.0
    attended = attend_rows(attention.query(states), key_value, rows, attention.num_attention_heads, rate)
    mixed = layer.attention.output(attended, states)
    encoded: Tensor = layer.output(layer.intermediate(mixed), mixed)
    return encoded
