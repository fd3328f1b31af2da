"""Memory of tensors during a computation, on any device, exact and equal on every machine."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from types import TracebackType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of every tensor that an operation makes, until it is freed, and the peak.

    Memory used inside an operation, by the interpreter or by libraries is not counted.

    Attributes:
        peak: Peak bytes since the start, beyond those that existed before.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live = 0
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation and count its results; views and changes in place make nothing."""
        result = func(*args, **(kwargs or {}))
        if not _aliases(func):
            for tensor in (result,) if isinstance(result, torch.Tensor) else tree_leaves(result):
                if isinstance(tensor, torch.Tensor):
                    self._count(tensor.untyped_storage())
        return result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        self._known.clear()

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return

        def gone(_: weakref.ref[torch.UntypedStorage]) -> None:
            if self._known.pop(key, None) is not None:
                self._live -= size

        self._known[key] = weakref.ref(storage, gone)
        self._live += size
        self.peak = max(self.peak, self._live)


@cache
def _aliases(func: torch._ops.OpOverload) -> bool:
    """Return True if the result of an operation lies in the memory of its inputs."""
    return any(returned.alias_info is not None for returned in func._schema.returns)
