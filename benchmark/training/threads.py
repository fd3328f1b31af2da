"""Threads of torch: one for each model, as in worker processes, whose results are equal bit for bit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def on_threads(count: int | None = None) -> Iterator[None]:
    """Compute on a number of threads within the block: by default those of `$OMP_NUM_THREADS`, or one."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    before = torch.get_num_threads()
    torch.set_num_threads(count or (int(given) if given.isdecimal() and int(given) else 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)
