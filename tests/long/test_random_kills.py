"""The command line, killed at random times and run again to its end: the bits of an undisturbed study."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.crashes import IMPORT, contents, hidden, with_toy
from tests.killing import ROOT, Commands
from tests.long.counts import count

pytestmark = pytest.mark.long

#: Chains of kills of one study; in the last, Python starts again for every command and worker.
CHAINS, FRESH, KILLS = 12, 1, 9
MODELS = "audio-only,ef-lstm,self-mm,senti-ifusion"
STUDY = ("run", "--name", "s", "--dataset", "toy", "--models", MODELS, "--seeds", "2", "--epochs", "6", "--patience",
         "6", "--protocols", "complete", "--optimism", "--checkpoint-seconds", "0", "--out", "runs")  # fmt: skip
WORKERS = ("--workers", "2")


class Fresh:
    """Commands that start Python."""

    def begin(self, arguments: Sequence[str], folder: Path, *, fork_workers: bool = False) -> int:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SENTIBENCH_HOME": str(folder / "home")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmark.cli.main", *arguments],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        return self._process.pid

    def end(self) -> tuple[int, str]:
        said, _ = self._process.communicate(timeout=600)
        return self._process.returncode, said


def changed_since(root: Path, moment: float) -> bool:
    """Return True once a run was begun or filed."""
    found = [*root.glob("*/*/.*.resume/*"), *filed(root)]
    return any(path.stat().st_mtime >= moment for path in found if path.exists())


def filed(root: Path) -> list[Path]:
    return list(root.glob("*/*/*/run.json"))


def running(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False


def wait(pid: int, condition: Callable[[], bool]) -> None:
    while running(pid) and not condition():
        time.sleep(0.01)


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    found = Commands({})
    yield found
    found.close()


@pytest.fixture(scope="module")
def prepared(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with the data, and what the study leaves there when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("kills") / "start"
    with_toy(folder)
    assert commands.run(IMPORT, folder).code == 0
    undisturbed = Path(shutil.copytree(folder, folder.with_name("undisturbed")))
    ended = commands.run((*STUDY, "--executor", "inline"), undisturbed)
    assert ended.code == 0, ended.output
    expected = contents(undisturbed)
    assert not hidden(expected)
    return folder, expected


@pytest.mark.parametrize("chain", range(CHAINS))
def test_a_study_killed_again_and_again_ends_with_equal_bits(
    chain: int, commands: Commands, prepared: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, expected = Path(shutil.copytree(prepared[0], tmp_path / "study")), prepared[1]
    chance, runs = random.Random(chain), folder / "runs"
    fresh = chain >= CHAINS - FRESH
    here: Commands | Fresh = Fresh() if fresh else commands
    for number in range(KILLS):
        begun = time.time()
        pid = here.begin((*STUDY, *WORKERS), folder, fork_workers=True)
        if number > 1:  # most kills come after the first run is filed
            wait(pid, lambda: bool(filed(runs)))
        if chance.random() < 0.9:  # otherwise while it starts
            wait(pid, lambda begun=begun: changed_since(runs, begun))  # type: ignore[misc]
        time.sleep(chance.uniform(0, 2 if fresh else 0.7))
        when = "after" if filed(runs) else "before"
        if running(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL) if number % 2 else os.killpg(pid, signal.SIGKILL)
        if here.end()[0] != -signal.SIGKILL:
            break
        count(f"kills of the command line at random times, {when} the first filed run")
        if fresh:
            count("of these, with Python started again for each command and worker")
    here.begin((*STUDY, *WORKERS), folder, fork_workers=True)
    code, said, *_ = here.end()
    assert code == 0, said
    found = contents(folder)
    assert found.keys() == expected.keys(), sorted(found.keys() ^ expected.keys())
    assert not [name for name in found if found[name] != expected[name]]
    count("studies killed, run to the end and compared bit by bit")
