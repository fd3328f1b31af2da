"""Salience of positions within their sample, from the data alone: order of loss under informative missingness.

No label is used, so that a protocol can be drawn on any test set. Salience of a word is its rarity in the training
part; that of a frame is its distance from the mean of its sample, in the standardised features of model inputs.
"""

from __future__ import annotations

import numpy as np

from benchmark.data.ragged import HostRagged
from benchmark.data.samples import BoolArray, IntArray
from protocols.layout import FloatArray

#: Salience of a natural gap: below all others.
NOT_RECORDED = -1e300


def of_tokens(token_ids: IntArray, observed: BoolArray, training: IntArray) -> FloatArray:
    """Salience of tokens, `(P,)`: minus the frequency of each token in the training part."""
    words, counts = np.unique(training, return_counts=True)
    place = np.minimum(np.searchsorted(words, token_ids), max(len(words) - 1, 0))
    known = words[place] == token_ids if len(words) else np.zeros(len(token_ids), dtype=np.bool_)
    frequency = np.where(known, counts[place] if len(words) else 0, 0)
    return np.where(observed, -frequency.astype(np.float64), NOT_RECORDED)


def of_values(values: HostRagged, offsets: IntArray, observed: BoolArray) -> FloatArray:
    """Salience of frames, `(P,)`: squared distance of each position from the mean of its sample's recorded ones."""
    salience = np.full(int(offsets[-1]), NOT_RECORDED)
    for rows in values.blocks():
        block = values.read(rows).numpy().astype(np.float64)
        first, last = int(offsets[rows[0]]), int(offsets[rows[-1] + 1])
        seen = observed[first:last]
        starts = offsets[rows] - first
        lengths = np.diff(offsets)[rows]
        count = np.maximum(np.add.reduceat(seen, starts), 1)
        mean = np.add.reduceat(block * seen[:, None], starts, axis=0) / count[:, None]
        distance = np.square(block - np.repeat(mean, lengths, axis=0)).sum(axis=1)
        # rounded, so that another processor's order of summation does not change ranks
        salience[first:last] = np.where(seen, np.round(distance, 6), NOT_RECORDED)
    return salience
