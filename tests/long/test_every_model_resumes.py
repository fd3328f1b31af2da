"""Every model: a training that was killed and continued gives the bits of one that was left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from baselines import models
from tests.benchmark.training.test_resuming import check_model

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", [name for name in models() if name != "constant"])
def test_a_killed_training_goes_on_with_equal_bits(name: str, tiny_encoder: Path, tmp_path: Path) -> None:
    check_model(name, tiny_encoder, tmp_path / "state.pt")
