"""Commands killed at some of their changes of the file system; `tests/long` kills them at every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.crashes import CASES, Case, Trial, trials

#: Places of the two kills of each command, in shares of its changes.
SHARES = (0.5, 0.95)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Case], Trial]]:
    with trials(tmp_path_factory.mktemp("trials")) as prepare:
        yield prepare


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_killed_command_is_made_good_by_the_next(case: Case, trial: Callable[[Case], Trial]) -> None:
    prepared = trial(case)
    for share in SHARES:
        prepared.kill(round(share * len(prepared.changes)))
