"""The suite as one module: its examples hold, it imports little, and it notices packages that hide its own."""

from __future__ import annotations

import base64
import doctest
import hashlib
import inspect
import shutil
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


@pytest.mark.parametrize("intruder", [False, True])
def test_a_distribution_that_overwrote_a_package_is_named(tmp_path: Path, intruder: bool) -> None:
    """As pip leaves it: one file by two distributions, of which the later one won."""
    record = []
    for name in ("protocols", "baselines", "senti_ifusion", "benchmark"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"name = '{name}'\n")
        digest = hashlib.sha256((tmp_path / name / "__init__.py").read_bytes()).digest()
        record.append(f"{name}/__init__.py,sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},")
    shutil.copytree(ROOT / "sentibench", tmp_path / "sentibench")
    for distribution, lines in (("sentibench", record), ("other-models", ["baselines/__init__.py,,"])):
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "RECORD").write_text("\n".join(lines))
    if intruder:
        (tmp_path / "baselines" / "__init__.py").write_text("mine = 1\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "script.py").write_text("import sentibench")
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path / "elsewhere", env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if intruder:
        assert ended.stderr.strip().splitlines()[-1] == (
            "ImportError: package 'baselines' of sentibench was overwritten by the distribution other-models; "
            "install the two into separate environments"
        )
    else:
        assert ended.returncode == 0, ended.stderr
