"""Likelihood of the observed frames for every sentiment of the text and tone, marginalised over the places of events.

The forward algorithm of a hidden Markov model whose states are background, onset, apex and offset. An unobserved frame
has no emission, but a transition. With the backward algorithm it gives the contribution of each frame.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmark.data.synthetic.composition import TEXT_GRID
from benchmark.data.synthetic.streams import APEX_STAYS, HEIGHTS, Signature
from protocols.layout import BoolArray, FloatArray, IntArray

_FRAMES = 4096  # frames at a time in leave_one_out_likelihood: some 60 MB


def stream_likelihood(
    signature: Signature, coordinates: FloatArray, observed: BoolArray, offsets: IntArray
) -> FloatArray:
    """Compute the likelihood of the frames of each stream.

    Args:
        signature: The sensor.
        coordinates: `(P, 2)` signature coordinates of the frames; not read where not observed.
        observed: `(P,)` True where the frame is observed.
        offsets: `(n + 1,)` stream i owns frames `offsets[i]:offsets[i + 1]`.

    Returns:
        `(n, 25, 7)`, by `TEXT_GRID` and the sensor's tones; each stream is scaled to a largest value of 1.
    """
    evidence = signature.text_gain * TEXT_GRID[:, None] + signature.tone_gain * signature.tone_grid
    levels, where = np.unique(evidence, return_inverse=True)
    lengths = np.diff(offsets)
    # frames after the last observed one carry no information: each stream is read up to that one
    position = np.arange(len(observed)) - np.repeat(offsets[:-1], lengths)
    read = np.zeros(len(lengths), dtype=np.int64)
    np.maximum.at(read, np.repeat(np.arange(len(lengths)), lengths), np.where(observed, position + 1, 0))
    order = np.argsort(-read, kind="stable")
    starts, read = offsets[:-1][order], read[order]
    rate = signature.event_rate(lengths[order])[:, None]

    states = np.zeros((4, len(order), len(levels)))  # background, onset, apex, offset
    states[0] = 1.0
    scratch, sums = np.empty_like(states), np.empty_like(states[0])
    for k in range(int(read[0]) if len(read) else 0):
        n = int(np.searchsorted(-read, -k, side="left"))  # streams that are still read
        frames = starts[:n] + k
        # each state after this step; emissions are ratios to that of the background
        (background, onset, apex, offset), (stay, start, peak, leave) = scratch[:, :n], states[:, :n]
        np.add(np.multiply(stay, 1.0 - rate[:n], out=background), leave, out=background)
        np.multiply(rate[:n], stay, out=onset)
        np.add(start, np.multiply(APEX_STAYS, peak, out=apex), out=apex)
        np.multiply(1.0 - APEX_STAYS, peak, out=offset)
        seen = np.flatnonzero(observed[frames])
        if len(seen):
            low, high = (_ratio(signature, coordinates[frames[seen]], levels, h) for h in HEIGHTS[:2])
            rows = slice(None) if len(seen) == n else seen
            onset[rows] *= low
            apex[rows] *= high
            offset[rows] *= low
        total = np.add(background, onset, out=sums[:n])
        total += apex
        total += offset
        np.divide(scratch[:, :n], total.max(axis=1, keepdims=True), out=states[:, :n])
    total = states[0] + states[1] + states[2] + states[3]
    result = np.empty((len(order), *evidence.shape))
    result[order] = (total / total.max(axis=1, keepdims=True))[:, where.ravel()].reshape(-1, *evidence.shape)
    return result


def leave_one_out_likelihood(
    signature: Signature, coordinates: FloatArray, observed: BoolArray, offsets: IntArray
) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
    """Compute the likelihood of each stream without each one of its frames, by the forward-backward algorithm.

    Arguments are those of `stream_likelihood`.

    Yields:
        Frames `(m,)`, the stream of each `(m,)`, and the result of `stream_likelihood` for that stream if the frame is
        not observed, `(m, 25, 7)`. Every frame occurs once.
    """
    evidence = signature.text_gain * TEXT_GRID[:, None] + signature.tone_gain * signature.tone_grid
    levels, where = np.unique(evidence, return_inverse=True)
    lengths = np.diff(offsets)
    order = np.argsort(lengths, kind="stable")
    cuts = np.searchsorted(np.cumsum(lengths[order]), np.arange(_FRAMES, int(lengths.sum()), _FRAMES))
    for rows in np.split(order, np.unique(cuts)):
        if len(rows) == 0:
            continue
        steps = int(lengths[rows].max())
        inside = np.arange(steps) < lengths[rows, None]
        frames = np.where(inside, offsets[rows, None] + np.arange(steps), offsets[rows, None])
        seen = (inside & observed[frames])[:, :, None, None]
        # by stream, step, level and state: background, onset, apex, offset; the ratio of an unobserved frame is 1
        emission = np.ones((len(rows), steps, len(levels), 4))
        flat = coordinates[frames].reshape(-1, 2)
        low, high = (_ratio(signature, flat, levels, h).reshape(len(rows), steps, -1) for h in HEIGHTS[:2])
        emission[..., 1:] = np.where(seen, np.stack([low, high, low], axis=-1), 1.0)
        step = np.zeros((len(rows), 4, 4))
        rate = signature.event_rate(lengths[rows])
        step[:, 0, 0], step[:, 0, 1] = 1.0 - rate, rate
        step[:, 1, 2] = step[:, 3, 0] = 1.0
        step[:, 2, 2], step[:, 2, 3] = APEX_STAYS, 1.0 - APEX_STAYS

        before = np.empty_like(emission)  # the states at a step, given the frames before it
        state = np.zeros((len(rows), len(levels), 4))
        state[..., 0] = 1.0
        for k in range(steps):
            before[:, k] = state @ step
            state = before[:, k] * emission[:, k]
            state /= state.max(axis=(1, 2), keepdims=True)
        after = np.ones_like(state)  # probability of the frames after a step, given its state
        back = step.transpose(0, 2, 1)
        for k in reversed(range(steps)):
            before[:, k] *= after
            after = (after * emission[:, k]) @ back
            after /= after.max(axis=(1, 2), keepdims=True)
        without = before.sum(axis=-1)[inside]
        without /= without.max(axis=1, keepdims=True)
        yield frames[inside], np.repeat(rows, lengths[rows]), without[:, where.ravel()].reshape(-1, *evidence.shape)


def _ratio(signature: Signature, frames: FloatArray, levels: FloatArray, height: float) -> FloatArray:
    """`(m, levels)`: density of each frame at this height over its density in the background."""
    mark, carried = height * signature.marker, height * levels
    exponent = frames[:, 1:] * carried
    exponent -= 0.5 * carried**2
    exponent += mark * frames[:, :1] - 0.5 * mark**2
    return np.exp(exponent, out=exponent)
