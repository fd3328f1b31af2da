"""Threads of what computes in the calling process."""

from __future__ import annotations

import pytest
import torch

from benchmark.training.threads import on_threads


@pytest.mark.parametrize(("said", "count", "expected"), [(None, None, 1), ("3", None, 3), ("3", 2, 2), ("x", None, 1)])
def test_one_thread_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, said: str | None, count: int | None, expected: int
) -> None:
    if said is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    before = torch.get_num_threads()
    with on_threads(count):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == before
