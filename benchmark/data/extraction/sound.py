"""Sound in blocks of one size, and which samples were recorded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmark.data.extraction.clip import Clip
from benchmark.data.samples import BoolArray, FloatArray


def sound_blocks(clip: Clip, rate: int, block: int, margin: int) -> Iterator[tuple[FloatArray, BoolArray]]:
    """Yield blocks of sound and which samples were recorded, until the end of the clip.

    Args:
        clip: The clip.
        rate: Samples a second.
        block: Samples of a block.
        margin: Samples before and behind a block that are given with it.

    Yields:
        Two arrays of `block + 2 * margin`: block i begins with sample `i * block - margin`. Unrecorded samples are 0.
    """
    total = round(clip.seconds * rate)
    held, seen = np.zeros(block + 2 * margin, np.float32), np.zeros(block + 2 * margin, np.bool_)
    first, filled = -margin, margin  # filled: end of what is held; samples before it are not written again

    def shift() -> None:
        nonlocal first, filled
        for array in (held, seen):
            array[: 2 * margin] = array[block:].copy()
            array[2 * margin :] = 0
        first, filled = first + block, max(filled - block, 0)

    for start, samples in clip.sound(rate):
        at, new = start, samples[: max(total - start, 0)]
        while len(new):
            place = at - first
            if place < filled:
                new, at = new[filled - place :], first + filled
            elif place >= len(held):
                yield held.copy(), seen.copy()
                shift()
            else:
                part = new[: len(held) - place]
                held[place : place + len(part)], seen[place : place + len(part)] = part, True
                new, at, filled = new[len(part) :], at + len(part), place + len(part)
    while first + margin < total:
        yield held.copy(), seen.copy()
        shift()
