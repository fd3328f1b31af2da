"""Everything that changes while a model is trained, in a file: a killed training continues from it, bit for bit."""

from __future__ import annotations

import io
import pickle
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any
from weakref import ReferenceType

import numpy as np
import torch
from torch import nn

from benchmark.files import replace_file
from benchmark.training import CHECKPOINT_SECONDS
from benchmark.training.averaging import WeightAverage
from benchmark.training.selection import CheckpointSelector
from benchmark.training.sweep import Sweep
from protocols import InputError

#: One record an epoch; see `TrainingOutcome`.
History = list[dict[str, float | str]]

#: Attributes of every module of torch; its parameters, buffers and submodules are among them.
_TORCH = frozenset(vars(nn.Module()))


class Checkpoint:
    """File with the state of one training after one of its epochs.

    Args:
        path: The file, replaced whole; its folder exists.
        identity: Everything that the bits of the training depend on; a file of another identity is not used.
        interval: Seconds between two states; 0 for one after every epoch.

    Attributes:
        spent: Function that returns the seconds spent on the training by this process, by purpose.
        earlier: Seconds spent on the training by earlier processes, by purpose.
    """

    def __init__(
        self,
        path: Path,
        identity: str,
        interval: float = CHECKPOINT_SECONDS,
    ) -> None:
        self._path, self._identity, self._interval = path, identity, interval
        self.spent: Callable[[], dict[str, float]] = dict
        self._next = time.monotonic() + interval
        self.earlier: dict[str, float] = {}

    def read(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """Return the state on file, its tensors on the device; None without a readable one of this identity."""
        try:
            content = torch.load(self._path, map_location=device, weights_only=True)
        except Exception:  # noqa: BLE001 - whatever a damaged file causes: the training starts at its first epoch
            return None
        if not isinstance(content, dict) or content.get("identity") != self._identity:
            return None
        self.earlier = content["spent"]
        return content

    def seconds(self) -> dict[str, float]:
        """Return the seconds spent on the training by all processes, by purpose."""
        return {purpose: s + self.earlier.get(purpose, 0.0) for purpose, s in self.spent().items()}

    @property
    def due(self) -> bool:
        """True if the interval has passed since the last state, or since the start."""
        return time.monotonic() >= self._next

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the file. A disk without room costs the state, not the training."""
        started = time.monotonic()
        try:
            content = {"identity": self._identity, "spent": self.seconds(), **state}
            replace_file(self._path, lambda beside: torch.save(content, beside))
        except (InputError, RuntimeError):  # torch raises the latter for a full disk
            self._path.unlink(missing_ok=True)
        ended = time.monotonic()
        # a large state on a slow disk takes a tenth of the time at most
        self._next = ended + (max(self._interval, 9 * (ended - started)) if self._interval else 0.0)


class TrainingState:
    """Everything that changes while a model is trained; made before the first stage.

    Attributes:
        stage: Number of the stage in which the training begins or continues.
    """

    def __init__(
        self,
        model: nn.Module,
        modules: nn.Module,
        selector: CheckpointSelector,
        average: WeightAverage,
        device: torch.device,
    ) -> None:
        self._modules, self._selector, self._average, self._device = modules, selector, average, device
        self._own = OwnState(model)
        self._history: History = []
        self._saved: dict[str, Any] | None = None
        self.stage = 0

    def resume(self, checkpoint: Checkpoint | None) -> History:
        """Put back the state on file, if there is one; return the history up to it, to which epochs are added."""
        self._saved = saved = checkpoint.read(self._device) if checkpoint is not None else None
        if saved is not None:
            self._modules.load_state_dict(saved["modules"])
            self._own.put_back(saved["own"])
            self._selector.load_state_dict(saved["selector"])
            self._average.load_state_dict(saved["average"])
            self._history, self.stage = saved["history"], saved["stage"]
        return self._history

    def enter(self, stage: int, sweeps: Sequence[Sweep]) -> int:
        """Begin a stage, or continue it as on file; return how many of its epochs are done."""
        saved, self._saved = self._saved, None
        if saved is None:
            self._selector.start_stage()
            return 0
        for sweep, state in zip(sweeps, saved["sweeps"], strict=True):
            sweep.load_state_dict(state)
        set_generators(saved["generators"], self._device)
        return int(saved["epoch"])

    def save(self, checkpoint: Checkpoint, stage: int, epoch: int, sweeps: Sequence[Sweep]) -> None:
        """Write the state after `epoch` epochs of a stage, unless the model has changed in a way that cannot be."""
        if self._own.complete:
            checkpoint.write(
                {
                    "modules": self._modules.state_dict(),
                    "own": self._own.values(),
                    "selector": self._selector.state_dict(),
                    "average": self._average.state_dict(),
                    "sweeps": [sweep.state_dict() for sweep in sweeps],
                    "generators": generators(self._device),
                    "history": self._history,
                    "stage": stage,
                    "epoch": epoch,
                }
            )


class OwnState:
    """Attributes of a model beside its tensors: plain values are kept, and others must stay as they are.

    Plain are numbers, texts, None, tensors, and lists, tuples and dictionaries of these.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._others = self._fingerprint()

    @property
    def complete(self) -> bool:
        """True if `values` is all that has changed since this object was made."""
        return self._others is not None and self._fingerprint() == self._others

    def values(self) -> dict[str, dict[str, Any]]:
        """Return the plain attributes by part of the model."""
        return {part: {k: v for k, v in own.items() if _plain(v)} for part, own in self._attributes()}

    def put_back(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Set the attributes that differ; the model's tensors must have been put back before, as some may be views."""
        for part, attributes in values.items():
            module = self._model.get_submodule(part)
            for name, value in attributes.items():
                if not _equal(getattr(module, name, None), value):
                    setattr(module, name, value)

    def _attributes(self) -> list[tuple[str, dict[str, Any]]]:
        return [
            (part, {k: v for k, v in vars(module).items() if k not in _TORCH})
            for part, module in self._model.named_modules()
        ]

    def _fingerprint(self) -> bytes | None:
        """Bytes of the attributes that are not plain; None where one of them cannot be read so."""
        others = [{k: v for k, v in own.items() if not _plain(v)} for _, own in self._attributes()]
        buffer = io.BytesIO()
        try:
            _ByReference(buffer).dump(others)
        except Exception:  # noqa: BLE001 - foreign objects: an open file, a lock
            return None
        return buffer.getvalue()


class _ByReference(pickle.Pickler):
    """Names modules, parameters, functions, classes and weak references by their place in memory."""

    def persistent_id(self, obj: Any) -> int | None:
        by_place = (nn.Module, nn.Parameter, FunctionType, BuiltinFunctionType, ModuleType, ReferenceType, type)
        return id(obj) if isinstance(obj, by_place) else None


def generators(device: torch.device) -> dict[str, Any]:
    """Return the states of the generators of torch, numpy and Python in plain values."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002 - a model may use it
    state = {
        "torch": torch.get_rng_state(),
        "numpy": (name, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, gauss),
        "python": random.getstate(),
    }
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def set_generators(state: Mapping[str, Any], device: torch.device) -> None:
    """Put back what `generators` returned."""
    torch.set_rng_state(state["torch"].cpu())
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))  # noqa: NPY002
    random.setstate(state["python"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)


def _plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_plain, value))
    if type(value) is dict:
        return all(_plain(k) and _plain(v) for k, v in value.items())
    return value is None or type(value) in (bool, int, float, str, torch.Tensor)


def _equal(mine: Any, saved: Any) -> bool:
    """Compare plain values; NaN equals itself."""
    if type(mine) is not type(saved):
        return False
    if isinstance(mine, torch.Tensor):
        return mine.dtype == saved.dtype and mine.shape == saved.shape and bool(torch.equal(mine, saved))
    if isinstance(mine, (list, tuple)):
        return len(mine) == len(saved) and all(map(_equal, mine, saved))
    if isinstance(mine, dict):
        return list(mine) == list(saved) and all(_equal(mine[k], saved[k]) for k in mine)
    return bool(mine == saved) or (mine != mine and saved != saved)
