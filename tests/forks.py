"""Python commands, each in a process of its own, that share the import of foreign libraries.

A fresh process imports the libraries and forks for every command. No module of the suite is imported before the fork,
so that a command finds what it would find if it were alone.
"""

from __future__ import annotations

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
    paths = os.pathsep.join(path for path in (str(ROOT), os.environ.get("PYTHONPATH", "")) if path)
    found = subprocess.run(
        [sys.executable, __file__], input=json.dumps(commands), cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return [Ended(*json.loads(line)) for line in found.stdout.splitlines()]


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


def _fork(words: Sequence[str]) -> Ended:
    written = Path(f"/proc/self/fd/{os.memfd_create('output')}")
    with written.open("w+b", buffering=0) as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
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
    for words in json.load(sys.stdin):
        ended = _fork(words)
        sys.stdout.write(json.dumps(ended) + "\n")
        sys.stdout.flush()
        if ended.code:
            break


if __name__ == "__main__":
    _main()
