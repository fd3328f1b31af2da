"""Frames brought to other steps: to intervals, or to words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmark.data.extraction.registry import Frames
from benchmark.data.extraction.text import Word
from benchmark.data.importers.words import MAX_TOKENS, token_stream
from benchmark.data.samples import IntArray
from protocols import InputError


def pool(frames: Frames, start: npt.ArrayLike, end: npt.ArrayLike) -> Frames:
    """Return the mean of the observed frames whose middle is in each interval; without one it is not observed.

    Args:
        frames: Frames, ordered by time.
        start: `(S,)` first second of each interval.
        end: `(S,)` second behind each interval.
    """
    times, values, observed = frames
    begin, stop = np.asarray(start, np.float64), np.asarray(end, np.float64)
    low, high = np.searchsorted(times, begin, "left"), np.searchsorted(times, stop, "left")
    high = np.maximum(high, low)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values * observed[:, None], 0, dtype=np.float64)])
    counts = np.concatenate([[0], np.cumsum(observed)])
    seen = counts[high] - counts[low]
    means = (sums[high] - sums[low]) / np.maximum(seen, 1)[:, None]
    return ((begin + stop) / 2).astype(np.float32), means.astype(np.float32), seen > 0


def tokens_of_words(where: str, words: Sequence[Word]) -> tuple[IntArray, IntArray]:
    """Return the token ids of words `(T,)`, at most 48, and the word of each.

    Raises:
        InputError: If there are no words with times, so that nothing can be aligned to them.
    """
    if not words:
        raise InputError(f"{where}: has no words with times; leave --align out, or give words with times")
    stream, _ = token_stream(where, [word.text for word in words])
    owner = np.repeat(np.arange(len(words)), np.diff(stream.offsets))[stream.observed][:MAX_TOKENS]
    if stream.token_ids is None or not len(owner):
        raise InputError(f"{where}: none of its words has a token")
    return stream.token_ids[stream.observed][:MAX_TOKENS], owner
