"""Runs that fail, plugins that change, studies that are killed: recorded, and continued."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from baselines import model_class
from benchmark.prediction import open_run
from benchmark.results.opening import open_results
from benchmark.runs.executors import Executor, InlineExecutor, LocalExecutor
from benchmark.runs.store import RunStore
from benchmark.study.plan import prepare
from benchmark.study.running import pending, run
from protocols import InputError, registry
from tests.benchmark.study.toy_study import study


@pytest.mark.usefixtures("toy")
def test_weights_that_are_gone_are_named_with_what_to_do(tiny_encoder: Path, tmp_path: Path) -> None:
    first = study(tiny_encoder, models=["text-only"], seeds=1, protocols=["complete"])
    run(first, tmp_path, InlineExecutor())
    (RunStore(tmp_path).folder(prepare(first).runs[0].spec) / "model.safetensors").unlink()
    outcome = run(study(tiny_encoder, models=["text-only"], seeds=1), tmp_path, InlineExecutor())
    assert "remove its folder and run the study again" in str(outcome.failed[0].error)


PLUGIN = """
import torch
from baselines import ModelConfig, ModelInfo, Prediction, SentimentModel, register

@register("fails", config=ModelConfig, info=ModelInfo("fails", "none", 2026))
class Fails(SentimentModel):
    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.weight = torch.nn.Parameter(torch.zeros(()))
    def forward(self, batch):
        return Prediction(self.weight.expand(len(batch)))
    def training_loss(self, batch, step):
        HOW
"""


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("name", "how", "says", "executor"),
    [
        ("fails", "return {'task': self.weight * float('nan')}", "task = nan", InlineExecutor),
        ("dies", "import os; os._exit(7)", "exit code 7", lambda: LocalExecutor(1)),
    ],
)
def test_a_run_that_fails_is_recorded_and_the_study_goes_on(
    tiny_encoder: Path, tmp_path: Path, name: str, how: str, says: str, executor: Callable[[], Executor[Any, Any]]
) -> None:
    plugin = tmp_path / "fails.py"
    plugin.write_text(PLUGIN.replace("HOW", how).replace('"fails"', f'"{name}"'))
    chosen = study(tiny_encoder, models=[name, "constant"], seeds=1, plugins=[str(plugin)])
    outcome = run(chosen, tmp_path / "runs", executor())
    assert [r.status for r in outcome.records] == ["failed", "done"]
    assert says in str(outcome.failed[0].error)
    (panel,) = open_results(chosen, tmp_path / "runs").panels
    assert any(f"{name}, seed 0" in str(gap) for gap in panel.missing)
    assert len(pending(prepare(chosen), tmp_path / "runs")) == 1


@pytest.fixture
def helped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A plugin whose constant is in a neighbouring file."""
    monkeypatch.syspath_prepend(str(tmp_path))
    text = PLUGIN.replace('"fails"', '"helped"').replace("import torch", "import torch\nfrom bias_help import BIAS")
    (tmp_path / "bias_help.py").write_text("BIAS = 1.0\n")
    (tmp_path / "helped.py").write_text(text.replace("self.weight.expand", "(BIAS + self.weight).expand").replace(
        "        HOW", "        if hasattr(self, 'stray'):\n            __import__('stray_at_work')\n"
        "        return {'task': 0 * self.weight}"))  # fmt: skip
    yield str(tmp_path / "helped.py")
    for name in ("bias_help", "stray_at_work"):
        sys.modules.pop(name, None)
    registry._OWN.clear()
    registry._STRAYS.clear()


@pytest.mark.usefixtures("toy")
def test_a_plugin_is_trained_again_when_its_helper_changes(tiny_encoder: Path, tmp_path: Path, helped: str) -> None:
    chosen = study(tiny_encoder, models=["helped"], seeds=1, protocols=["complete"], plugins=[helped])
    store = RunStore(tmp_path / "runs")
    old = prepare(chosen)
    run(old, tmp_path / "runs", InlineExecutor())
    assert np.allclose(store.predictions(old.runs[0].spec)["prediction"], 1.0)
    (tmp_path / "bias_help.py").write_text(
        "BIAS = 2.0  # of another size, so that no bytecode of the same second is used\n"
    )
    new = prepare(chosen)
    assert pending(new, tmp_path / "runs") == [0]
    run(new, tmp_path / "runs", InlineExecutor())
    assert np.allclose(store.predictions(new.runs[0].spec)["prediction"], 2.0)
    assert np.allclose(store.predictions(old.runs[0].spec)["prediction"], 1.0)
    with pytest.raises(InputError, match="the code of model 'helped' has changed since the training"):
        open_run(store.folder(old.runs[0].spec))
    (tmp_path / "bias_help.py").write_text("BIAS = 3.0\n")  # after planning
    shutil.rmtree(store.folder(new.runs[0].spec))
    outcome = run(new, tmp_path / "runs", InlineExecutor())
    assert "a plugin has changed since the study was planned" in str(outcome.failed[0].error)


@pytest.mark.usefixtures("toy")
def test_a_late_import_of_a_plugin_without_a_statement_fails_the_run(
    tiny_encoder: Path, tmp_path: Path, helped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stray_at_work.py").write_text("")
    planned = prepare(study(tiny_encoder, models=["helped"], seeds=2, protocols=["complete"], plugins=[helped]))
    monkeypatch.setattr(model_class("helped"), "stray", True, raising=False)
    outcome = run(planned, tmp_path / "runs", InlineExecutor())
    assert ["imports module 'stray_at_work'" in str(record.error) for record in outcome.records] == [True, True]


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_a_killed_study_goes_on_where_it_was(tiny_encoder: Path, tmp_path: Path, own_home: Path) -> None:
    chosen = study(tiny_encoder, seeds=4)
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(chosen.model_dump(mode="json")))
    options = [str(path), "--out", str(tmp_path / "runs"), "--executor", "inline"]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli.main", "run", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SENTIBENCH_HOME": str(own_home)},
    )
    store = RunStore(tmp_path / "runs")
    deadline = time.monotonic() + 90
    while len(store.records()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(store.records())
    assert 3 <= there <= 12
    outcome = run(chosen, tmp_path / "runs", InlineExecutor())
    assert outcome.executed <= 12 - there
    assert not outcome.failed
    (panel,) = open_results(chosen, tmp_path / "runs").panels
    assert not panel.missing
