"""Fixtures of the tests of searches."""

from __future__ import annotations

from pathlib import Path

import pytest

from baselines import models
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.tuning.workers import InlineWorkers
from tests.samples import make_samples


@pytest.fixture(autouse=True)
def no_memory_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting peak memory collects garbage, which takes longer than these trainings."""
    monkeypatch.setattr("benchmark.runs.execution.reset_peak_memory", lambda device: None)


@pytest.fixture(autouse=True)
def plugins_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test brings a model `toy` in a file of its own, which would be a conflict within one study."""
    from baselines.registry import _MODELS

    models()  # one that is imported in here would not be known to later tests
    monkeypatch.setattr(_MODELS, "_items", {k: v for k, v in _MODELS._items.items() if k != "toy"})
    monkeypatch.setattr(_MODELS, "_origins", {k: v for k, v in _MODELS._origins.items() if k != "toy"})
    monkeypatch.setattr("protocols.registry._LOADED", {})


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command trains in this process."""
    monkeypatch.setattr("benchmark.tuning.workers.LocalWorkers", lambda workers: InlineWorkers())


@pytest.fixture
def toy(own_home: Path) -> str:
    write_store(make_samples(words=False), store_path("toy"))
    return "toy"


@pytest.fixture
def toys(toy: str) -> tuple[str, str]:
    """Two data sets."""
    write_store(make_samples(words=False, seed=1, name="toy-two"), store_path("toy-two"))
    return toy, "toy-two"
