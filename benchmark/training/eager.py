"""Torch without its compiler, whose import takes as long as that of torch.

Torch's optimisers and its counter of operations import the compiler at their first call, only to switch it off for
themselves. Here they run as they are, and give equal bits. Where a model has imported the compiler, torch is left
alone.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

#: Methods of an optimiser that torch runs with its compiler off.
_METHODS = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def eager_optimiser(algorithm: type[torch.optim.Adam]) -> type[torch.optim.Adam]:
    """Return `Adam` or `AdamW` of torch without the compiler; the algorithm itself if the compiler is imported."""
    if _compiler_is_imported():
        return algorithm
    methods = {name: inspect.unwrap(getattr(algorithm, name)) for name in _METHODS}
    methods["step"] = torch.no_grad()(inspect.unwrap(algorithm.step))
    return type(algorithm.__name__, (algorithm,), methods)


@contextmanager
def eager_method(owner: type, name: str) -> Iterator[None]:
    """Run a method of a class of torch without the compiler within the block."""
    wrapped = getattr(owner, name)
    if not _compiler_is_imported():
        setattr(owner, name, inspect.unwrap(wrapped))
    try:
        yield
    finally:
        setattr(owner, name, wrapped)


def _compiler_is_imported() -> bool:
    return "torch._dynamo" in sys.modules
