"""Commands that use one folder of runs at the same time, as machines do: nothing is lost, doubled or left over."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.runs.record import faults
from tests.crashes import IMPORT, hidden, with_toy
from tests.killing import KILLED, ROOT, Commands, Ended
from tests.long.counts import count

pytestmark = pytest.mark.long

ROUNDS = 10
#: Prefix of a command that gives it process numbers of its own, as another machine has.
MACHINE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
COMMON = ("--dataset", "toy", "--executor", "inline", "--checkpoint-seconds", "0", "--out", "runs")


def study(
    name: str, models: str, seeds: int, epochs: int, *scenarios: str, more: Sequence[str] = ()
) -> tuple[str, ...]:
    texts = [part for text in scenarios for part in ("--scenario", text)]
    return ("run", "--name", name, "--models", models, "--seeds", str(seeds), "--epochs", str(epochs), *texts, *more,
            *COMMON)  # fmt: skip


#: A study that trains for some seconds, and short ones.
SLOW = study("a", "audio-only", 1, 40, "complete", more=("--optimism", "--patience", "40"))
SHORT = study("b", "constant", 2, 1, "complete")
FIRST = study("c", "constant,audio-only", 2, 2, "complete", "drop(rate=0.5)")
SECOND = study("d", "constant,audio-only,vision-only", 2, 2, "complete", "drop(rate=0.2)")


@pytest.fixture(scope="module")
def machines() -> Iterator[list[Commands]]:
    if shutil.which("unshare") is None or subprocess.run([*MACHINE, "true"], capture_output=True).returncode:
        pytest.skip("this system does not permit process namespaces (unshare --pid)")
    found = [Commands({}, MACHINE) for _ in range(3)]
    yield found
    for machine in found:
        machine.close()


@pytest.fixture
def folder(machines: list[Commands], tmp_path: Path) -> Path:
    """A folder with the data."""
    return with_data(machines[0], tmp_path / "study")


def with_data(machine: Commands, folder: Path) -> Path:
    with_toy(folder)
    assert machine.run(IMPORT, folder).code == 0
    return folder


def at_once(*runs: tuple[Commands, Sequence[str], Path]) -> list[Ended]:
    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(lambda run: run[0].run(run[1], run[2]), runs))


def results(folder: Path) -> dict[str, Any]:
    """Predictions of each run in one order, and its weights; nothing may be damaged or left over."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    assert not [name for name in hidden(names) if Path(name).name != ".lock"]
    found: dict[str, Any] = {}
    for record in sorted(folder.glob("runs/*/*/*/run.json")):
        assert not faults(record.parent)
        table = pd.read_parquet(record.parent / "predictions.parquet").astype({"scenario": str, "sample_id": str})
        table = table.sort_values(["scenario", "sample_id"])
        weights = record.parent / "model.safetensors"
        found[record.parent.name] = table["prediction"].tolist(), weights.read_bytes() if weights.exists() else b""
    return found


def test_machines_with_process_numbers_of_their_own_share_a_folder(machines: list[Commands], folder: Path) -> None:
    """One trains while another runs short studies, reports and sweeps; every second time the first is killed."""
    alone = with_data(machines[0], folder.with_name("alone"))
    for command in (SLOW, SHORT):
        assert machines[0].run(command, alone).code == 0
    expected, changes = results(alone), machines[0].run(SLOW, shutil.copytree(folder, folder / "other")).changes
    shutil.rmtree(folder / "other")
    for number in range(ROUNDS):
        here = Path(shutil.copytree(folder, folder.with_name(f"round-{number}")))
        kill_at = len(changes) * (number + 1) // (ROUNDS + 2) if number % 2 else None
        with ThreadPoolExecutor(1) as pool:
            training = pool.submit(machines[0].run, SLOW, here, kill_at)
            while not training.done():
                assert machines[1].run(SHORT, here).code == 0
                assert machines[1].run(("runs", "remove", "--states", "--yes", "--out", "runs"), here).code == 0
        assert training.result().code == (KILLED if kill_at else 0), training.result().output
        assert machines[0].run(SLOW, here).code == 0
        assert results(here) == expected
        count(f"rounds of two machines on one folder{', one of them killed' if kill_at else ''}")


def test_studies_that_share_runs_lose_no_cell(machines: list[Commands], folder: Path) -> None:
    alone = Path(shutil.copytree(folder, folder.with_name("alone")))
    for command in (FIRST, SECOND):
        assert machines[0].run(command, alone).code == 0
    expected = results(alone)
    for number in range(ROUNDS):
        here = Path(shutil.copytree(folder, folder.with_name(f"round-{number}")))
        three = zip(machines, (FIRST, FIRST, SECOND), strict=True)
        ended = at_once(*((machine, command, here) for machine, command in three))
        assert [end.code for end in ended] == [0, 0, 0], ended
        assert results(here) == expected
        count("rounds of three studies that share runs on one folder, started at once")


def test_the_array_of_jobs_in_the_documentation_does_every_run_once(machines: list[Commands], folder: Path) -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    ((script, parts),) = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH --array=1-(\d+)\n.*?)```", text, re.DOTALL)
    (folder / "study.yaml").write_text(
        "datasets: [toy]\nmodels: [constant, audio-only, vision-only]\nseeds: 4\nprotocols: [complete]\n"
        "optimisation: {epochs: 2}\n"
    )
    alone = Path(shutil.copytree(folder, folder.with_name("alone")))
    assert machines[0].run(("run", "study.yaml", "--executor", "inline", "--out", "runs"), alone).code == 0
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").write_text(
        f'export PYTHONPATH="{ROOT}"; sentibench() {{ "{sys.executable}" -m benchmark.cli.main "$@"; }}\n'
    )
    (folder / "job.sh").write_text(script)

    def job(number: int) -> subprocess.CompletedProcess[str]:
        environment = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_CPUS_PER_TASK": "1", "OMP_NUM_THREADS": "1",
                       "SENTIBENCH_HOME": str(folder / "home"), "PATH": "/usr/bin:/bin"}  # fmt: skip
        command = [*MACHINE, "bash", "job.sh"]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(job, range(1, int(parts) + 1)))
    assert [end.returncode for end in done] == [0] * int(parts), done
    shutil.rmtree(folder / ".venv")
    expected = results(alone)
    assert results(folder / "results") == expected
    assert sum(int(n) for end in done for n in re.findall(r"(\d+) to do", end.stdout)) == len(expected)
    count("jobs of the array in the documentation, each a machine of its own, that did each run once", int(parts))
