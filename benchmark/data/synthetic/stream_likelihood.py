"""How probable the observed frames are for every sentiment of the text and tone, wherever the events lie.

The forward algorithm of a hidden Markov model whose states are background, onset, apex and offset. An unobserved frame
says nothing, but time passes in it.
"""

from __future__ import annotations

import numpy as np

from benchmark.data.synthetic.composition import TEXT_GRID
from benchmark.data.synthetic.streams import APEX_STAYS, HEIGHTS, Signature
from protocols.layout import BoolArray, FloatArray, IntArray


def stream_likelihood(
    signature: Signature, coordinates: FloatArray, observed: BoolArray, offsets: IntArray
) -> FloatArray:
    """Likelihood of the frames of each stream.

    Args:
        signature: The sensor.
        coordinates: `(P, 2)` signature coordinates of the frames; not read where not observed.
        observed: `(P,)` whether the frame is observed.
        offsets: `(n + 1,)` stream i owns frames `offsets[i]:offsets[i + 1]`.

    Returns:
        `(n, 25, 7)`, by `TEXT_GRID` and the sensor's tones; each stream's up to a factor of its own, largest value 1.
    """
    evidence = signature.text_gain * TEXT_GRID[:, None] + signature.tone_gain * signature.tone_grid
    levels, where = np.unique(evidence, return_inverse=True)
    lengths = np.diff(offsets)
    # frames after the last one observed say nothing: each stream is read up to there
    position = np.arange(len(observed)) - np.repeat(offsets[:-1], lengths)
    read = np.zeros(len(lengths), dtype=np.int64)
    np.maximum.at(read, np.repeat(np.arange(len(lengths)), lengths), np.where(observed, position + 1, 0))
    order = np.argsort(-read, kind="stable")
    starts, read = offsets[:-1][order], read[order]
    rate = signature.event_rate(lengths[order])[:, None]

    background = np.ones((len(order), len(levels)))
    onset, apex, offset = (np.zeros_like(background) for _ in HEIGHTS)
    for k in range(int(read[0]) if len(read) else 0):
        n = int(np.searchsorted(-read, -k, side="left"))  # streams that are still read
        frames = starts[:n] + k
        # each state after this step; emissions are ratios to that of the background
        stay, leave = background[:n], offset[:n]
        new_onset = rate[:n] * stay
        new_offset = (1.0 - APEX_STAYS) * apex[:n]
        new_apex = onset[:n] + APEX_STAYS * apex[:n]
        new_background = stay * (1.0 - rate[:n]) + leave
        seen = np.flatnonzero(observed[frames])
        if len(seen):
            low, high = (_ratio(signature, coordinates[frames[seen]], levels, h) for h in HEIGHTS[:2])
            new_onset[seen] *= low
            new_apex[seen] *= high
            new_offset[seen] *= low
        largest = (new_background + new_onset + new_apex + new_offset).max(axis=1, keepdims=True)
        background[:n], onset[:n] = new_background / largest, new_onset / largest
        apex[:n], offset[:n] = new_apex / largest, new_offset / largest
    total = background + onset + apex + offset
    result = np.empty((len(order), *evidence.shape))
    result[order] = (total / total.max(axis=1, keepdims=True))[:, where.ravel()].reshape(-1, *evidence.shape)
    return result


def _ratio(signature: Signature, frames: FloatArray, levels: FloatArray, height: float) -> FloatArray:
    """`(m, levels)`: density of each frame at this height over its density in the background."""
    mark, carried = height * signature.marker, height * levels
    exponent = (mark * frames[:, :1] - 0.5 * mark**2) + (frames[:, 1:] * carried - 0.5 * carried**2)
    return np.exp(exponent)
