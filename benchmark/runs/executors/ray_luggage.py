"""Files that tasks need on the nodes of a Ray cluster, packed by the driver, and the parcels that come back."""

from __future__ import annotations

import pickle
import secrets
import warnings
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from benchmark.data.catalog import find_store
from benchmark.data.reference import Reference
from benchmark.data.registered import is_registered
from benchmark.data.store import store_info
from benchmark.data.synthetic import is_synthetic
from benchmark.files import safe_name
from benchmark.runs.executors import ray_node
from benchmark.runs.executors.base import RunTask, Task
from benchmark.runs.executors.ray_cluster import Cluster
from benchmark.runs.executors.ray_work import Cargo, Plugin
from benchmark.runs.record import RunRecord
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import RunStore
from benchmark.words import ACROSS, trained_and_tested
from protocols import InputError
from protocols.own_modules import identity, own_modules


class Luggage:
    """Data, code and earlier results of tasks: each is sent to the cluster once.

    Args:
        cluster: The cluster; it must outlive the luggage.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._expected = cluster, ray_node.facts()
        self._checked = False
        self._needs: dict[tuple[str, str], list[tuple[str, str]]] = {}  # of name and sha256 of a data set
        self._stores: dict[tuple[str, str], ray_node.Store] = {}  # by path and sha256
        self._encoders: set[tuple[str, str | None]] = set()
        self._plugins: dict[str, Plugin] = {}
        self._inboxes: dict[Path, tuple[Path, str]] = {}
        self._open = ExitStack()

    def check(self, tasks: Iterable[Task[Any]], processes: int = 1) -> None:
        """Compare every node with this machine and with the needs of the tasks; data goes where a node does not see it.

        Args:
            tasks: Tasks that will be packed.
            processes: Processes of a node that import what a run needs when a node is first looked at.

        Raises:
            InputError: for a node with other code, torch, installed plugins or encoder.
        """
        runs = [task for task in tasks if isinstance(task, RunTask)]
        encoders = {e for task in runs if (e := _encoder(task.spec))} - self._encoders
        data = {(task.spec.dataset, task.spec.data_sha256) for task in runs} - set(self._needs)
        self._needs |= {key: _stores(*key) for key in data}
        packed = {
            (path, sha256): ray_node.Store(path=path, sha256=sha256, content=None)
            for files in self._needs.values()
            for path, sha256 in files
            if (path, sha256) not in self._stores
        }
        if self._checked and not encoders and not packed:
            return
        needs = sorted(encoders, key=str), list(packed.values())
        processes = 1 if self._checked else processes
        answers = self._cluster.ask(ray_node.inspect, self._expected, *needs, processes=processes)
        if not answers:
            raise InputError("no node of the cluster answers; look at it with `ray status`")
        if refused := next(filter(None, (answer["refused"] for answer in answers)), ""):
            raise InputError(refused)
        if not self._checked:
            _warn_of_capabilities(answers)
        for store in packed.values():
            if any(store["path"] in answer["unseen"] for answer in answers):
                store["content"] = self._cluster.ray.put(np.asarray(np.memmap(store["path"], mode="r")))
        self._stores |= packed
        self._encoders |= encoders
        self._checked = True

    def pack(self, task: Task[Any], number: int) -> Cargo:
        """Return a task with all that it needs on a node."""
        cargo = Cargo(
            session=self._cluster.session, expected=self._expected, task=b"", moves=isinstance(task, RunTask),
            number=number, root="", stores=(), plugins=(), encoder=None, inbox=None, token="", run=None,
        )  # fmt: skip
        if not isinstance(task, RunTask):
            cargo["task"] = pickle.dumps(task)
            return cargo
        cargo["root"] = safe_name(str(task.root))
        files = self._needs.get((task.spec.dataset, task.spec.data_sha256), [])
        cargo["stores"] = [self._stores[file] for file in files]
        cargo["plugins"] = [self._plugin(path) for path in task.plugins]
        cargo["encoder"] = _encoder(task.spec)
        if task.filed:
            inbox, cargo["token"] = self._inbox(task)
            cargo["inbox"] = str(inbox)
            store = RunStore(task.root)
            if store.done(task.spec) is not None:
                folder = store.folder(task.spec)
                cargo["run"] = str(folder), self._cluster.ray.put(_content(folder))
        cargo["task"] = pickle.dumps(task)
        return cargo

    def file(self, task: RunTask[Any], number: int, files: str | Mapping[str, bytes]) -> RunRecord:
        """File a finished run: a folder that a node has moved here, or the content of one that does not see this disk.

        Raises:
            InputError, OSError: if it cannot be filed.
        """
        folder = self._inbox(task)[0] / str(number)
        if not isinstance(files, str):
            for name, content in files.items():
                if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
                    raise InputError(f"a node sent a file of the name {name}, outside the folder of its run")
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        return RunStore(task.root).adopt(task.spec, folder)

    def close(self) -> None:
        """Remove the folders of what came back."""
        self._open.close()

    def _inbox(self, task: RunTask[Any]) -> tuple[Path, str]:
        """Return the folder that nodes with the same disk move runs to, and the content of its file `token`."""
        if task.root not in self._inboxes:
            folder, token = self._open.enter_context(RunStore(task.root).scratch(task.spec)), secrets.token_hex(16)
            (folder / "token").write_text(token, encoding="utf-8")
            self._inboxes[task.root] = folder, token
        return self._inboxes[task.root]

    def _plugin(self, path: str) -> Plugin:
        if path not in self._plugins:
            file = Path(path)
            modules = own_modules(file, file.parent)
            files = {file.name: file.read_bytes()}
            for name, source in modules.items():
                parts = name.split(".") if source.stem == "__init__" else name.split(".")[:-1]
                files[str(PurePosixPath(*parts, source.name))] = source.read_bytes()
            self._plugins[path] = Plugin(file=file.name, identity=identity(file, modules), files=files)
        return self._plugins[path]


def _encoder(spec: RunSpec) -> tuple[str, str | None] | None:
    return (spec.encoder.name, spec.encoder_revision) if spec.encoder else None


def _stores(dataset: str, sha256: str) -> list[tuple[str, str]]:
    """Return path and sha256 of the data stores of a data set: two, one or none where one is tested on another."""
    if ACROSS in dataset:
        names = (Reference.parse(part).name for part in trained_and_tested(dataset))
        return [(path, store_info(Path(path)).fingerprint) for name in names for path, _ in _stores(name, "")]
    if is_synthetic(dataset) or is_registered(dataset):
        return []
    return [(str(find_store(dataset).resolve()), sha256)]


def _content(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def _warn_of_capabilities(answers: Iterable[Mapping[str, Any]]) -> None:
    hosts: dict[str, list[str]] = {}
    for answer in answers:
        hosts.setdefault(answer["capability"], []).append(answer["host"])
    if len(hosts) > 1:
        said = "; ".join(f"{name}: {', '.join(sorted(set(found)))}" for name, found in sorted(hosts.items()))
        text = f"nodes of different processor capabilities, whose results are equal to about 3e-6: {said}"
        warnings.warn_explicit(text, UserWarning, "sentibench", 0)  # in one line
