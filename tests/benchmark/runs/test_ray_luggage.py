"""A run that travels to a node and back, without any cluster: the node is this process, with a folder of its own."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.runs.executors import InlineExecutor, ray_node, ray_work
from benchmark.runs.executors.ray_luggage import Luggage
from benchmark.runs.failures import Loss
from benchmark.runs.job import Job
from benchmark.runs.store import RunStore
from benchmark.study.plan import Plan, prepare
from benchmark.study.running import run
from benchmark.study.study import make_study
from protocols import InputError, registry
from tests.samples import make_samples

PLUGIN = """
import torch
from baselines import ModelConfig, ModelInfo, Prediction, SentimentModel, register
from travel_help.shift import BIAS

@register("travels", config=ModelConfig, info=ModelInfo("travels", "none", 2026))
class Travels(SentimentModel):
    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.head = torch.nn.Linear(spec.text, 1)
    def forward(self, batch):
        return Prediction(BIAS + self.head(batch.text.values.mean(1)).squeeze(1))
    def training_loss(self, batch, step):
        return {"task": (self(batch.input).sentiment - batch.label).abs().mean()}
"""


class OneNode:
    """A cluster whose only node is this process.

    Args:
        sees: True for a node that sees the disk of the data.
    """

    session = "0123"

    def __init__(self, sees: bool) -> None:
        self.ray = SimpleNamespace(put=lambda content: content)
        self._sees = sees
        self.processes: list[int] = []

    def ask(self, function: Any, *arguments: Any, processes: int = 1) -> list[Any]:
        self.processes.append(processes)
        answer = function(*arguments)
        return [answer if self._sees else {**answer, "unseen": [store["path"] for store in arguments[2]]}]


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files of the node, which has no data of its own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda ref: ref))
    for name in (ray_node._CLAIMED, ray_work._COMPARED):
        monkeypatch.setenv(name, "")
    for name in ("SENTIBENCH_HOME", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return scratch


@pytest.fixture
def plan(own_home: Path, tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    """A run of a plugin with a package of its own, on a stored data set."""
    write_store(make_samples(), store_path("toy"))
    (tmp_path / "travel_help").mkdir()
    (tmp_path / "travel_help" / "__init__.py").write_text("")
    (tmp_path / "travel_help" / "shift.py").write_text("BIAS = 0.25\n")
    (tmp_path / "travels.py").write_text(PLUGIN)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    fields = {
        "datasets": ["toy"], "models": ["travels"], "protocols": ["complete", "drop(rate=0.5)"], "seeds": 1,
        "encoder": {"name": str(tiny_encoder)}, "optimisation": {"epochs": 2, "batch_size": 16},
        "plugins": [str(tmp_path / "travels.py")],
    }  # fmt: skip
    yield prepare(make_study(fields))
    for name in ("travel_help", "travel_help.shift"):
        sys.modules.pop(name, None)
    registry._OWN.clear()


def job(plan: Plan, root: Path, scenarios: int | None = None, **changes: Any) -> Job:
    texts = tuple(str(s) for s in plan.scenarios_of(plan.runs[0]))[:scenarios]
    root.mkdir(exist_ok=True)
    return Job(plan.runs[0].spec, texts, root, plugins=tuple(plan.study.plugins), **changes)


def executed(cargo: ray_work.Cargo) -> tuple[str, Any, Any]:
    letters: list[Any] = []
    box = SimpleNamespace(put=SimpleNamespace(remote=lambda number, letter: letters.append((number, letter))))
    answer = ray_work.work(cargo, box)
    assert letters[:1] == ([] if answer[0] == "refused" else [(cargo["number"], None)])
    return answer


@pytest.mark.parametrize("sees", [True, False], ids=["shared disk", "no shared disk"])
def test_a_run_travels_and_comes_back_with_the_bits_of_this_process(
    plan: Plan, node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sees: bool
) -> None:
    root = tmp_path / "runs"
    luggage = Luggage(OneNode(sees))  # type: ignore[arg-type]
    for number, scenarios in enumerate((1, None)):  # the second time, a cell is added
        task = job(plan, root, scenarios, attempt=2)
        luggage.check([task])
        cargo = luggage.pack(task, number)
        assert [store["content"] is None for store in cargo["stores"]] == [sees]
        if not sees:
            cargo["token"] = "of another disk"
            monkeypatch.setattr(ray_work, "visible", lambda store: None)
        kind, parcel, files = executed(cargo)
        assert kind == "done"
        assert isinstance(files, str if sees else dict)
        assert not isinstance(pickle.loads(parcel), Loss)
        assert not RunStore(root).find(task.spec) or number
        record = task.accept(luggage.file(task, number, files))
        assert (record.status, len(record.evaluations), record.attempts) == ("done", number + 1, 2)
    luggage.close()
    run(plan, tmp_path / "here", InlineExecutor())
    here, there = RunStore(tmp_path / "here"), RunStore(root)
    spec = plan.runs[0].spec
    assert there.predictions(spec)["prediction"].tolist() == here.predictions(spec)["prediction"].tolist()
    assert [path.name for path in root.rglob(".*")] == [".lock"]
    (scratch,) = node.iterdir()
    assert sorted(path.name for path in (scratch / "data").glob("*/data/*.h5")) == ["toy.h5"]
    ray_node.sweep(OneNode.session)
    assert not list(node.iterdir())


def test_a_run_on_two_data_sets_takes_both_stores_and_each_is_sent_once(
    plan: Plan, node: Path, tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_store(make_samples(seed=1, name="other"), store_path("other"))
    fields = plan.study.model_dump() | {"datasets": ["toy", "toy/fold1->other"]}
    fields |= {"plugins": [], "models": ["text-only"], "protocols": ["complete"]}
    both = prepare(make_study(fields))
    here = RunStore(tmp_path / "here")
    run(both, here.root, InlineExecutor())
    sent: list[int] = []
    cluster = OneNode(False)
    cluster.ray.put = lambda content: sent.append(len(content)) or content
    luggage = Luggage(cluster)  # type: ignore[arg-type]
    tasks = [Job(planned.spec, ("complete",), tmp_path / "runs") for planned in both.runs]
    (tmp_path / "runs").mkdir()
    luggage.check(tasks[:1], processes=4)
    luggage.check(tasks, processes=4)
    assert cluster.processes == [4, 1]  # what runs need is imported once
    assert sent == [store_path(name).stat().st_size for name in ("toy", "other")]
    monkeypatch.setattr(ray_work, "visible", lambda store: None)
    for number, task in enumerate(tasks):
        cargo = luggage.pack(task, number)
        cargo["token"] = "of another disk"
        assert [Path(store["path"]).stem for store in cargo["stores"]] == [["toy"], ["toy", "other"]][number]
        kind, parcel, files = executed(cargo)
        assert (kind, type(files)) == ("done", dict), pickle.loads(parcel)
        task.accept(luggage.file(task, number, files))
        there = RunStore(tmp_path / "runs").predictions(task.spec)["prediction"]
        assert there.tolist() == here.predictions(task.spec)["prediction"].tolist()
    luggage.close()


def test_a_node_that_differs_executes_nothing_and_says_so_again(plan: Plan, node: Path, tmp_path: Path) -> None:
    luggage = Luggage(OneNode(True))  # type: ignore[arg-type]
    cargo = luggage.pack(job(plan, tmp_path / "runs"), 1)
    luggage.close()
    cargo["expected"] = {**cargo["expected"], "torch": "0.1"}
    for _ in range(2):
        kind, said, files = executed(cargo)
        assert (kind, files) == ("refused", None)
        assert "has other torch" in said
    luggage._expected["torch"] = "0.1"
    with pytest.raises(InputError, match="has other torch"):
        luggage.check([job(plan, tmp_path / "runs")])


def test_nodes_of_other_processor_capabilities_are_warned_of(plan: Plan, node: Path, tmp_path: Path) -> None:
    class Two(OneNode):
        def ask(self, function: Any, *arguments: Any, processes: int = 1) -> list[Any]:
            (here,) = super().ask(function, *arguments)
            return [{**here, "capability": "AVX2"}, {**here, "capability": "AVX512", "host": "other"}]

    luggage = Luggage(Two(True))  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match=r"results are equal to about 3e-6: AVX2: \S+; AVX512: other$"):
        luggage.check([job(plan, tmp_path / "runs")])
