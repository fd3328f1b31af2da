"""Studies on two nodes of Ray, one of which sees no file of the driver; `ray_lab` runs them once for all tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed (extra `ray`)")
pytestmark = [pytest.mark.slow, pytest.mark.ray]
_NAMESPACES = ["unshare", "-n", "-m", "-u", "-p", "-f", "--mount-proc", "--kill-child"]


@pytest.fixture(scope="module")
def lab() -> dict[str, Any]:
    """Findings of the lab, made in namespaces of network, files and processes that end with the script."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("two nodes need the commands `unshare` and `ip`")
    if subprocess.run([*_NAMESPACES, "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("two nodes need namespaces of their own, which this user may not make")
    root = Path(__file__).resolve().parents[3]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["PYTHONPATH"] = str(root)
    script = [*_NAMESPACES, sys.executable, "-m", "tests.benchmark.runs.ray_lab"]
    # other tests use the usual place at the same time; sockets of Ray have no room for a long path
    with tempfile.TemporaryDirectory(prefix="l", ignore_cleanup_errors=True) as folder:
        environment["TMPDIR"] = folder
        done = subprocess.run(script, cwd=root, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def bits(content: dict[str, Any]) -> dict[str, str]:
    return {name: run["bits"] for name, run in content["runs"].items()}


def test_a_cluster_of_one_machine_listens_to_itself_and_ends_with_the_study(lab: dict[str, Any]) -> None:
    found = lab["alone"]
    assert found["outcomes"]["0"] == ["accepted", "done"]
    assert found["outcomes"]["1"] == ["lost", "SystemExit: enough"]
    assert "out of memory" in found["outcomes"]["2"][1]
    assert found["listens"] == ["127.0.0.1"]
    assert (found["left"], found["folders"], found["environment"]) == ([], [], [])


def test_two_nodes_give_the_bits_of_this_process_with_a_plugin_and_without_a_shared_disk(lab: dict[str, Any]) -> None:
    found = lab["ray"]
    assert found["failed"] == 0
    assert bits(found) == bits(lab["inline"])
    assert all(bits(found).values())
    assert {run["host"] for run in found["runs"].values()} == {"near", "far"}
    assert {"start", "train", "evaluate", "end"} <= set(found["phases"])
    assert found["left"] == []


def test_a_run_on_two_data_sets_finds_both_on_every_node(lab: dict[str, Any]) -> None:
    found = lab["across ray"]
    assert found["failed"] == 0
    assert bits(found) == bits(lab["across inline"]) != bits(lab["inline"])
    assert all(bits(found).values())
    assert {run["host"] for run in found["runs"].values()} == {"near", "far"}


def test_cells_are_added_without_training_on_a_node_that_never_saw_the_run(lab: dict[str, Any]) -> None:
    found = lab["more ray"]
    assert found["failed"] == 0
    assert bits(found) == bits(lab["more inline"]) != bits(lab["ray"])
    assert "train" not in found["phases"]


def test_a_search_on_nodes_finds_what_it_finds_here(lab: dict[str, Any]) -> None:
    there, here = lab["tune"]
    assert there == here
    assert [state for state, *_ in there] == ["done"] * 3


def test_sigterm_ends_the_runs_and_leaves_the_cluster(lab: dict[str, Any]) -> None:
    found = lab["terminated"]
    assert (found["code"], found["err"].splitlines()[-1]) == (
        143,
        "sentibench: interrupted; run the same command again to continue",
    )
    assert "Traceback" not in found["err"]
    assert found["nodes"] == 2
    assert found["scratch"] == []


def test_only_lost_processes_are_tried_again(lab: dict[str, Any]) -> None:
    runs = {**lab["faults"]["runs"], **lab["hangs"]["runs"]}
    assert {name: (run["status"], run["attempts"]) for name, run in runs.items()} == {
        "fails 0": ("failed", 1),
        "dies 0": ("failed", 2),
        "hangs 0": ("failed", 1),
        "constant 0": ("done", 1),
    }
    assert runs["fails 0"]["error"] == "ValueError: a fault of the model"
    assert "died" in runs["dies 0"]["error"]
    assert "in attempt 2" in runs["dies 0"]["error"]
    assert "longer than 4 s" in runs["hangs 0"]["error"]


def test_a_node_killed_in_mid_training_costs_its_runs_in_flight_only(lab: dict[str, Any]) -> None:
    found = lab["killed"]
    assert found["failed"] == 0
    assert bits(found) == bits(lab["killed inline"])
    attempts = sorted(run["attempts"] for run in found["runs"].values())
    assert attempts[0] == 1
    assert attempts[-1] == 2
    assert found["left"] == []
