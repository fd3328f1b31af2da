"""Folders in which killed trainings leave their state, and the identity that such a state is bound to."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from benchmark.runs.spec import RunSpec

if TYPE_CHECKING:
    import torch

#: File of the state in the folder of a training.
STATE = "state.pt"
#: Ending of the names of these folders.
SUFFIX = ".resume"
_LOCK = "lock"


@contextmanager
def training_folder(target: Path) -> Iterator[Path | None]:
    """Make, or find again, the folder beside a run in which its training keeps what a later process continues from.

    It stays if the process is killed or interrupted, and is removed when the block ends or raises an error.

    Args:
        target: Folder of the run.

    Returns:
        The folder; None while another process trains the same run, or on a disk without locks.
    """
    folder = target.with_name(f".{target.name}{SUFFIX}")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    with suppress(Timeout, OSError, NotImplementedError):  # the latter: a disk without locks
        lock.acquire(timeout=0)
    if not lock.is_locked:
        yield None
        return
    try:
        yield folder
    except KeyboardInterrupt:
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


def remove_training_folder(target: Path, *, finished: bool = True) -> bool:
    """Remove the folder that a killed training has left; returns False while a process trains the run.

    Args:
        target: Folder of the run.
        finished: False to keep a state from which the training may continue.
    """
    folder = target.with_name(f".{target.name}{SUFFIX}")
    if folder.is_dir() and (finished or not (folder / STATE).is_file()):
        with suppress(Timeout, OSError, NotImplementedError), FileLock(folder / _LOCK, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
    return not folder.is_dir()


def in_training(target: Path) -> bool:
    """Return True while a process trains a run and keeps its state; always False on a disk without locks."""
    folder = target.with_name(f".{target.name}{SUFFIX}")
    try:
        if folder.is_dir():
            FileLock(folder / _LOCK, timeout=0).acquire().lock.release()
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        pass
    return False


def training_identity(spec: RunSpec, device: torch.device, *, optimism: bool) -> str:
    """Return a hash of everything that the bits of a training depend on: run, code, libraries, processor, threads."""
    import torch  # here, so that a study is planned without it

    from baselines import model_class

    content = {
        "spec": spec.model_dump(mode="json"),
        "code": [_code(package) for package in ("protocols", "baselines", "benchmark")],
        "model": _code(model_class(spec.model).__module__.partition(".")[0]),
        "libraries": [torch.__version__, np.__version__],
        "processor": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "optimism": optimism,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@cache
def _code(package: str) -> str:
    """Hash of the source files of a package, or of a module that is one file."""
    module = sys.modules.get(package)
    places = list(getattr(module, "__path__", ())) or [getattr(module, "__file__", None) or ""]
    digest = hashlib.sha256()
    for place in filter(None, places):
        for path in sorted(Path(place).rglob("*.py")) or [Path(place)]:
            digest.update(path.read_bytes())
    return digest.hexdigest()
