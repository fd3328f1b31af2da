"""Options of the executor on Ray, and its scratch on a node, without any cluster."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmark.cli.main import main
from benchmark.runs.executors import Executor, make_executor, ray_node, ray_work
from benchmark.runs.executors.ray_cluster import Cluster
from protocols import InputError


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("ray", {"device": "cuda:1"}, "--device cuda:1: Ray chooses the device of a run; write --device cuda"),
        ("ray", {"gpus_per_run": 0.25}, "--gpus-per-run 0.25: runs use no GPU with --device cpu"),
        ("local", {"retries": 2}, "--retries: not an option of --executor local; leave it out"),
        ("inline", {"address": "auto"}, "--address: not an option of --executor inline"),
    ],
)
def test_options_that_do_not_fit_are_refused(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        make_executor(name, **options)


def said(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> str:
    """The one line that a study of one run ends with."""
    study = ["run", "--dataset", "synthetic:size=tiny,max_length=16", "--models", "constant", "--protocols", "complete"]
    with pytest.raises(SystemExit) as ended:
        main([*study, "--seeds", "1", "--out", str(folder), "--executor", "ray", *options])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_a_missing_package_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert said(capsys, tmp_path) == (
        "sentibench: --executor ray: Ray is not installed; run: pip install 'sentibench[ray]'"
    )


def test_addresses_without_a_cluster_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (extra `ray`)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{free.getsockname()[1]}"
    assert f"--address {closed}: cannot be reached" in said(capsys, tmp_path, "--address", closed)
    assert "--address head: expected HOST:PORT" in said(capsys, tmp_path, "--address", "head")
    assert "addresses of a client are not supported" in said(capsys, tmp_path, "--address", "ray://head:10001")


def test_a_cluster_that_asks_for_a_token_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError("Failed to connect to Ray cluster at a:1") from RuntimeError(
            "Failed to connect to GCS. Last connection error: ray.exceptions.AuthenticationError: RPC error"
        )

    package = SimpleNamespace(
        is_initialized=lambda: False, init=refuse, exceptions=SimpleNamespace(RayError=RuntimeError)
    )
    monkeypatch.setattr("benchmark.runs.executors.ray_cluster._package", lambda: package)
    assert "(it asks for a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN" in said(
        capsys, tmp_path, "--address", "auto"
    )


@pytest.mark.parametrize("name", ["code of sentibench", "torch", "installed plugins"])
def test_a_node_that_differs_is_refused_by_name(name: str) -> None:
    here = ray_node.facts()
    assert ray_node.difference(here) == ""
    assert ray_node.difference({**here, "host": "elsewhere"}) == ""
    text = ray_node.difference({**here, name: "other"})
    assert text.startswith(f"node {here['host']} has other {name} ({here[name]}; the driver: other)")


def test_the_driver_is_described_without_importing_torch() -> None:
    code = "import sys; from benchmark.runs.executors.ray_executor import RayExecutor, ray_work\n"
    code += "from benchmark.runs.executors.ray_node import facts; print(facts()['torch'], 'torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert said.stdout.split() == [torch.__version__, "False"]


def test_an_encoder_of_another_revision_is_named(tiny_encoder: Path) -> None:
    from benchmark.data.encoder_files import encoder_revision

    revision = encoder_revision(str(tiny_encoder))
    assert ray_node.without_encoder(str(tiny_encoder), revision) == ""
    text = ray_node.without_encoder(str(tiny_encoder), "sha256:other")
    assert f"has revision {revision} of encoder '{tiny_encoder}', and the runs need sha256:other" in text
    assert "no such folder" in ray_node.without_encoder(str(tiny_encoder / "nowhere"), revision)


def test_scratch_lives_as_long_as_a_process_of_its_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv(ray_node._CLAIMED, raising=False)
    code = "from benchmark.runs.executors.ray_node import claim; claim('b'); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        ray_node.sweep("a")
        (kept,) = tmp_path.iterdir()
        assert kept.name == f"sentibench-ray-{os.getuid()}-b"
        other.stdin.write(b"\n")
    ray_node.sweep("a")  # its last process has ended
    assert not list(tmp_path.iterdir())


def interrupted(target: Path) -> None:
    with ray_work._first(target) as part:
        assert part is not None
        part.write_text("half")
        raise KeyboardInterrupt


def test_files_are_made_once_and_after_a_kill_again(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "file"
    with pytest.raises(KeyboardInterrupt):
        interrupted(target)
    with ray_work._first(target) as part:
        assert part is not None
        assert not part.exists()
        part.write_text("whole")
    with ray_work._first(target) as part:
        assert part is None
    assert target.read_text() == "whole"


def connected(nodes: list[dict[str, Any]], **package: Any) -> Cluster:
    """A cluster with these nodes, and these functions as its package."""
    cluster = Cluster.__new__(Cluster)
    cluster.ray = SimpleNamespace(nodes=lambda: nodes, **package)  # type: ignore[assignment]
    return cluster


def test_a_cluster_without_a_gpu_is_said_in_one_line() -> None:
    nodes = [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 1.0, "GPU": 1.0}}]
    cluster = connected(nodes)
    assert cluster.room(0.5, 0) == 4
    with pytest.raises(
        InputError, match=r"^no node of the cluster has 1 CPUs and 0.25 GPUs, which a run asks for \(nodes"
    ):
        cluster.room(1, 0.25)


def test_all_processes_of_a_node_import_what_runs_need_at_once() -> None:
    """Else the second began to import torch when the first was given its run, and 40 short runs took twice as long."""
    asked: list[str] = []
    answers = SimpleNamespace(remote=lambda: None, options=lambda at: SimpleNamespace(remote=lambda: asked.append(at)))
    nodes = [
        {"Alive": True, "NodeID": "large", "Resources": {"CPU": 4.0}},
        {"Alive": True, "NodeID": "small", "Resources": {"CPU": 1.0}},
        {"Alive": True, "NodeID": "without", "Resources": {}},
    ]
    cluster = connected(nodes, remote=lambda **_: lambda function: answers, wait=lambda refs, **_: ([], []))
    cluster._on = lambda node: {"at": node}  # type: ignore[method-assign]
    cluster.ask(ray_node.facts)
    assert asked == ["large", "small", "without"]
    asked.clear()
    cluster.ask(ray_node.facts, processes=3)
    assert asked == ["large"] * 3 + ["small", "without"]


RUN = ["run", "--dataset", "synthetic:size=tiny", "--models", "constant", "--dry-run"]
TUNE = ["tune", "lf-dnn", "--dataset", "synthetic:size=tiny", "--dry-run"]


@pytest.mark.parametrize("verb", [RUN, TUNE], ids=["run", "tune"])
@pytest.mark.parametrize("device", ["", "--device cuda"])
def test_options_reach_the_executor_and_a_share_of_a_gpu_is_computed_on(
    verb: list[str], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, object]] = []
    monkeypatch.setattr("benchmark.runs.executors.make_executor", lambda name, **options: given.append(options))
    options = f"--executor ray {device} --address a:1 --cpus-per-run 2 --gpus-per-run 0.25 --retries 3"
    with pytest.raises(SystemExit) as ended:
        main([*verb, *options.split()])
    assert ended.value.code == 0
    assert given == [
        {
            "workers": None, "timeout": None, "device": "cuda", "address": "a:1", "cpus_per_run": 2.0,
            "gpus_per_run": 0.25, "retries": 3,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("options", ["--device cuda", "--gpus-per-run 0.25"])
def test_a_task_computes_on_the_gpu_that_ray_chooses(
    options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[Any] = []

    class Never(Executor[Any, Any]):
        def outcomes(self, listener: object = None) -> Any:
            tasks.extend(task for _, task in self._queue)
            raise InputError("enough")

    monkeypatch.setattr("benchmark.runs.executors.make_executor", lambda name, **options: Never())
    study = ["run", "--dataset", "synthetic:size=tiny,max_length=16", "--models", "constant", "--protocols", "complete"]
    with pytest.raises(SystemExit):
        main([*study, "--seeds", "2", "--out", str(tmp_path), "--executor", "ray", *options.split()])
    assert {task.device for task in tasks} == {"cuda"}


def test_a_share_of_a_gpu_is_not_an_option_of_worker_processes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*RUN, "--gpus-per-run", "0.25"])
    assert "--gpus-per-run: not an option of --executor local; leave it out" in capsys.readouterr().err
