"""The real command line, killed at random times and run again to its end: the bits of an undisturbed study."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.crashes import contents, hidden
from tests.killing import ROOT
from tests.long.counts import count
from tests.npz import npz_content

pytestmark = pytest.mark.long

CHAINS, KILLS = 20, 5
MODELS = "audio-only,ef-lstm,self-mm,senti-ifusion"
STUDY = ("run", "--name", "s", "--dataset", "toy", "--models", MODELS, "--seeds", "2", "--epochs", "12", "--patience",
         "12", "--protocols", "inter-drop", "--optimism", "--checkpoint-seconds", "0", "--workers", "2",
         "--out", "runs")  # fmt: skip


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SENTIBENCH_HOME": str(folder / "home")}
    return subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli.main", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(folder: Path, *arguments: str) -> None:
    process = start(folder, *arguments)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said


def changed_since(root: Path, moment: float) -> bool:
    """Return True once a run was begun or filed."""
    found = [*root.glob("*/*/.*.resume/*"), *root.glob("*/*/*/run.json")]
    return any(path.stat().st_mtime >= moment for path in found if path.exists())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A folder with the data, and what the study leaves there when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("kills") / "start"
    folder.mkdir()
    np.savez(folder / "toy.npz", **npz_content(90))
    finish(folder, "data", "import", "toy", "toy.npz")
    undisturbed = Path(shutil.copytree(folder, folder.with_name("undisturbed")))
    finish(undisturbed, *STUDY)
    expected = contents(undisturbed)
    assert not hidden(expected)
    return folder, expected


@pytest.mark.parametrize("chain", range(CHAINS))
def test_a_study_killed_again_and_again_ends_with_equal_bits(
    chain: int, prepared: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(prepared[0], tmp_path / "study"))
    chance = random.Random(chain)
    for number in range(KILLS):
        process, begun = start(folder, *STUDY), time.time()
        if number > 1:  # most kills come after the first run is filed
            while process.poll() is None and not list((folder / "runs").glob("*/*/*/run.json")):
                time.sleep(0.02)
        if chance.random() < 0.9:  # otherwise while it starts
            while process.poll() is None and not changed_since(folder / "runs", begun):
                time.sleep(0.02)
        time.sleep(chance.uniform(0, 3))
        filed = len(list((folder / "runs").glob("*/*/*/run.json")))
        if process.poll() is not None:
            break
        if number % 2:  # its workers end by themselves
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        count(f"kills of the command line at random times, {'after' if filed else 'before'} the first filed run")
    finish(folder, *STUDY)
    found = contents(folder)
    assert found.keys() == prepared[1].keys(), sorted(found.keys() ^ prepared[1].keys())
    assert not [name for name in found if found[name] != prepared[1][name]]
    count("studies killed, run to the end and compared bit by bit")
