"""Independent work on all processors: results in order, whatever happens to a process."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from benchmark.results.parallel import each

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two processors"
)


@pytest.fixture(autouse=True)
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)


def test_large_work_is_done_by_other_processes_in_order() -> None:
    ended: list[int] = []
    found = each(lambda i: (i, os.getpid()), range(7), large=True, ended=ended.append)
    assert [i for i, _ in found] == list(range(7))
    assert len({process for _, process in found} - {os.getpid()}) == 7
    assert sorted(ended) == list(range(7))


@pytest.mark.parametrize(("items", "large"), [(3, False), (1, True)])
def test_small_work_stays_in_this_process(items: int, large: bool) -> None:
    ended: list[int] = []
    assert each(lambda i: os.getpid(), range(items), large=large, ended=ended.append) == [os.getpid()] * items
    assert ended == list(range(items))


def test_work_stays_in_this_process_once_torch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", pytest)
    assert each(lambda i: os.getpid(), range(3), large=True) == [os.getpid()] * 3


def test_an_error_is_raised_as_it_is() -> None:
    def fails(i: int) -> int:
        if i == 1:
            raise ArithmeticError("as it is")
        return i

    with pytest.raises(ArithmeticError, match="as it is"):
        each(fails, range(3), large=True)


def test_what_a_killed_process_leaves_is_done_here() -> None:
    here = os.getpid()

    def is_killed(i: int) -> int:
        if i == 1 and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    found = each(is_killed, range(3), large=True)
    assert found[1] == here
    assert here not in (found[0], found[2])
