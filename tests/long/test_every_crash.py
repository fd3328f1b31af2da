"""Commands killed at every one of their changes of the file system."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.crashes import CASES, Case, Trial, trials
from tests.long.counts import count

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Case], Trial]]:
    with trials(tmp_path_factory.mktemp("trials")) as prepare:
        yield prepare


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_killed_command_is_made_good_by_the_next(case: Case, trial: Callable[[Case], Trial]) -> None:
    prepared = trial(case)
    for at in range(1, len(prepared.changes) + 1):
        prepared.kill(at)
        count(f"kills of `{case.name}` at a change of the file system, made good by the next command")
