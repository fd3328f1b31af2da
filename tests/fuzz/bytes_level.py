"""Damage to bytes, whatever they mean."""

from __future__ import annotations

import numpy as np

_ODD = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def damage(good: bytes, rng: np.random.Generator) -> bytes:
    """One to eight of: change, cut, insert, take out, repeat, move, fill."""
    content = bytearray(good)
    for _ in range(int(rng.integers(2, 9)) if rng.random() < 0.4 else 1):
        if not content:
            break
        at = int(rng.integers(len(content)))
        span = min(1 << int(rng.integers(0, 9)), len(content) - at)
        kind = rng.integers(9)
        if kind <= 2:
            _change(content, rng)
        elif kind == 3:
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 4:
            del content[at : len(content) if rng.random() < 0.3 else at + span]
        elif kind == 5:
            content[at:at] = rng.bytes(span)
        elif kind == 6:
            content[at:at] = content[at : at + span] * int(rng.integers(1, 4))
        elif kind == 7:
            to = int(rng.integers(len(content)))
            content[to : to + span] = content[at : at + span]
        else:
            content[at : at + span] = bytes([int(rng.choice(_ODD))]) * span
    return bytes(content)


def _change(content: bytearray, rng: np.random.Generator) -> None:
    # zeros are mostly padding: what is not zero is where the structure is
    places = np.flatnonzero(np.frombuffer(bytes(content), np.uint8))
    at = int(places[rng.integers(len(places))]) if len(places) else 0
    at = max(0, min(len(content) - 1, at + int(rng.integers(-2, 3))))
    content[at] = int(rng.choice(_ODD)) if rng.random() < 0.5 else int(rng.integers(256))
