"""Execution of a task on a node of Ray, to which this module is sent as `benchmark.runs.executors.ray_node` is.

A task computes in scratch of its node: its data set, plugins and finished run are brought there, and the files that it
makes are taken back to the driver, which files them.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from benchmark.runs.executors.ray_node import (
    Store,
    claim,
    difference,
    import_torch,
    one_thread,
    visible,
    without_encoder,
)

#: Seconds between two events of a task.
_PAUSE = 0.1
#: Environment variable with the session for which this process has been compared with the driver.
_COMPARED = "SENTIBENCH_RAY_COMPARED"


class Plugin(TypedDict):
    """Plugin of a task: name of its file, identity, content of it and of its own modules by relative path."""

    file: str
    identity: str
    files: Mapping[str, bytes]


class Cargo(TypedDict):
    """Task with what it needs on a node.

    Attributes:
        session: Random name of the study on all nodes.
        expected: `facts` of the driver.
        task: The task, pickled.
        moves: True for the task of a run, which computes in scratch; others are executed as they are.
        number: Number of the task and attempt, for its events.
        root: Name of its folder of runs in scratch.
        stores, plugins: Data and code that it needs.
        encoder: Name and revision of its text encoder.
        inbox, token: Folder of the driver for finished runs, and the content of the file `token` in it.
        run: Folder of the finished run that cells are added to, and its files in Ray; None without one.
    """

    session: str
    expected: Mapping[str, str]
    task: bytes
    moves: bool
    number: int
    root: str
    stores: Sequence[Store]
    plugins: Sequence[Plugin]
    encoder: tuple[str, str | None] | None
    inbox: str | None
    token: str
    run: tuple[str, Any] | None


class Mailbox:
    """Actor beside the driver that keeps events until it asks for them."""

    def __init__(self) -> None:
        self._letters: list[tuple[int, Any]] = []

    def put(self, number: int, letter: Any) -> None:
        """Keep an event of a task."""
        self._letters.append((number, letter))

    def take(self) -> list[tuple[int, Any]]:
        """Return the events since the last call."""
        letters, self._letters = self._letters, []
        return letters


def work(cargo: Cargo, mailbox: Any) -> tuple[str, Any, Any]:
    """Execute a task.

    Returns:
        (`refused`, reason, None) or (`done`, pickled parcel or loss, files): files are the path of a folder of the
        driver, or name -> bytes; None without any.
    """
    one_thread()
    base = claim(cargo["session"])
    if os.environ.get(_COMPARED) != cargo["session"]:
        if said := difference(cargo["expected"]):
            return "refused", said, None
        os.environ[_COMPARED] = cargo["session"]
    import_torch()
    from benchmark.runs.failures import Loss

    if cargo["encoder"] and (said := without_encoder(*cargo["encoder"])):
        return "refused", said, None
    said, said_at = "", 0.0

    def report(event: Any) -> None:
        nonlocal said, said_at
        if event.phase != said or time.monotonic() >= said_at + _PAUSE:
            said, said_at = event.phase, time.monotonic()
            mailbox.put.remote(cargo["number"], event)

    def begin() -> None:
        mailbox.put.remote(cargo["number"], None)

    files: Any = None
    try:
        if not cargo["moves"]:
            task = pickle.loads(cargo["task"])
            begin()
            parcel = pickle.dumps(task.execute(report))
        else:
            parcel, files = _moved(cargo, base, begin, report)
    except BaseException as error:  # noqa: BLE001 - SystemExit included: it is the outcome of the task
        parcel = pickle.dumps(Loss.of(error))
    return "done", parcel, files


def _moved(cargo: Cargo, base: Path, begin: Callable[[], None], report: Callable[[Any], None]) -> tuple[bytes, Any]:
    """Execute the task of a run in scratch."""
    import ray

    from benchmark.runs.failures import Loss
    from benchmark.runs.store import RunStore

    if cargo["stores"]:
        _bring_stores(base, cargo["stores"])
    plugins = tuple(_bring_plugin(base, plugin) for plugin in cargo["plugins"])
    task = pickle.loads(cargo["task"])
    task = replace(task, root=base / "runs" / cargo["root"], plugins=plugins)
    store = RunStore(task.root)
    made = store.folder(task.spec)
    inbox = Path(cargo["inbox"]) if cargo["inbox"] and _reads(Path(cargo["inbox"]) / "token", cargo["token"]) else None
    shutil.rmtree(made, ignore_errors=True)  # of an attempt that was killed
    if cargo["run"]:
        folder, content = cargo["run"]
        if inbox:
            shutil.copytree(folder, made)
        else:
            _write(made, ray.get(content))
    try:
        begin()
        try:
            parcel = pickle.dumps(task.execute(report))
        except BaseException as error:  # noqa: BLE001 - SystemExit included: it is the outcome of the task
            parcel = pickle.dumps(Loss.of(error))
        if not task.filed or store.done(task.spec) is None:
            return parcel, None
        if inbox:
            return parcel, str(shutil.move(made, inbox / str(cargo["number"])))
        return parcel, {f.relative_to(made).as_posix(): f.read_bytes() for f in made.rglob("*") if f.is_file()}
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _bring_stores(base: Path, stores: Sequence[Store]) -> None:
    """Put the data stores of a run into a data folder in scratch, once a node, and use this folder."""
    home = base / "data" / "-".join(store["sha256"][:16] for store in stores)
    for store in stores:
        _bring_store(home / "data" / Path(store["path"]).name, store)
    os.environ["SENTIBENCH_HOME"] = str(home)


def _bring_store(target: Path, store: Store) -> None:
    import ray

    from protocols import InputError

    with _first(target) as part:
        if part:
            seen = visible(store)
            if seen:
                part.symlink_to(seen.resolve())
            elif store["content"] is None:
                raise InputError(
                    f"node {socket.gethostname()} does not see {store['path']}, and joined after the data was sent; "
                    "the same command tries it again"
                )
            else:
                ray.get(store["content"]).tofile(part)


def _bring_plugin(base: Path, plugin: Plugin) -> str:
    """Write a plugin with its own modules into scratch, once a node; return its path."""
    folder = base / "plugins" / plugin["identity"]
    with _first(folder) as part:
        if part:
            _write(part, plugin["files"])
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return str(folder / plugin["file"])


@contextmanager
def _first(target: Path) -> Iterator[Path | None]:
    """Context in which only one process makes a file or folder: gives the path to make it at, or None if it exists."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            yield None
            return
        part = target.with_name(f".{target.name}.part")
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)
        yield part
        part.rename(target)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _reads(file: Path, content: str) -> bool:
    with suppress(OSError):
        return file.read_text(encoding="utf-8") == content
    return False
