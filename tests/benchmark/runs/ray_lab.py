"""Two nodes of Ray in a namespace of their own, and what studies do on them; run by `test_ray_nodes.py`.

Node `far` has another host name, and sees neither the runs, nor the data, nor the plugins of the driver. The process
namespace ends with this script, and with it everything that it began.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import ray

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.runs.executors import Event, Executor, InlineExecutor
from benchmark.runs.executors.ray_executor import RayExecutor
from benchmark.runs.store import RunStore
from benchmark.study.plan import prepare
from benchmark.study.running import run
from benchmark.study.study import Study, make_study
from benchmark.tuning.search import Tuning, tune
from tests.benchmark.runs import stub_tasks
from tests.benchmark.runs.stub_tasks import Stub
from tests.samples import make_samples, save_tiny_encoder

ADDRESS = "127.0.0.1:6399"
PLUGIN = """
import os, signal, time
import torch
from baselines import ModelConfig, ModelInfo, Prediction, SentimentModel, register
from lab_help import BIAS

def make(name, act):
    @register(name, config=ModelConfig, info=ModelInfo(name, "none", 2026))
    class Model(SentimentModel):
        def __init__(self, spec, config):
            super().__init__(spec, config)
            self.head = torch.nn.Linear(spec.text, 1)
        def forward(self, batch):
            return Prediction(BIAS + self.head(batch.text.values.mean(1)).squeeze(1))
        def training_loss(self, batch, step):
            act()
            return {"task": (self(batch.input).sentiment - batch.label).abs().mean()}
    Model.__qualname__ = name
    return Model

def fail():
    raise ValueError("a fault of the model")

make("slow", lambda: time.sleep(float(os.environ.get("LAB_PAUSE", "0"))))
make("fails", fail)
make("dies", lambda: os.kill(os.getpid(), signal.SIGKILL))
make("hangs", lambda: time.sleep(600))
"""


class Lab:
    """The nodes, and a folder that the driver and the node `near` see."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="lab"))
        self.hidden = self.base / "hidden"
        self.home, self.encoder, self.plugin = (
            self.hidden / "home",
            self.base / "encoder",
            self.hidden / "lab_plugin.py",
        )
        for folder in (self.home, self.base / "near", self.base / "far"):
            folder.mkdir(parents=True)
        os.environ["SENTIBENCH_HOME"] = str(self.home)
        save_tiny_encoder(self.encoder)
        write_store(make_samples(), store_path("toy"))
        write_store(make_samples(seed=1, name="other"), store_path("other"))
        self.plugin.write_text(PLUGIN)
        (self.hidden / "lab_help.py").write_text("BIAS = 0.25\n")
        sys.path.insert(0, str(self.hidden))

    def begin(self) -> None:
        """Start both nodes and wait for them."""
        self.near = self._node(
            "near",
            [
                "--head",
                "--port=6399",
                "--include-dashboard=false",
                "--node-ip-address=127.0.0.1",
                f"--temp-dir={self.base / 'r'}",
            ],
        )
        wait_for(lambda: any(c.laddr.port == 6399 for c in psutil.net_connections("tcp") if c.status == "LISTEN"))
        self.far = self._node("far", [f"--address={ADDRESS}", "--node-ip-address=127.0.0.1"])
        ray.init(ADDRESS, log_to_driver=False, logging_level="ERROR")
        wait_for(lambda: sum(node["Alive"] for node in ray.nodes()) == 2)
        ray.shutdown()

    def _node(self, name: str, options: list[str]) -> subprocess.Popen[bytes]:
        ray_start = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1", "--num-gpus=0",
                     "--object-store-memory=100000000", "--disable-usage-stats", *options]  # fmt: skip
        hide = f"mount -t tmpfs none {self.hidden} && " if name == "far" else ""
        command = [
            "unshare",
            "-m",
            "-u",
            "sh",
            "-c",
            f'{hide}echo {name} > /proc/sys/kernel/hostname && exec "$@"',
            "sh",
            *ray_start,
        ]
        own = {"TMPDIR": str(self.base / name), "LAB_PAUSE": "0.15"}
        own |= {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "4"}  # a loss is seen soon
        with (self.base / f"{name}.log").open("w") as log:
            return subprocess.Popen(command, env={**os.environ, **own}, stdout=log, stderr=log, start_new_session=True)

    def kill_far(self) -> None:
        """Kill a node with all that runs on it."""
        processes = [psutil.Process(self.far.pid), *psutil.Process(self.far.pid).children(recursive=True)]
        for process in processes:
            process.kill()

    def study(self, models: str, **changes: object) -> Study:
        fields: dict[str, object] = {
            "datasets": ["toy"], "models": models.split(), "protocols": ["complete"], "seeds": 2,
            "encoder": {"name": str(self.encoder)}, "optimisation": {"epochs": 2, "batch_size": 16},
            "plugins": [str(self.plugin)],
        }  # fmt: skip
        return make_study({**fields, **changes})

    def do(self, study: Study, name: str, executor: Executor[Any, Any], listener: Any = None) -> dict[str, Any]:
        """Run a study; returns what the store has of it, and what was seen meanwhile."""
        root = self.hidden / name
        phases: set[str] = set()

        def heard(number: int, event: Event) -> None:
            phases.add(event.phase)
            if listener:
                listener(number, event)

        outcome = run(study, root, executor, heard)
        runs = {}
        for planned in prepare(study).runs:
            record = RunStore(root).find(planned.spec)
            assert record is not None
            runs[f"{planned.label} {planned.spec.seed}"] = {
                "status": record.status, "attempts": record.attempts, "error": record.error,
                "host": record.provenance.get("host"), "bits": bits(RunStore(root), planned.spec),
            }  # fmt: skip
        left = [str(path.relative_to(root)) for path in root.rglob(".*") if path.name != ".lock"]
        return {"failed": len(outcome.failed), "runs": runs, "phases": sorted(phases), "left": left}


