"""Commands killed at every one of their changes of the file system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.crashes import CASES, Case, Trial
from tests.killing import Commands
from tests.long.counts import count
from tests.npz import npz_content

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    found = Commands({})
    yield found
    found.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_killed_command_is_made_good_by_the_next(case: Case, commands: Commands, tmp_path: Path) -> None:
    np.savez(tmp_path / "toy.npz", **npz_content(60))
    trial = Trial(case, commands, tmp_path / "toy.npz", tmp_path / "trial")
    for at in range(1, len(trial.changes) + 1):
        trial.kill(at)
        count(f"kills of `{case.name}` at a change of the file system, made good by the next command")
