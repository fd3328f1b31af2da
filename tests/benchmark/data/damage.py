"""Ways to damage a file, for tests."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from protocols import InputError


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """The file with some bytes changed, and sometimes cut off."""
    changes = st.lists(st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), min_size=1, max_size=20)
    ends = st.one_of(st.just(len(good)), st.integers(0, len(good)))
    return st.builds(lambda change, end: _apply(good, change, end), changes, ends)


def outcome(read: Callable[[], object]) -> str:
    """Empty when reading works, else the message of its InputError; any other error passes."""
    try:
        read()
    except InputError as error:
        return str(error)
    return ""


def _apply(good: bytes, changes: list[tuple[int, int]], end: int) -> bytes:
    content = bytearray(good)
    for position, value in changes:
        content[position] = value
    return bytes(content[:end])