def bits(store: RunStore, spec: Any) -> str:
    """Hash of weights and predictions; empty for a run that failed."""
    if store.done(spec) is None:
        return ""
    table = store.predictions(spec).astype({"scenario": str}).sort_values(["scenario", "sample_id"])
    digest = hashlib.sha256(table["prediction"].to_numpy().tobytes())
    digest.update((store.folder(spec) / "model.safetensors").read_bytes())
    return digest.hexdigest()


def wait_for(condition: Any, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the cluster does not start"
        time.sleep(0.1)


def alone(home: Path) -> dict[str, Any]:
    """A cluster of this machine alone."""
    found: dict[str, Any] = {"outcomes": {}}
    with RayExecutor(workers=2) as executor:
        for number, function in enumerate((stub_tasks.succeed, stub_tasks.exit_politely, stub_tasks.need_memory)):
            executor.add(number, Stub(function))
        for number, (how, what) in executor.outcomes():
            found["outcomes"][number] = [how, getattr(what, "reason", what)]
        listening = [c.laddr.ip for c in psutil.net_connections("inet") if c.status == "LISTEN"]
        found["listens"] = sorted({ip.removeprefix("::ffff:") for ip in listening})
        with_ray = len(psutil.pids())
    wait_for(lambda: len(psutil.pids()) < with_ray - 2)
    found["left"] = sorted({p.name() for p in psutil.process_iter()} & {"raylet", "gcs_server"})
    found["folders"] = [path.name for path in Path(tempfile.gettempdir()).glob("sentibench-ray*")]
    found["folders"] += [path.name for path in home.iterdir()]
    found["environment"] = [name for name in os.environ if name.startswith("RAY_AUTH")]
    return found


def searched(lab: Lab, executor: Executor[Any, Any], name: str) -> list[Any]:
    tuning = Tuning(model="lf-dnn", datasets=("toy",), seeds=(0,), epochs=(2,), encoder={"name": str(lab.encoder)})  # type: ignore[arg-type]
    outcome = tune(tuning, lab.hidden / name, 3, executor)
    return [[trial.state, trial.fields, trial.valid_mae] for trial in outcome.trials]


def terminated(lab: Lab) -> dict[str, Any]:
    """SIGTERM to the command in mid-training."""
    study = lab.hidden / "slow.yaml"
    study.write_text(
        json.dumps(lab.study("slow", optimisation={"epochs": 60, "batch_size": 16}).model_dump(mode="json"))
    )
    command = [sys.executable, "-m", "benchmark.cli.main", "run", str(study), "--executor", "ray", "--address", ADDRESS,
               "--out", str(lab.hidden / "terminated")]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(lab.hidden), os.environ["PYTHONPATH"]])}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: process.poll() is not None or list(lab.base.glob("*/sentibench-ray-*/data/*/data/toy.h5")))
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    with cluster():
        nodes = sum(node["Alive"] for node in ray.nodes())
        wait_for(lambda: ray.available_resources().get("CPU", 0) == 2)  # nothing runs any more
    scratch = [str(p) for n in ("near", "far") for p in (lab.base / n).glob("sentibench-ray-*")]
    return {"code": process.returncode, "out": out, "err": err, "nodes": nodes, "scratch": scratch}


