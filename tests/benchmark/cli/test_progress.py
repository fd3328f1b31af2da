"""Lines of progress without a terminal."""

from __future__ import annotations

import io
import time
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from benchmark.cli.progress import MinuteLines, _works, counting
from benchmark.runs.executors.base import Event


def lines(*, terminal: bool) -> tuple[MinuteLines, io.StringIO]:
    text = io.StringIO()
    return MinuteLines(Console(file=text, force_terminal=terminal, width=40)), text


def test_a_line_says_what_is_at_work_what_is_silent_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    shown, _ = lines(terminal=False)
    shown.event("mosi lnln seed 0", Event("train", 2.25, 25, stage="fit"))
    assert shown.line() == "mosi lnln seed 0: training, stage fit, epoch 3 of 25"
    now[0] += 600
    shown.share = 0.25
    shown.event("mosi mult seed 0", Event("evaluate", 4, 33))
    assert shown.line() == (
        "about 30 min left; mosi lnln seed 0: training, stage fit, epoch 3 of 25 (silent for 600 s); "
        "mosi mult seed 0: evaluating, scenario 4 of 33"
    )
    shown.event("mosi lnln seed 0", Event("end"))
    assert "lnln" not in shown.line()


def test_what_an_earlier_command_did_is_not_taken_for_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    shown, _ = lines(terminal=False)
    shown.share = shown.earlier = 0.5
    shown.event("a", Event("resume", 10, 20))
    assert shown.line() == "a: continuing the training after epoch 10 of 20"
    now[0] += 600
    shown.share = 0.75
    assert shown.line().startswith("about 10 min left; ")


def test_a_model_of_more_operations_is_a_larger_part_of_the_work() -> None:
    plan: Any = SimpleNamespace(runs=[SimpleNamespace(operations=size) for size in (10**8, 7, 0, None)])
    assert _works(plan, [0, 2, 3]) == pytest.approx({0: 101 / 153, 2: 1 / 153, 3: 51 / 153})
    assert _works(plan, []) == {}


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_come_once_a_minute_and_not_on_a_terminal(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.cli.progress.MINUTE", 0.05)
    shown, text = lines(terminal=terminal)
    shown.start()
    shown.event("a", Event("train", 1, 2))
    deadline = time.monotonic() + (0.3 if terminal else 20)
    while text.getvalue().count("\n") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    shown.stop()
    assert (text.getvalue() == "") is terminal
    assert terminal or text.getvalue().startswith("a: training, epoch 1 of 2")


def test_work_in_this_process_prints_lines_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.cli.progress.MINUTE", 0.05)
    with counting("examine") as tell:
        tell(3, 38)
        time.sleep(0.2)
    assert "min left; examine: 3 of 38" in capsys.readouterr().err
