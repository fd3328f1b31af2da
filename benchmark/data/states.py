"""Encoded text kept between uses: a frozen encoder encodes the same texts once, whichever model or process asks."""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from benchmark.data.encoding import TextEncoder
from benchmark.data.samples import IntArray


class StateCache:
    """States of sets of texts, filed by the encoder and the tokens: equal tokens are encoded once.

    Args:
        encoder: A frozen encoder.
        revision: What identifies its weights.
        folder: Where states are shared between processes; None keeps them in this process only.
        max_bytes: The oldest files go when the folder grows beyond this.
        in_memory: How many sets of states stay in memory.
    """

    def __init__(
        self, encoder: TextEncoder, revision: str, folder: Path | None, max_bytes: int = 4 << 30, in_memory: int = 3
    ) -> None:
        self.encoder = encoder
        self._revision = revision
        self._folder = folder
        self._max_bytes = max_bytes
        self.seconds = 0.0  # spent on getting states: shared work that is no model's training time
        self._memory: OrderedDict[str, Tensor] = OrderedDict()
        self._in_memory = in_memory

    def states(self, ids: IntArray, offsets: IntArray) -> Tensor:
        """`(P + 2n, D)` states of ragged content tokens, as `TextEncoder.encode` gives them."""
        digest = hashlib.sha256(f"{self._revision} {torch.get_num_threads()}\n".encode())
        digest.update(np.ascontiguousarray(offsets).tobytes())
        digest.update(np.ascontiguousarray(ids).tobytes())
        key = digest.hexdigest()[:32]
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key]
        started = time.perf_counter()
        states = self._shared(key, ids, offsets) if self._folder else self.encoder.encode(ids, offsets)
        self.seconds += time.perf_counter() - started
        self._memory[key] = states
        while len(self._memory) > self._in_memory:
            self._memory.popitem(last=False)
        return states

    def _shared(self, key: str, ids: IntArray, offsets: IntArray) -> Tensor:
        folder = self._folder
        if folder is None:
            return self.encoder.encode(ids, offsets)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{key}.npy"
        # Two runs of one seed ask for the same draw at the same moment: the second waits rather than encode it again.
        with FileLock(folder / f"{key}.lock"):
            if path.is_file():
                try:
                    return torch.from_numpy(np.load(path, allow_pickle=False))
                except (OSError, ValueError, EOFError):
                    path.unlink(missing_ok=True)
            states = self.encoder.encode(ids, offsets)
            partial = folder / f".{key}.{os.getpid()}"
            with partial.open("wb") as file:
                np.save(file, states.numpy())
            partial.replace(path)
        self._trim(folder)
        return states

    def _trim(self, folder: Path) -> None:
        files = sorted(((f.stat().st_mtime, f.stat().st_size, f) for f in _existing(folder)), key=lambda item: item[0])
        total = sum(size for _, size, _ in files)
        for _, size, file in files:
            if total <= self._max_bytes:
                return
            file.unlink(missing_ok=True)
            file.with_suffix(".lock").unlink(missing_ok=True)
            total -= size


def _existing(folder: Path) -> list[Path]:
    return [f for f in folder.glob("*.npy") if f.exists()]