@contextmanager
def cluster() -> Iterator[None]:
    ray.init(ADDRESS, log_to_driver=False, logging_level="ERROR")
    try:
        yield
    finally:
        ray.shutdown()


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    home = Path(tempfile.mkdtemp())
    os.environ["HOME"] = str(home)  # Ray looks for a token there
    found: dict[str, Any] = {"seconds": {}}
    started = time.monotonic()

    def step(name: str, content: Any) -> None:
        nonlocal started
        found[name], found["seconds"][name] = content, round(time.monotonic() - started, 1)
        sys.stderr.write(f"{name}: {found['seconds'][name]} s\n")
        started = time.monotonic()

    step("alone", alone(home))
    lab = Lab()
    lab.begin()
    step("begin", None)
    usual, more = lab.study("constant slow"), lab.study("constant slow", protocols=["complete", "drop(rate=0.5)"])
    step("inline", lab.do(usual, "inline", InlineExecutor()))
    step("ray", lab.do(usual, "ray", RayExecutor(ADDRESS)))
    across = lab.study("constant slow", datasets=["toy->other"])
    step("across inline", lab.do(across, "across inline", InlineExecutor()))
    step("across ray", lab.do(across, "across ray", RayExecutor(ADDRESS)))
    step("more inline", lab.do(more, "inline", InlineExecutor()))
    step("more ray", lab.do(more, "ray", RayExecutor(ADDRESS)))
    step("tune", [searched(lab, RayExecutor(ADDRESS), "tune ray"), searched(lab, InlineExecutor(), "tune inline")])
    step("terminated", terminated(lab))
    faulty, hanging = lab.study("fails dies constant", seeds=1), lab.study("hangs", seeds=1)
    step("faults", lab.do(faulty, "faults", RayExecutor(ADDRESS, retries=1)))
    step("hangs", lab.do(hanging, "hangs", RayExecutor(ADDRESS, retries=1, timeout=4)))
    longer = lab.study("slow", seeds=3, optimisation={"epochs": 10, "batch_size": 16})
    training: set[int] = set()

    def kill(number: int, event: Event) -> None:
        if event.phase == "train" and event.done >= 2 and lab.far.poll() is None:
            training.add(number)
            if len(training) == 2:
                lab.kill_far()

    step("killed", lab.do(longer, "killed", RayExecutor(ADDRESS), kill))
    step("killed inline", lab.do(longer, "killed inline", InlineExecutor()))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
