"""Token text as columns without an encoder: weighted counts of its most frequent tokens and pairs of tokens."""

from __future__ import annotations

import numpy as np

from benchmark.data.samples import BoolArray, ModalityStream
from protocols.layout import FloatArray

#: Largest number of columns: the tokens and pairs that occur in the most training samples.
TERMS = 1024
_PAIR = np.int64(1) << 32


def bag_of_words(stream: ModalityStream, train: BoolArray) -> FloatArray:
    """TF-IDF of tokens and of pairs of neighbours, rows of length 1.

    Args:
        stream: Token text; unobserved tokens are ignored.
        train: `(n,)` flags of the samples that determine columns and weights; no label is used.

    Returns:
        `(n, D)` with D at most `TERMS`.
    """
    tokens = stream.token_ids
    if tokens is None:
        return np.zeros((len(train), 0))
    lengths = np.diff(stream.offsets)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    beside = (owner[:-1] == owner[1:]) & stream.observed[:-1] & stream.observed[1:]
    sample = np.concatenate([owner[stream.observed], owner[:-1][beside]])
    term = np.concatenate([tokens[stream.observed], (tokens[:-1][beside] + 1) * _PAIR + tokens[1:][beside]])
    # each term counts once in a sample: its presence matters more than its frequency
    known, code = np.unique(term, return_inverse=True)
    once = np.unique(sample.astype(np.int64) * len(known) + code)
    sample, code = once // max(len(known), 1), once % max(len(known), 1)
    frequency = np.bincount(code[train[sample]], minlength=len(known))
    often = np.flatnonzero(frequency >= 2)
    chosen = np.sort(often[np.argsort(-frequency[often], kind="stable")[:TERMS]])
    column = np.full(len(known), -1)
    column[chosen] = np.arange(len(chosen))
    weight = np.log((1.0 + train.sum()) / (1.0 + frequency[chosen])) + 1.0
    inside = column[code] >= 0
    rows, columns = sample[inside], column[code[inside]]
    table = np.zeros((len(lengths), len(chosen)))
    table[rows, columns] = weight[columns]
    norm = np.sqrt(np.square(table).sum(axis=1, keepdims=True))
    return table / np.where(norm > 0.0, norm, 1.0)
