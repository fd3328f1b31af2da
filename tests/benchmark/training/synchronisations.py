"""Counts of what makes a processor wait for an accelerator and of copies to it, counted without one by patches."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from baselines.layers import cross_modal, groups, recurrent
from benchmark.data.ragged import HostRagged

#: Methods by which Python reads values, each of which waits until they are computed.
READING = ("item", "tolist", "cpu", "nonzero", "__float__", "__int__", "__bool__")
#: Operations whose result has a size that depends on values.
_SIZED = ("aten.nonzero", "aten.masked_select", "aten._unique", "aten.unique")


class _Sized(TorchDispatchMode):
    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self.counts = counts

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(operation)
        chosen = args[1] if name.startswith(("aten.index.Tensor", "aten.index_put")) else ()
        by_flags = any(isinstance(c, Tensor) and c.dtype == torch.bool for c in chosen)
        if by_flags or name.startswith(_SIZED):
            self.counts[name] += 1
        return operation(*args, **(kwargs or {}))


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count readings of values and copies to the device in the block, on the route of an accelerator.

    Tensors that stay on the processor beside an accelerator are counted too, so this is an upper bound.
    """
    counts: Counter[str] = Counter()

    def counting(name: str) -> Any:
        real = getattr(Tensor, name)

        def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return real(self, *args, **kwargs)

        return method

    def to(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        by_us = sys._getframe(1).f_globals["__name__"].partition(".")[0] in ("benchmark", "baselines")
        counts["to a device"] += by_us and any(isinstance(given, torch.device) for given in (*args, *kwargs.values()))
        return move(self, *args, **kwargs)

    move = Tensor.to
    patches = [patch.object(Tensor, name, counting(name)) for name in READING]
    patches.append(patch.object(Tensor, "to", to))
    patches.append(patch.object(HostRagged, "on", HostRagged._on_device))
    of_processors = [(recurrent, "reads_padding"), (recurrent, "runs_as_packed")]
    of_processors += [(cross_modal, "runs_packed"), (groups, "runs_in_groups")]
    patches += [patch.object(place, name, lambda *_: False) for place, name in of_processors]
    for each in patches:
        each.start()
    try:
        with _Sized(counts):
            yield counts
    finally:
        for each in reversed(patches):
            each.stop()
