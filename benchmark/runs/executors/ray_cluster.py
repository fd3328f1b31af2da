"""Connection to a cluster of Ray, or a cluster of this machine for the time of a study."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import ModuleType
from typing import Any

from benchmark.runs.executors import ray_node, ray_work
from benchmark.runs.executors.local import usable_cores
from protocols import InputError

#: Seconds to wait for the address of a cluster, and for the answers of its nodes.
_PATIENCE, _ANSWERS = 10.0, 120.0


class Cluster:
    """Nodes that tasks are sent to.

    Args:
        address: Address `HOST:PORT` of a cluster, or `auto` for that of this machine; None for the environment variable
            RAY_ADDRESS, or else a new cluster of this machine alone, which listens to this machine only.

    Attributes:
        ray: The package.
        session: Random name of the study on all nodes.

    Raises:
        InputError: if Ray is not installed or the address cannot be reached.
    """

    def __init__(self, address: str | None) -> None:
        self.ray, self.session, self._folder = _package(), secrets.token_hex(8), ""
        self._open = ExitStack()
        self._joined = not self.ray.is_initialized()
        if self._joined:
            self._connect(address or os.environ.get("RAY_ADDRESS") or "local")
        for module in (ray_node, ray_work):
            self.ray.cloudpickle.register_pickle_by_value(module)
        here = self.ray.get_runtime_context().get_node_id()
        self.mailbox = self.ray.remote(num_cpus=0)(ray_work.Mailbox).options(**self._on(here)).remote()

    def _connect(self, address: str) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # its absence is warned of
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address == "local":
            self._folder = tempfile.mkdtemp(prefix="sentibench-ray.")
            self._open.enter_context(_own_token(self.ray))
            options |= {
                "num_cpus": usable_cores(),
                "include_dashboard": False,
                "_temp_dir": self._folder,
                "_node_ip_address": "127.0.0.1",
            }
        else:
            _check_address(address)
        with suppress(AttributeError):  # messages of its own, printed among tables and JSON
            self.ray._private.worker._worker_logs_enabled = False
        try:
            with _own_signals():
                self.ray.init(address=address, **options)
        except (ConnectionError, ValueError, RuntimeError, OSError, self.ray.exceptions.RayError) as error:
            self.close()
            reason = _first_line(error)
            if "AuthenticationError" in f"{error!r} {error.__cause__!r}":
                reason = (
                    "it asks for a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN unless ~/.ray/auth_token has it"
                )
            raise InputError(f"--address {address}: no cluster of Ray can be used there ({reason})") from error

    def ask(
        self, function: Callable[..., Any], *arguments: Any, processes: int = 1, patience: float = _ANSWERS
    ) -> list[Any]:
        """Call a function on every node; returns the answers of those that are alive and answer in time.

        Args:
            function: Function that can be pickled.
            arguments: Arguments of it.
            processes: Calls at a time on each node, each in a process of its own; at most one for each of its CPUs.
            patience: Seconds to wait.
        """
        remote = self.ray.remote(num_cpus=0, max_retries=0)(function)
        refs = [
            remote.options(**self._on(node["NodeID"])).remote(*arguments)
            for node in self._nodes()
            for _ in range(max(1, min(processes, int(node["Resources"].get("CPU", 0)))))
        ]
        ready, late = self.ray.wait(refs, num_returns=len(refs), timeout=patience)
        for ref in late:
            self.cancel(ref)
        answers = []
        for ref in ready:
            answer, lost = self.answer(ref)
            answers += [] if lost else [answer]
        return answers

    def wait(self, refs: list[Any], seconds: float) -> list[Any]:
        """Wait for the end of a task; return all that have ended."""
        if not self.ray.wait(refs, timeout=seconds)[0]:
            return []
        ready: list[Any] = self.ray.wait(refs, num_returns=len(refs), timeout=0)[0]
        return ready

    def letters(self) -> list[tuple[int, Any]]:
        """Return (number of a task, event) since the last call; the event is None when it begins."""
        letters: list[tuple[int, Any]] = self.ray.get(self.mailbox.take.remote())
        return letters

    def answer(self, ref: Any) -> tuple[Any, str]:
        """Return the result of a task and an empty text; or None and how its process or node was lost.

        Raises:
            InputError: for an error outside the task, such as a node that cannot unpickle it.
        """
        errors = self.ray.exceptions
        try:
            return self.ray.get(ref), ""
        except errors.RayTaskError as error:
            raise InputError(f"a node cannot execute tasks: {_first_line(error.cause)}") from error
        except errors.OutOfMemoryError:
            return None, "its process was ended by Ray, because its node ran out of memory"
        except errors.WorkerCrashedError:
            return None, "its process or its node died, most likely because it ran out of memory"
        except errors.RayError as error:
            return None, f"its node was lost ({type(error).__name__})"

    def cancel(self, ref: Any) -> None:
        """End a task at once."""
        with suppress(self.ray.exceptions.RayError, ValueError):
            self.ray.cancel(ref, force=True)

    def room(self, cpus: float, gpus: float) -> int:
        """Return the number of tasks of this size for which the cluster has room when it is idle.

        Raises:
            InputError: if no node has room for one.
        """
        nodes = [node["Resources"] for node in self._nodes()]
        asked = {name: share for name, share in (("CPU", cpus), ("GPU", gpus)) if share}
        room = sum(int(min(n.get(name, 0) / share for name, share in asked.items())) for n in nodes) if asked else 1000
        if not room:
            most = "; ".join(f"{n.get('CPU', 0):g} CPUs, {n.get('GPU', 0):g} GPUs" for n in nodes)
            raise InputError(
                f"no node of the cluster has {cpus:g} CPUs and {gpus:g} GPUs, which a run asks for (nodes: {most}); "
                "change --cpus-per-run and --gpus-per-run, or start a larger node"
            )
        return room

    def close(self) -> None:
        """Remove what the study left on the nodes and disconnect; a cluster that was begun for it ends."""
        if self.ray.is_initialized():
            with suppress(Exception):
                self.ask(ray_node.sweep, self.session, patience=_PATIENCE)
            if self._joined:
                with _own_signals():
                    self.ray.shutdown()
        self._open.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def _on(self, node: str) -> dict[str, Any]:
        strategies = self.ray.util.scheduling_strategies
        return {"scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node, soft=False)}


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _package() -> ModuleType:
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError:
        raise InputError("--executor ray: Ray is not installed; run: pip install 'sentibench[ray]'") from None
    package: ModuleType = ray
    return package


def _check_address(address: str) -> None:
    """Raise InputError if nothing listens at an address; Ray itself would wait for minutes."""
    if "://" in address:
        raise InputError(
            f"--address {address}: addresses of a client are not supported; run this on a node of the "
            "cluster with --address auto"
        )
    host, colon, port = address.rpartition(":")
    if address == "auto":
        return
    if not colon or not port.isdigit():
        raise InputError(f"--address {address}: expected HOST:PORT, such as 10.0.0.1:6379, or auto")
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--address {address}: cannot be reached ({error}); start the cluster with `ray start --head`, or correct "
            "the address"
        ) from None


@contextmanager
def _own_token(ray: ModuleType) -> Iterator[None]:
    """Context in which a new cluster asks for a token that ends with it: Ray would leave its own to later clusters."""
    before = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        _read_tokens_again(ray)
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        _read_tokens_again(ray)


def _read_tokens_again(ray: ModuleType) -> None:
    with suppress(AttributeError):  # older versions have no tokens
        ray._raylet.Config.initialize("")
        ray._raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Context after which SIGTERM does what it did before: Ray takes it over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
