"""Python commands, each in a process of its own, that share the import of foreign libraries.

One process beside that of the tests imports the libraries and forks for every command. No module of the suite is
imported before the fork, so that a command finds what it would find if it were alone.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("torch", "pandas", "scipy.stats", "h5py", "pydantic", "rich.console", "matplotlib.pyplot", "seaborn",
             "transformers", "safetensors.torch", "pyarrow.parquet")  # fmt: skip


class Ended(NamedTuple):
    """End of a command, and all it wrote."""

    code: int
    output: str


def run_all(
    commands: Sequence[Sequence[str]], folder: Path, environment: Mapping[str, str] | None = None
) -> list[Ended]:
    """Run commands one after the other, up to the first that fails.

    Args:
        commands: Arguments of `python`: `-m MODULE ...` or `-c CODE`.
        folder: Where they run.
        environment: Beside that of this process.
    """
    server, ended = _server(), []
    assert server.stdin is not None
    assert server.stdout is not None
    for words in commands:
        own = _environment() | (environment or {})
        wanted = {"words": list(words), "folder": str(folder), "environment": own}
        server.stdin.write(json.dumps(wanted) + "\n")
        server.stdin.flush()
        ended.append(Ended(*json.loads(server.stdout.readline())))
        if ended[-1].code:
            break
    return ended


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Start the process that forks; it ends with this one."""
    command = [sys.executable, __file__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment())


def _environment() -> dict[str, str]:
    """Return that of this process, in which Python finds the suite."""
    paths = os.pathsep.join(path for path in (str(ROOT), os.environ.get("PYTHONPATH", "")) if path)
    return {**os.environ, "PYTHONPATH": paths}


def _execute(words: Sequence[str]) -> None:
    """As `python WORDS` would."""
    kind, what, *rest = words
    sys.path[0] = ""  # in place of the folder of this file
    if kind == "-m":
        sys.argv = [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.argv = ["-c", *rest]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(what, main.__dict__)


def _fork(words: Sequence[str], folder: str, environment: Mapping[str, str]) -> Ended:
    written = Path(f"/proc/self/fd/{os.memfd_create('output')}")
    with written.open("w+b", buffering=0) as output, Path(os.devnull).open() as nothing:
        child = os.fork()
        if child == 0:
            os.dup2(nothing.fileno(), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            code = 1
            try:
                _execute(words)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:  # noqa: BLE001 - shown as the interpreter would, and the process ends below
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return Ended(os.waitstatus_to_exitcode(status), written.read_text(errors="replace"))


def _main() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # otherwise each collection of a child copies all that was imported
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
