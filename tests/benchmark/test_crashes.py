"""Commands killed at some of their changes of the file system; `tests/long` kills them at every one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.crashes import CASES, Case, Trial
from tests.killing import Commands
from tests.npz import npz_content

#: Places of the two kills of each command, in shares of its changes.
SHARES = (0.5, 0.95)


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    found = Commands({})
    yield found
    found.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_killed_command_is_made_good_by_the_next(case: Case, commands: Commands, tmp_path: Path) -> None:
    np.savez(tmp_path / "toy.npz", **npz_content(60))
    trial = Trial(case, commands, tmp_path / "toy.npz", tmp_path / "trial")
    for share in SHARES:
        trial.kill(round(share * len(trial.changes)))
