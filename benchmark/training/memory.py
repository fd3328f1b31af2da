"""Memory of processes: the peak of a run within one that does several, and what a worker holds. Imports no torch."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def importing_torch(*, worker: bool = False) -> Iterator[None]:
    """Context in which torch is imported without garbage collection; in a worker process, modules stay exempt from it.

    Modules are never garbage, and examining them takes a quarter of the time of the import, and a tenth of a second a
    run. `worker` is True in a worker process that multiprocessing did not start.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if worker or multiprocessing.parent_process() is not None:
            gc.freeze()
        gc.enable()


def reset_peak_memory(device: torch.device) -> None:
    """Start counting again, if the system allows it (Linux, accelerators)."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # what earlier runs freed is not this run's
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory_mb(device: torch.device) -> float:
    """Peak MiB since the reset: of the accelerator's allocator, or resident memory of this process."""
    if device.type == "cuda":
        import torch

        return float(torch.cuda.max_memory_allocated(device)) / 2**20
    return peak_resident_mb()


def peak_resident_mb() -> float:
    """Peak MiB of resident memory of this process since the reset."""
    known = _status_mb("self", "VmHWM")
    if known is not None:
        return known
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def resident_mb(pid: int | None) -> float | None:
    """MiB of resident memory that a process holds; None where the system does not say."""
    return _status_mb(str(pid), "VmRSS")


def _status_mb(pid: str, field: str) -> float | None:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(f"{field}:"):
                return float(line.split()[1]) / 1024
    return None
