"""The callbacks of the documentation, with stand-ins for TensorBoard and MLflow."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from benchmark.runs.executors import InlineExecutor
from benchmark.study.running import run
from benchmark.study.study import make_study
from protocols import registry
from tests.samples import make_samples

PAGE = Path(__file__).resolve().parents[3] / "docs" / "python.md"
Call = tuple[Any, ...]


class Recorder:
    """Records every call of any method."""

    def __init__(self, calls: list[Call], *made: object) -> None:
        self.calls = calls
        calls.append(("made", *made))

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: object, **named: object) -> object:
            self.calls.append((name, *arguments, *named.values()))
            return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

        return call


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Define the callbacks of the page, with stand-ins, run a study under both by name, and return their calls."""
    calls: list[Call] = []
    for name, maker in (("torch.utils.tensorboard", "SummaryWriter"), ("mlflow", "MlflowClient")):
        module = ModuleType(name)
        setattr(module, maker, lambda *made: Recorder(calls, *made))
        monkeypatch.setitem(sys.modules, name, module)
    callbacks = next(r for r in registry._REGISTRIES if r.kind == "callback")
    monkeypatch.setattr(callbacks, "_items", {})
    monkeypatch.setattr(callbacks, "_origins", {})
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        if "register_callback" in block:
            exec(block, {"__name__": "example"})
    samples = make_samples(words=False)
    fields = {"datasets": [samples.save("toy").name], "models": ["audio-only"], "protocols": ["complete"], "seeds": 1}
    study = make_study({**fields, "optimisation": {"epochs": 2}})
    assert not run(study, tmp_path / "runs", InlineExecutor(), callbacks=["tensorboard", "mlflow"]).failed
    return calls


TITLE = "toy audio-only seed 0 split official"


def test_tensorboard_has_every_epoch_with_its_losses(calls: list[Call]) -> None:
    assert [call for call in calls if call[0] == "made" and call[1:]] == [("made", f"tensorboard/{TITLE}")]
    scalars = [call for call in calls if call[0] == "add_scalar"]
    assert [(name, step) for _, name, _, step in scalars] == [
        ("valid_mae", 1), ("loss_task", 1), ("valid_mae", 2), ("loss_task", 2),
    ]  # fmt: skip
    assert ("close",) in calls


def test_mlflow_has_parameters_metrics_and_the_end(calls: list[Call]) -> None:
    assert ("create_run", "0", TITLE) in calls
    assert ("log_param", "r1", "model", "audio-only") in calls
    metrics = [call for call in calls if call[0] == "log_metric"]
    assert [(name, step) for _, _, name, _, step in metrics][:2] == [("valid_mae", 1), ("loss_task", 1)]
    assert calls[-1] == ("set_terminated", "r1", "FINISHED")
