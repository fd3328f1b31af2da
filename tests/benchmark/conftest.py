"""Fixtures of tests whose subjects are several files."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.results.external import EvaluationSet, evaluation_set
from tests.benchmark.trained_studies import Studies, run_studies
from tests.samples import make_samples


@pytest.fixture
def toy_set() -> EvaluationSet:
    """The test part of a data set that was imported: 20 samples."""
    write_store(make_samples(60, words=False), store_path("toy"))
    return evaluation_set("toy")


@pytest.fixture(scope="session")
def trained_studies(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Studies:
    """Run once, since several files ask of them."""
    return run_studies(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs"), tiny_encoder)


@pytest.fixture
def studies(trained_studies: Studies, monkeypatch: pytest.MonkeyPatch) -> Studies:
    """The same, with their data folder as the user's own."""
    monkeypatch.setenv("SENTIBENCH_HOME", str(trained_studies.home))
    return trained_studies
