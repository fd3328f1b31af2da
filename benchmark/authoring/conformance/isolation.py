"""Random state and settings of this process: restored after a check, and compared."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

#: Settings that a model must not change in its process, by their name in messages.
State = dict[str, object]


@contextmanager
def contained() -> Iterator[None]:
    """Context after which global generators and settings are as before."""
    # The global generators are only saved and put back: a model under check may draw from them.
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    threads, dtype, grad = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    deterministic = torch.are_deterministic_algorithms_enabled()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        if torch.are_deterministic_algorithms_enabled() != deterministic:  # setting it imports a compiler
            torch.use_deterministic_algorithms(deterministic)


def global_state() -> State:
    """Return the state of this process that a model must never change, not even in training."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "Python's global random generator": random.getstate(),
        "NumPy's global random generator": (kind, tuple(np.asarray(keys).tolist()), *rest),
        "torch's number of threads": torch.get_num_threads(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
    }


def changed(before: State, after: State) -> list[str]:
    """Return the names of differing parts."""
    return [what for what in before if before[what] != after[what]]
