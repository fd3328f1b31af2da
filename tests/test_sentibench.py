"""The suite as one module: its examples hold, it imports little, and it notices packages that hide its own."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import sentibench

ROOT = Path(__file__).resolve().parent.parent


def test_its_examples_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(sentibench, raise_on_error=False)
    assert found.attempted > 5
    assert not found.failed


@pytest.mark.parametrize("name", sentibench.__all__)
def test_every_name_is_a_documented_function(name: str) -> None:
    function = getattr(sentibench, name)
    assert callable(function)
    assert inspect.getdoc(function)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'lode'; it has .*load"):
        _ = sentibench.lode


def python(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(script)
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_importing_it_imports_nothing_heavy(tmp_path: Path) -> None:
    ended = python("import sys, sentibench; print({'torch', 'pandas', 'numpy'} & set(sys.modules))", tmp_path)
    assert ended.stdout.strip() == "set()", ended.stderr


@pytest.mark.parametrize("name", ["protocols", "baselines", "benchmark"])
def test_a_file_that_hides_a_package_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("mine = 1\n")
    ended = python("import sentibench", tmp_path)
    last = ended.stderr.strip().splitlines()[-1]
    assert last == f"ImportError: package '{name}' of sentibench is hidden by {tmp_path / name}.py; " + (
        "rename it, or start Python elsewhere"
    )
