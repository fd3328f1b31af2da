"""Commands that are killed at the k-th change of the file system, in forks of one process that has imported all.

A change is what Python reports to audit hooks: a file opened for writing, renamed, linked or removed, a folder made or
removed. The command dies before the change; at an opened file after it, so that the empty file stands there.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
KILLED = 137
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")


class Ended(NamedTuple):
    """End of a command, its output, and its changes of the file system, in order."""

    code: int
    output: str
    changes: list[str]


class Commands:
    """A process that forks for every command.

    Args:
        environment: Beside that of this process.
        prefix: Command that starts the process, such as `unshare` with its options.
    """

    def __init__(self, environment: Mapping[str, str], prefix: Sequence[str] = ()) -> None:
        paths = os.pathsep.join(path for path in (str(ROOT), os.environ.get("PYTHONPATH", "")) if path)
        self._server = subprocess.Popen(
            [*prefix, sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
        )  # fmt: skip

    def run(self, arguments: Sequence[str], folder: Path, kill_at: int | None = None) -> Ended:
        """Run `sentibench ARGUMENTS` in a folder, with the data in its folder `home`; kill it at a change, from 1."""
        self.begin(arguments, folder, kill_at)
        return self.end()

    def begin(
        self, arguments: Sequence[str], folder: Path, kill_at: int | None = None, *, fork_workers: bool = False
    ) -> int:
        """Begin a command and return its process number, also that of its group; its workers may be forks, too."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        wanted = {"arguments": list(arguments), "folder": str(folder), "kill_at": kill_at, "workers": fork_workers}
        self._server.stdin.write(json.dumps(wanted) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def end(self) -> Ended:
        """Wait for the command that was begun."""
        assert self._server.stdout is not None
        return Ended(*json.loads(self._server.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._server.kill()
        self._server.communicate()


class _Watch:
    """Audit hook that writes down the changes below a folder and ends the process at one of them."""

    def __init__(self, folder: str, kill_at: int | None) -> None:
        self._folder, self._kill_at = folder, kill_at
        self.changes: list[str] = []
        self._within = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._within or (event not in _CHANGES and event != "open"):
            return
        self._within = True
        try:
            flags = arguments[2] if event == "open" else 0
            if event == "open" and not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            descriptor = arguments[1] if event in ("os.remove", "os.rmdir") else -1
            path = self._absolute(arguments[0], descriptor)
            if path is None or flags & getattr(os, "O_TMPFILE", 0) == getattr(os, "O_TMPFILE", -1):
                return
            self.changes.append(f"{event} {os.path.relpath(path, self._folder)}")
            if len(self.changes) == self._kill_at:
                if event == "open":
                    with contextlib.suppress(OSError):
                        os.close(os.open(path, flags & (os.O_CREAT | os.O_TRUNC) | os.O_WRONLY, 0o644))
                os._exit(KILLED)
        finally:
            self._within = False

    def _absolute(self, path: Any, descriptor: Any) -> str | None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return None
        base = Path(f"/proc/self/fd/{descriptor}").readlink() if isinstance(descriptor, int) and descriptor >= 0 else ""
        found = os.path.abspath(os.path.join(base, os.fsdecode(path)))  # noqa: PTH100, PTH118
        return found if found.startswith(self._folder + os.sep) else None


def _fork(arguments: list[str], folder: str, kill_at: int | None, workers: bool) -> tuple[Ended, list[str]]:
    output, report = (Path(f"/proc/self/fd/{os.memfd_create(name)}") for name in ("output", "report"))
    with output.open("w+b", buffering=0) as said, report.open("w+b", buffering=0) as reported:
        gc.freeze()  # otherwise each collection of a child copies all that was imported
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            os.chdir(folder)
            os.environ["SENTIBENCH_HOME"] = str(Path(folder) / "home")
            watch = _Watch(folder, kill_at)
            sys.addaudithook(watch)
            code = 0
            try:
                if arguments[:2] == ["data", "extract"]:  # clips are read in this process, whose changes are watched
                    executors = importlib.import_module("benchmark.runs.executors")
                    executors.LocalExecutor = executors.InlineExecutor
                if workers:
                    local = importlib.import_module("benchmark.runs.executors.local")
                    local._SPAWN = multiprocessing.get_context("fork")
                importlib.import_module("benchmark.cli.main").main(arguments)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:  # noqa: BLE001 - shown as the interpreter would, and the process ends below
                code = 1
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                reported.write(json.dumps([watch.changes, list(sys.modules)]).encode())
                os._exit(code)
        _say(child)
        _, status = os.waitpid(child, 0)
        changes, modules = json.loads(report.read_text() or "[[], []]")
        return Ended(os.waitstatus_to_exitcode(status), output.read_text(errors="replace"), changes), modules


def _say(content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def _main() -> None:
    for line in sys.stdin:
        ended, modules = _fork(**json.loads(line))
        _say(ended)
        for name in modules:  # the next commands find them imported
            if name not in sys.modules and not name.startswith("_"):
                with contextlib.suppress(Exception):
                    importlib.import_module(name)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    _main()
