"""The measurement on a device: one line if there is none; its program also runs on the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from baselines import models
from tests.device import standard_study
from tests.device.standard_study import MODELS, SEEDS, Cost, measure

ROOT = Path(__file__).parents[2]


def test_without_a_device_it_says_so_in_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHON": sys.executable}
    command = [ROOT / "tests" / "device" / "check.sh", tmp_path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "no CUDA device: nothing was measured\n"
    assert not list(tmp_path.iterdir())


def test_the_study_has_twenty_models_of_the_suite() -> None:
    assert len(set(MODELS)) == 20
    assert set(MODELS) <= set(models())


def test_its_program_extrapolates_and_compares(capsys: pytest.CaptureFixture[str]) -> None:
    assert measure(["lf-dnn", "self-mm"], (40, 8, 16), torch.device("cpu"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["lf-dnn", "self-mm"]
    assert "2 models, 5 seeds, 60 scenarios and 40 epochs" in lines[4]
    assert lines[5].endswith("none")


def test_a_model_that_differs_and_models_without_time_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standard_study, "encoding", lambda *_: 60.0)
    monkeypatch.setattr(standard_study, "cost_of", lambda *_: Cost(0.0, 1 / SEEDS, float("nan")))
    monkeypatch.setattr(standard_study, "BUDGET", 0)
    monkeypatch.setattr(standard_study.time, "perf_counter", iter([0.0, 0.0, 1.0]).__next__)
    assert not measure(["a", "b", "c"], (40, 8, 16), torch.device("cpu"))
    *_, total, apart = capsys.readouterr().out.splitlines()
    assert "4.0 minutes; 2 models by the mean" in total  # each a minute, and a minute of texts
    assert apart == "differ from the processor by more than 0.001: a"
