"""Runs one case and says how it ended; anything that may not happen is an `Escape`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.catalog import import_data
from benchmark.data.importers import ImportOptions, csd, csd_files
from benchmark.data.store import read_store, verify_store
from benchmark.study.study import load_study
from protocols import MODALITIES, InputError, Layout, parse
from tests.fuzz.cases import Case, valid_case

#: Bytes of memory that a case may add to the peak.
MEMORY = 1 << 30
_LONGEST_MESSAGE = 2000
_FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "subprocess.Popen",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request",
)  # fmt: skip
#: Kinds that are imported into a store.
_IMPORTED = ("pickle", "npz", "csd", "csv", "split", "lists", "vectors", "folder")
#: Kinds whose files are a folder.
_FOLDERS = ("csd", "folder")


class Escape(Exception):
    """Forbidden effect of a case."""


class KeptReader(csd_files.CsdReader):
    """Keeps its process for the next file as long as that is well: starting one takes longer than a case."""

    _idle: subprocess.Popen[bytes] | None = None

    def _start(self) -> subprocess.Popen[bytes]:
        idle, KeptReader._idle = KeptReader._idle, None
        if idle is not None and idle.poll() is None:
            self._process = idle
            return idle
        return super()._start()

    def __exit__(self, *_: object) -> None:
        KeptReader._idle, self._process = self._process, None


class Judge:
    """Runs cases in a folder of its own, which must hold nothing but what a case may leave.

    Args:
        folder: Empty; becomes the working folder, and holds the data folder and the folder for temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.canary = folder / "canary"
        self._source, self._home = folder / "source", folder / "home"
        self._tmp, self._work = folder / "tmp", folder / "work"
        for part in (self._tmp, self._work):
            part.mkdir()
        os.environ["SENTIBENCH_HOME"] = str(self._home)
        tempfile.tempdir = str(self._tmp)
        os.chdir(self._work)
        self._deeds: list[str] = []
        self._watching = False
        setattr(csd, "CsdReader", KeptReader)  # noqa: B010 - as a test would patch it
        csd_files.PATIENCE = 5.0
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        ours = event == "subprocess.Popen" and "csd_child.py" in str(arguments[1])
        if event in _FORBIDDEN and not ours:
            self._deeds.append(f"{event} {arguments!r:.120}")
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            path = arguments[0]
            if isinstance(path, str | bytes) and not os.fsdecode(path).startswith((str(self.folder), os.devnull)):
                self._deeds.append(f"wrote {path!r:.120}")

    def run(self, case: Case) -> str:
        """`imported`, `refused` or `changed` (a store that verify tells apart).

        Raises:
            Escape: for anything else.
        """
        for part in (self._source, self._home):
            shutil.rmtree(part, ignore_errors=True)
        self._source.mkdir()
        for name, content in case.files.items():
            (self._source / name).write_bytes(content)
        before, self._deeds = _peak(), []
        with self._watch():
            outcome = self._outcome(case)
        self._look_around(case, outcome)
        if _peak() - before > MEMORY:
            raise Escape(f"took {(_peak() - before) >> 20} MiB of memory")
        return outcome

    @contextlib.contextmanager
    def _watch(self) -> Iterator[None]:
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def _outcome(self, case: Case) -> str:
        try:
            return self._read(case)
        except InputError as error:
            message = str(error)
            if not message.strip() or len(message.splitlines()) != 1:
                raise Escape(f"a message that is not one line: {message!r:.300}") from error
            if len(message) > _LONGEST_MESSAGE:
                raise Escape(f"a message of {len(message)} characters: {message[:200]!r}") from error
            named = (*case.files, "source", "fuzz", "toy")  # the files, their folder, and what data sets are called
            if case.kind != "scenario" and not any(name in message for name in named):
                raise Escape(f"a message that names no file: {message!r:.300}") from error
            return "refused"
        except Escape:
            raise
        except BaseException as error:
            place = _place(error)
            raise Escape(f"{type(error).__name__}: {' '.join(str(error).split())[:160]} ({place})") from error

    def _read(self, case: Case) -> str:
        path = self._source / next(iter(case.files), "none")
        if case.kind == "scenario":
            return _read_scenario(case.text)
        if case.kind == "study":
            load_study(path)
            return "imported"
        if case.kind == "store":
            return "imported" if verify_store(path).ok else "changed"
        options = ImportOptions()
        if case.kind == "split":
            for name, content in valid_case("csd").files.items():
                (self._source / name).write_bytes(content)
            path, options = self._source, ImportOptions(split=path)
        report = import_data("fuzz", self._source if case.kind in _FOLDERS else path, options=options)
        if not verify_store(report.info.path).ok:
            raise Escape("the store does not hold what was imported")
        read_store(report.info.path).validate()
        return "imported"

    def _look_around(self, case: Case, outcome: str) -> None:
        if self._deeds:
            raise Escape(f"did what it may not: {'; '.join(self._deeds[:3])}")
        if self.canary.exists():
            self.canary.unlink()
            raise Escape("ran code")
        for part in (self._tmp, self._work):
            if left := [p.name for p in part.iterdir()]:
                shutil.rmtree(part)
                part.mkdir()
                raise Escape(f"left {left[:3]} in {part.name}")
        spare = {p.name for p in self._source.iterdir()} - set(case.files)
        if spare and case.kind != "split":
            raise Escape(f"left {sorted(spare)[:3]} beside the source")
        stores = sorted(p.name for p in self._home.rglob("*") if p.is_file())
        expected = ["fuzz.h5"] if outcome == "imported" and case.kind in _IMPORTED else []
        if stores != expected:
            raise Escape(f"left {stores[:3]} in the data folder, expected {expected}")


def _read_scenario(text: str) -> str:
    scenario = parse(text)
    if parse(str(scenario)) != scenario:
        raise Escape(f"{str(scenario)!r:.100} does not read back as itself")
    offsets = np.array([0, 3, 4, 9])
    observed = np.ones(9, bool)
    layout = Layout("f" * 64, ("a", "b", "c"), dict.fromkeys(MODALITIES, offsets), dict.fromkeys(MODALITIES, observed))
    masks = scenario.masks(layout)
    if any(masks.observed[m].shape != (9,) for m in MODALITIES):
        raise Escape("masks of another length")
    return "imported"


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if "site-packages" not in file.parts and "fuzz" not in file.parts:
            place = f"{file.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _peak() -> int:
    """Bytes; of this process alone, where the system's own count starts at what its parent held."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def timed(judge: Judge, case: Case) -> tuple[str, float]:
    """Outcome and seconds of a case; an escape is told as `escape: ...`."""
    start = time.perf_counter()
    try:
        outcome = judge.run(case)
    except Escape as error:
        outcome = f"escape: {error}"
    return outcome, time.perf_counter() - start
