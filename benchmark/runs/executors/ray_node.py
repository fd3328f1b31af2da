"""A node of Ray as the driver sees it: its code, its text encoders, the data that it sees, scratch of studies.

Ray sends this module as the driver has it, since a node may have other code of the suite, or none. Nothing of the suite
is imported before `difference` has compared the two.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import socket
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

_PACKAGES = ("protocols", "baselines", "senti_ifusion", "benchmark", "sentibench")
_ENTRY_POINTS = ("sentibench.models", "sentibench.protocols", "sentibench.datasets")
_SCRATCH = "sentibench-ray"
#: Environment variable with the scratch that this process keeps.
_CLAIMED = "SENTIBENCH_RAY_CLAIMED"


class Store(TypedDict):
    """Data store of a task: path in the driver, sha256 of its samples, its bytes in Ray if any node needs them."""

    path: str
    sha256: str
    content: Any


def facts() -> dict[str, str]:
    """Return what decides the bits of a result on this machine, and its name, without importing torch."""
    digest = hashlib.sha256()
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        root = Path(spec.origin).parent if spec and spec.origin else None
        for file in sorted(root.rglob("*.py")) if root else []:
            digest.update(f"{name}/{file.relative_to(root or file).as_posix()}\n".encode() + file.read_bytes())
    torch_version = "none"
    with suppress(importlib.metadata.PackageNotFoundError):
        torch_version = importlib.metadata.version("torch")
    plugins = {
        f"{entry.value} {entry.dist.version if entry.dist else ''}".strip()
        for group in _ENTRY_POINTS
        for entry in importlib.metadata.entry_points(group=group)
    }
    return {
        "code of sentibench": digest.hexdigest()[:12],
        "torch": torch_version,
        "installed plugins": ", ".join(sorted(plugins)) or "none",
        "host": socket.gethostname(),
    }


def difference(expected: Mapping[str, str]) -> str:
    """Say how this node differs from the driver in a way that may change results; empty if it does not."""
    found = facts()
    for name in ("code of sentibench", "torch", "installed plugins"):
        if found[name] != expected[name]:
            return (
                f"node {found['host']} has other {name} ({found[name]}; the driver: {expected[name]}); install the "
                "same there, or take the node out of the cluster"
            )
    return ""


def inspect(
    expected: Mapping[str, str], encoders: Sequence[tuple[str, str | None]], stores: Sequence[Store]
) -> dict[str, Any]:
    """Compare a node with the driver before anything is executed there, and import what runs need, if it agrees.

    Returns:
        `refused` (reason, or empty), `capability`, `host`, and `unseen`, the stores that must be sent there.
    """
    one_thread()
    said, capability = difference(expected), ""
    unseen: list[str] = []
    if not said:
        torch = import_torch()
        capability = torch.backends.cpu.get_cpu_capability()
        said = next(filter(None, (without_encoder(*encoder) for encoder in encoders)), "")
        unseen = [store["path"] for store in stores if visible(store) is None]
    return {"refused": said, "unseen": unseen, "capability": capability, "host": socket.gethostname()}


def claim(session: str) -> Path:
    """Return the scratch of a study on this node, kept while a process of it lives."""
    claimed = os.environ.get(_CLAIMED, "")
    if claimed.endswith(session):
        return Path(claimed)
    base = Path(tempfile.gettempdir()) / f"{_SCRATCH}-{os.getuid()}-{session}"
    kept = False
    while not kept:
        base.mkdir(mode=0o700, exist_ok=True)
        with suppress(OSError):  # another process removes it at this moment
            lock = os.open(base / ".lock", os.O_CREAT | os.O_RDWR)
            fcntl.flock(lock, fcntl.LOCK_SH)  # until the process ends
            kept = os.fstat(lock).st_ino == (base / ".lock").stat().st_ino
    os.environ[_CLAIMED] = tempfile.tempdir = str(base)  # all that is temporary goes with it
    return base


def sweep(session: str) -> None:
    """Remove the scratch of a study from this node, and that of studies of which no process is left."""
    claimed = os.environ.get(_CLAIMED)
    for base in Path(Path(claimed).parent if claimed else tempfile.gettempdir()).glob(f"{_SCRATCH}-{os.getuid()}-*"):
        with suppress(OSError), (base / ".lock").open("w") as lock:
            if not base.name.endswith(session):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(base, ignore_errors=True)


def one_thread() -> None:
    """Let numerical libraries that are imported later use one thread, as worker processes of one machine do."""
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")


def import_torch() -> Any:
    """Import torch, with one thread, and all that a run needs; return it."""
    from benchmark.training.memory import importing_torch

    with importing_torch(worker=True):
        import torch

        import benchmark.runs.execution  # noqa: F401 - what a run needs

    torch.set_num_threads(1)
    return torch


def without_encoder(name: str, revision: str | None) -> str:
    """Return why this node cannot provide the encoder of a run; empty if it can."""
    from benchmark.data.encoder_files import encoder_revision
    from protocols import InputError

    try:
        found = encoder_revision(name)
    except InputError as error:
        return f"node {socket.gethostname()}: {error}"
    if found == revision:
        return ""
    return (
        f"node {socket.gethostname()} has revision {found} of encoder '{name}', and the runs need {revision}; install "
        "that one there, or take the node out of the cluster"
    )


def visible(store: Store) -> Path | None:
    """Return the file of a store that this node sees: that of the driver, or an equal one of its own."""
    from benchmark.data.home import data_home
    from benchmark.data.store import store_info
    from protocols import InputError

    path = Path(store["path"])
    for candidate in (path, data_home() / path.name):
        with suppress(InputError, OSError):
            if store_info(candidate).fingerprint == store["sha256"]:
                return candidate
    return None
