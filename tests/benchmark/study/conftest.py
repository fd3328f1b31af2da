"""A small data set for studies."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from tests.samples import make_samples


@pytest.fixture
def toy(own_home: Path) -> str:
    write_store(make_samples(), store_path("toy"))
    return "toy"
