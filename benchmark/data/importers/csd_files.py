"""Computational sequences (`.csd`) of the CMU-MultimodalSDK, read by a separate process.

A `.csd` is an HDF5 file with one group at its root, the name of the sequence, that holds `metadata` and
`data/<entry>/{features (T, D), intervals (T, 2)}`; an entry is a video, or in aligned sequences a segment `video[3]`.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from protocols import InputError

#: Seconds without an answer after which a file counts as damaged.
PATIENCE = 120.0


@dataclass(frozen=True)
class Entry:
    """One entry of a sequence: T frames of width D, of numbers or text."""

    frames: int
    width: int
    kind: Literal["numbers", "text"]


@dataclass(frozen=True)
class CsdFile:
    """A computational sequence without its arrays: its path, the name at its root, its entries by key."""

    path: Path
    root: str
    entries: Mapping[str, Entry]


class CsdReader:
    """Reader of `.csd` files; close it, or use it as a context manager."""

    def __init__(self, patience: float | None = None) -> None:
        self._patience = patience or PATIENCE
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> CsdReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def open(self, path: Path) -> CsdFile:
        """Read the header of a file and check every entry; raises InputError if it is not a computational sequence."""
        answer = next(self._ask(path, {"path": str(path.resolve())}, 1))[0]
        entries = {key: Entry(*values) for key, values in answer["entries"].items()}
        if not entries:
            raise InputError(f"{path}: the sequence '{answer['root']}' has no entry; download it again")
        return CsdFile(path, answer["root"], entries)

    def read(
        self, file: CsdFile, what: Literal["features", "intervals"], keys: Sequence[str]
    ) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Yield arrays of the entries `keys`: features `(T, D)`, or intervals `(T, 2)` in seconds."""
        if not keys:
            return
        command = {"path": str(file.path.resolve()), "what": what, "keys": list(keys)}
        for key, (answer, raw) in zip(keys, self._ask(file.path, command, len(keys)), strict=True):
            yield key, np.frombuffer(raw, dtype=np.dtype(answer["dtype"])).reshape(answer["shape"])

    def _ask(self, path: Path, command: dict[str, Any], answers: int) -> Iterator[tuple[dict[str, Any], bytearray]]:
        process = self._process or self._start()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the reading process has no pipes")
        left, done = answers, False
        try:
            with contextlib.suppress(OSError):  # the process may have died, which reading its answer reveals
                stdin.write(json.dumps(command).encode() + b"\n")
                stdin.flush()
            while left:
                answer, raw = self._answer(path, process, stdout)
                if "error" in answer:
                    done = True
                    raise InputError(f"{path}: not a readable computational sequence ({answer['error']})")
                left -= 1
                done = not left
                yield answer, raw
        finally:
            if not done:  # unread answers must not be taken for those to the next command
                self.close()

    def _answer(self, path: Path, process: subprocess.Popen[bytes], stdout: Any) -> tuple[dict[str, Any], bytearray]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(self._patience, stop)
        watch.daemon = True
        watch.start()
        try:
            line = stdout.readline()
            answer: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
            raw = bytearray(answer.get("bytes", 0))
            filled = 0
            while filled < len(raw) and (count := stdout.readinto(memoryview(raw)[filled:])):
                filled += count
        finally:
            watch.cancel()
        if not answer or filled < len(raw):
            how = f"takes longer than {self._patience:.0f} s" if late.is_set() else "ends the process"
            raise InputError(
                f"{path}: is damaged: reading it as HDF5 {how}; download it again and compare its size with the source"
            )
        return answer, raw

    def _start(self) -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("csd_child.py")
        # isolated: neither the working folder nor the user's environment can change its imports
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self._process
