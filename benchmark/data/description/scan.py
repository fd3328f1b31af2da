"""Scan of a stream in one pass, block by block, for probes, counts and the search for duplicates.

Values of a large data set may be a memory map of many gigabytes; at most one block is held in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.data.samples import BoolArray, IntArray, ModalityStream
from protocols.layout import FloatArray, segment_sums

_BLOCK = 16_384  # positions: 10 MB of float64 at 74 features


@dataclass(frozen=True, eq=False)
class StreamScan:
    """Result of one pass over a stream.

    Attributes:
        lengths: `(n,)` positions of each sample.
        seen: `(n,)` observed positions of each sample.
        digests: n hashes of the content (values or tokens, and observed flags); empty if nothing is observed.
        mean, deviation: `(n, D)` over the observed positions of each sample, of sign(x) log(1 + |x|), the scale of
            model inputs; zeros if nothing is observed. D is 0 for tokens.
        largest: Largest absolute value, 0 for tokens.
        constant: Features with one value at all observed positions.
    """

    lengths: IntArray
    seen: IntArray
    digests: tuple[bytes, ...]
    mean: FloatArray
    deviation: FloatArray
    largest: float
    constant: int

    @property
    def recorded(self) -> BoolArray:
        """`(n,)`: True if the sample has an observed position."""
        return self.seen > 0


def scan_stream(stream: ModalityStream) -> StreamScan:
    """Scan a stream."""
    offsets = stream.offsets
    n, width = len(offsets) - 1, stream.width
    seen = segment_sums(stream.observed, offsets)
    digests: list[bytes] = []
    total, square = np.zeros((n, width)), np.zeros((n, width))
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for first, last in blocks(offsets, _BLOCK):
        start, stop = int(offsets[first]), int(offsets[last])
        observed = np.asarray(stream.observed[start:stop])
        content = np.asarray((stream.token_ids if stream.values is None else stream.values)[start:stop])  # type: ignore[index]
        cuts = offsets[first : last + 1] - start
        for i, (a, b) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True), first):
            digests.append(_digest(content[a:b], observed[a:b]) if seen[i] else b"")
        if stream.values is None:
            continue
        if observed.any():
            here = content if observed.all() else content[observed]
            low, high = np.minimum(low, here.min(axis=0)), np.maximum(high, here.max(axis=0))
        logs = np.log1p(np.abs(content), dtype=np.float64)
        np.copysign(logs, content, out=logs)
        logs[~observed] = 0.0
        total[first:last] = np.add.reduceat(logs, cuts[:-1], axis=0)
        square[first:last] = np.add.reduceat(np.square(logs, out=logs), cuts[:-1], axis=0)
    count = np.maximum(seen, 1)[:, None]
    mean = total / count
    # the deviation of a single position is exactly 0, without rounding error
    variance = np.where(count > 1, np.maximum(square / count - mean**2, 0.0), 0.0)
    spans = np.isfinite(low)
    largest = float(np.maximum(np.abs(low[spans]), np.abs(high[spans])).max(initial=0.0))
    constant = int((low[spans] == high[spans]).sum())
    return StreamScan(np.diff(offsets), seen, tuple(digests), mean, np.sqrt(variance), largest, constant)


def blocks(offsets: IntArray, positions: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of samples with about `positions` positions in total, and at least one sample."""
    first, n = 0, len(offsets) - 1
    while first < n:
        last = int(np.searchsorted(offsets, offsets[first] + positions, side="right")) - 1
        last = min(max(last, first + 1), n)
        yield first, last
        first = last


def _digest(content: npt.NDArray[Any], observed: BoolArray) -> bytes:
    digest = hashlib.blake2b(np.ascontiguousarray(content).tobytes(), digest_size=16)
    digest.update(np.packbits(observed).tobytes())
    return digest.digest()
