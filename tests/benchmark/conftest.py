"""Fixtures of tests whose subjects are several files."""

from __future__ import annotations

import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.external import EvaluationSet, evaluation_set
from tests.samples import make_samples


@pytest.fixture
def toy_set() -> EvaluationSet:
    """The test part of a data set that was imported: 20 samples."""
    write_store(make_samples(60, words=False), store_path("toy"))
    return evaluation_set("toy")
