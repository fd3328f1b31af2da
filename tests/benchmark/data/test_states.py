"""Shared states of frozen encoders: encoded once, never believed when damaged, bounded on disk and in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from benchmark.data.config import EncoderConfig
from benchmark.data.encoding import TextEncoder
from benchmark.data.samples import IntArray
from benchmark.data.states import StateCache
from protocols import InputError

OFFSETS = np.array([0, 2, 3])


def texts(first: int) -> IntArray:
    """Two texts of three tokens in all."""
    return np.array([first, first + 1, first + 2])


class Counting(TextEncoder):
    """Counts how many sets of texts it encodes."""

    calls = 0

    def encode_each(self, ids: IntArray, offsets: IntArray, batch_size: int = 64) -> Iterator[tuple[int, Tensor]]:
        self.calls += 1
        return super().encode_each(ids, offsets, batch_size)


@pytest.fixture
def encoder(tiny_encoder: Path) -> Counting:
    return Counting(EncoderConfig(name=str(tiny_encoder)))


def test_states_are_shared_between_processes_by_file(encoder: Counting, tmp_path: Path) -> None:
    expected = encoder.encode(texts(2000), OFFSETS).numpy()
    before = encoder.calls
    for _ in range(2):
        assert np.array_equal(StateCache(encoder, "r", tmp_path).states(texts(2000), OFFSETS), expected)
    assert encoder.calls == before + 1
    StateCache(encoder, "other weights", tmp_path).states(texts(2000), OFFSETS)
    assert encoder.calls == before + 2


@pytest.mark.parametrize("damage", ["header", "cut", "empty", "kind", "shape"])
def test_a_damaged_file_is_not_believed(encoder: Counting, tmp_path: Path, damage: str) -> None:
    expected = StateCache(encoder, "r", tmp_path).states(texts(2000), OFFSETS).copy()
    (file,) = tmp_path.glob("*.npy")
    whole = file.read_bytes()
    content = {
        "header": whole[:100],
        "cut": whole[:-1],
        "empty": b"",
        "kind": whole.replace(b"<f4", b"<i4"),
        "shape": whole.replace(b"(7, 16)", b"(1, 16)"),
    }[damage]
    assert content != whole
    file.unlink()
    file.write_bytes(content)
    before = encoder.calls
    assert np.array_equal(StateCache(encoder, "r", tmp_path).states(texts(2000), OFFSETS), expected)
    assert encoder.calls == before + 1
    assert file.read_bytes() == whole


def test_states_asked_for_at_once_are_encoded_once(encoder: Counting, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: StateCache(encoder, "r", tmp_path).states(texts(2000), OFFSETS), range(8)))
    assert encoder.calls == 1
    assert all(np.array_equal(states, found[0]) for states in found)


def test_states_that_a_full_folder_does_not_keep_stay_readable(encoder: Counting, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="full of text states"):
        states = StateCache(encoder, "r", tmp_path, max_bytes=0).states(texts(2000), OFFSETS)
    assert not list(tmp_path.glob("*.npy"))
    assert np.array_equal(states, encoder.encode(texts(2000), OFFSETS).numpy())


def test_a_full_folder_keeps_what_is_there_for_readers_in_turns(encoder: Counting, tmp_path: Path) -> None:
    draws, size = range(2000, 2600, 100), 128 + 4 * 7 * 16
    cache = StateCache(encoder, "r", tmp_path, max_bytes=4 * size, memory_bytes=1)

    def run() -> None:
        cache.begin_run()
        for first in draws:
            cache.states(texts(first), OFFSETS)

    with pytest.warns(UserWarning, match="full of text states.*--text-states") as warned:
        run()
    assert len(warned) == 1
    run()  # the next models of the seed
    run()
    assert encoder.calls == 4 + 3 * 2  # the least recently used would give 3 * 6
    assert len(list(tmp_path.glob("*.npy"))) == 4


def test_what_two_runs_have_not_used_makes_way(encoder: Counting, tmp_path: Path) -> None:
    size = 128 + 4 * 7 * 16
    cache = StateCache(encoder, "r", tmp_path, max_bytes=2 * size, memory_bytes=1)
    for first in (2000, 3000):
        cache.states(texts(first), OFFSETS)
    for file in tmp_path.glob("*.npy"):
        os.utime(file, (1000, 1000))  # a study before
    cache.begin_run()
    cache.begin_run()
    cache.states(texts(4000), OFFSETS)
    assert len(list(tmp_path.glob("*.npy"))) == 2
    before = encoder.calls
    cache.states(texts(5000), OFFSETS)
    cache.states(texts(4000), OFFSETS)
    assert encoder.calls == before + 1


def test_the_size_of_the_folder_is_an_option(
    encoder: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTIBENCH_TEXT_STATES", "0")
    with pytest.warns(UserWarning, match="full of text states"):
        StateCache(encoder, "r", tmp_path).states(texts(2000), OFFSETS)
    assert not list(tmp_path.glob("*.npy"))


@pytest.mark.parametrize("shared", [True, False])
def test_memory_is_bounded_in_bytes(encoder: Counting, tmp_path: Path, shared: bool) -> None:
    cache = StateCache(encoder, "r", tmp_path if shared else None, memory_bytes=2 * 4 * 7 * 16)
    first = cache.states(texts(2000), OFFSETS)
    second = cache.states(texts(3000), OFFSETS)
    assert cache.states(texts(2000), OFFSETS) is first
    cache.states(texts(4000), OFFSETS)
    assert cache.states(texts(2000), OFFSETS) is first
    again = cache.states(texts(3000), OFFSETS)
    assert again is not second
    assert np.array_equal(again, second)


def test_states_cannot_be_changed_by_a_reader(encoder: Counting, tmp_path: Path) -> None:
    states = StateCache(encoder, "r", tmp_path).states(texts(2000), OFFSETS)
    with pytest.raises(ValueError, match="read-only"):
        states[0] = 0


def test_nothing_half_written_stays_behind(encoder: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> Iterator[tuple[int, Tensor]]:
        yield next(TextEncoder.encode_each(encoder, *arguments))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(encoder, "encode_each", full)
        with pytest.raises(InputError, match="No space left on device"):
            StateCache(encoder, "r", tmp_path).states(texts(2000), OFFSETS)
    (lock,) = tmp_path.iterdir()
    killed = tmp_path / f".{lock.stem}.0123"  # as a process leaves it that was killed while it wrote
    killed.write_bytes(b"half")
    StateCache(encoder, "r", tmp_path).states(texts(2000), OFFSETS)
    assert {f.suffix for f in tmp_path.iterdir()} <= {".npy", ".lock"}


def test_a_folder_that_cannot_be_written_is_named(encoder: Counting, tmp_path: Path) -> None:
    (tmp_path / "states").write_text("a file")
    with pytest.raises(InputError, match="states: cannot hold"):
        StateCache(encoder, "r", tmp_path / "states").states(texts(2000), OFFSETS)
