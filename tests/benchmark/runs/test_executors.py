"""Pools of workers: what they yield, how deaths are told, that nothing is left running."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.runs.executors import Event, Executor, InlineExecutor, LocalExecutor, base, make_executor
from benchmark.runs.executors.base import Heartbeat
from benchmark.runs.failures import Loss, death
from protocols import InputError
from tests.benchmark.runs import stub_tasks
from tests.benchmark.runs.stub_tasks import Stub, Unreadable, alive

Outcome = tuple[str, Any]
EXECUTORS: list[Callable[[], Executor[int, Outcome]]] = [InlineExecutor, lambda: LocalExecutor(1)]


def run(executor: Executor[int, Outcome], *tasks: Stub) -> list[Outcome]:
    """Outcomes in the order of the tasks."""
    with executor:
        for number, task in enumerate(tasks):
            executor.add(number, task)
        found = dict(executor.outcomes())
    return [found[number] for number in range(len(tasks))]


def losses(executor: Executor[int, Outcome], *tasks: Stub) -> list[Loss]:
    """Return the losses of tasks; another task is done after them."""
    *found, after = run(executor, *tasks, Stub(stub_tasks.succeed))
    assert after == ("accepted", "done")
    assert {how for how, _ in found} == {"lost"}
    return [loss for _, loss in found]


@pytest.mark.parametrize("make", EXECUTORS, ids=["inline", "local"])
def test_tasks_may_be_added_while_others_run_and_events_come_with_their_key(
    make: Callable[[], Executor[int, Outcome]],
) -> None:
    events: list[tuple[int, Event]] = []
    seen = []
    with make() as executor:
        executor.add(1, Stub(stub_tasks.succeed))
        for key, outcome in executor.outcomes(lambda *event: events.append(event)):
            seen.append(key)
            assert outcome == ("accepted", "done")
            if key < 3:
                executor.add(key + 1, Stub(stub_tasks.succeed))
        assert list(executor.outcomes()) == []
    assert seen == [1, 2, 3]
    first = [Event("start"), Event("train", 1, 2, 0.5), Event("end")]
    assert [event for key, event in events if key == 1] == first


def test_a_pool_keeps_its_workers_between_rounds_and_ends_them() -> None:
    with LocalExecutor[int, Outcome](1) as executor:
        pids = set()
        for round_ in range(2):
            executor.add(round_, Stub(stub_tasks.name_process))
            ((_, (_, pid)),) = executor.outcomes()
            pids.add(pid)
        (pid,) = pids
        assert alive(pid)
        executor.add(2, Stub(stub_tasks.sleep))
    assert not alive(pid)
    assert list(executor.outcomes()) == []


def test_an_idle_worker_ends_by_itself_so_that_libraries_release_what_they_hold() -> None:
    with LocalExecutor[int, Outcome](1) as executor:
        executor.add(0, Stub(stub_tasks.succeed))
        assert list(executor.outcomes()) == [(0, ("accepted", "done"))]
        (worker,) = executor._workers
    assert worker.process.exitcode == 0


@pytest.mark.parametrize("make", EXECUTORS, ids=["inline", "local"])
def test_whatever_is_raised_is_a_loss_of_one_readable_line_with_its_traceback(
    make: Callable[[], Executor[int, Outcome]],
) -> None:
    said = {
        stub_tasks.exit_politely: "SystemExit: enough",
        stub_tasks.raise_from_the_base: "Odd: neither an Exception nor an exit",
        stub_tasks.raise_surrogates: "ValueError: of file \\udcff.csv, line 2",
        stub_tasks.raise_silently: "Broken: (its text cannot be made: UnicodeDecodeError)",
    }
    found = losses(make(), *map(Stub, said))
    assert [loss.reason for loss in found] == list(said.values())
    for loss in found:
        assert "stub_tasks.py" in str(loss.traceback)
        f"{loss.reason}{loss.traceback}".encode()  # no lone surrogates


def test_a_worker_that_dies_is_replaced_and_its_task_says_how() -> None:
    said = {
        Stub(
            stub_tasks.exit_at_once
        ): "process ended with exit code 7; last seen starting; the same command tries it again",
        Stub(stub_tasks.fault): "worker process ended with signal SIGSEGV",
        Stub(stub_tasks.unusual_signal): f"worker process ended with signal {signal.SIGRTMIN + 5}",
        Stub(stub_tasks.close_connection): "worker process closed its connection",
        Stub(stub_tasks.interrupt): "KeyboardInterrupt",
        Stub(stub_tasks.return_what_cannot_travel): "pickle",
        Unreadable(stub_tasks.succeed): "ValueError: invalid literal for int",
    }
    for loss, text in zip(losses(LocalExecutor(2), *said), said.values(), strict=True):
        assert text in loss.reason


def test_lack_of_memory_is_named_with_what_was_held() -> None:
    wanted, killed = losses(LocalExecutor(1), Stub(stub_tasks.need_memory), Stub(stub_tasks.be_killed))
    assert wanted.reason.startswith("out of memory, with a peak of ")
    assert re.search(r"killed \(SIGKILL\), most likely .* out of memory; it held \d+ MiB when last seen", killed.reason)
    assert "memory" not in death(-signal.SIGTERM)


@pytest.mark.parametrize(("workers", "tasks"), [(2, 5), (4, 8)])
def test_a_worker_that_dies_after_delivery_costs_no_task(workers: int, tasks: int) -> None:
    """The caller is slow, so that the next task is handed to a worker that is gone already; several at a time."""
    with LocalExecutor[int, Outcome](workers) as executor:
        for number in range(tasks):
            executor.add(number, Stub(stub_tasks.die_after_delivery))
        found = {}
        for number, outcome in executor.outcomes():
            found[number] = outcome
            time.sleep(0.2)
    assert found == dict.fromkeys(range(tasks), ("accepted", "done"))


@pytest.mark.parametrize("task", [stub_tasks.sleep, stub_tasks.chatter])
def test_a_task_that_takes_too_long_is_ended_and_what_it_was_at_is_told(task: Callable[..., None]) -> None:
    started = time.monotonic()
    (loss,) = losses(LocalExecutor(1, timeout=1.5), Stub(task))
    assert loss.reason.startswith(
        "ended for taking longer than 1.5 s; last seen training, stage fit, epoch 3 of 8; the"
    )
    assert time.monotonic() - started < 60


#: Environment in which a script elsewhere imports this package of tests.
_WITH_TESTS = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}


def test_workers_that_cannot_begin_are_an_error(tmp_path: Path) -> None:
    """A script without a guard starts itself again in every worker, if workers need what it registers."""
    script = tmp_path / "script.py"
    script.write_text(
        "import protocols, tests.benchmark.runs.test_executors as t\n"
        "@protocols.register_protocol\n"
        "def mine():\n"
        "    return protocols.Protocol('mine', 1, 'mine', (protocols.Point(protocols.parse('drop(rate=0.5)'), {}),))\n"
        "try:\n"
        "    t.run(t.LocalExecutor(1), t.Stub(t.stub_tasks.succeed))\n"
        "except t.InputError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run([sys.executable, str(script)], env=_WITH_TESTS, capture_output=True, text=True, timeout=120)
    assert (
        "before it began a run, 3 times in a row; a script that runs studies does so under `if __name__"
        in result.stdout
    )


def test_workers_end_with_their_parent_whatever_ended_it(tmp_path: Path) -> None:
    code = (
        "import tests.benchmark.runs.test_executors as t\n"
        "if __name__ == '__main__':\n"
        "    with t.LocalExecutor(1) as executor:\n"
        "        executor.add(0, t.Stub(t.stub_tasks.sleep))\n"
        "        for _ in executor.outcomes(lambda *_: print(executor._workers[0].process.pid, flush=True)): pass\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script)], env=_WITH_TESTS, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    assert alive(worker)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(worker)


def test_an_interrupt_reaches_the_caller_of_a_task_in_this_process() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(InlineExecutor(), Stub(stub_tasks.interrupt))


def test_within_an_epoch_a_training_reports_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.4, 0.9, 1.1, 1.2, 2.2])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    said: list[Event] = []
    heartbeat = Heartbeat(said.append)
    for batch in range(5):
        heartbeat("fit", batch / 5, 3)
    assert said == [Event("train", 0.4, 3, stage="fit"), Event("train", 0.8, 3, stage="fit")]


def test_executors_are_found_by_name_also_those_of_installed_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(make_executor("inline"), InlineExecutor)
    assert isinstance(make_executor("local", workers=2, timeout=3.0), LocalExecutor)
    with pytest.raises(InputError, match="in this process cannot be ended"):
        make_executor("inline", timeout=3.0)
    with pytest.raises(InputError, match="unknown executor 'lokal'; did you mean local"):
        make_executor("lokal")
    (tmp_path / "an_engine.py").write_text(
        "from benchmark.runs.executors import InlineExecutor, register_executor\n"
        "@register_executor('engine')\n"
        "def make(*, workers, timeout):\n"
        "    return InlineExecutor(threads=workers)\n"
    )
    info = tmp_path / "an_engine-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: an-engine\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[sentibench.executors]\nengine = an_engine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    monkeypatch.setattr(base._EXECUTORS, "_items", dict(base._EXECUTORS._items))
    assert isinstance(make_executor("engine", workers=1), InlineExecutor)
