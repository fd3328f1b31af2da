"""Fixtures of the whole suite. No test may use the network or the user's own data folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a data folder of its own."""
    home = tmp_path / "home"
    monkeypatch.setenv("SENTIBENCH_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a very small text encoder."""
    from tests.samples import save_tiny_encoder

    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))
