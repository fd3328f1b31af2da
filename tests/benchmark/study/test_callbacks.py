"""Callbacks of a study: what they are told, what becomes of one that fails, and the display of notebooks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import sentibench as sb
from benchmark.runs.executors import Event, InlineExecutor
from benchmark.runs.record import RunRecord
from benchmark.study.callbacks import make_callbacks
from benchmark.study.notebook import NotebookProgress, in_notebook
from benchmark.study.plan import PlannedRun
from benchmark.study.running import run
from benchmark.study.study import Study, make_study
from protocols import InputError
from tests.samples import make_samples


class Notes(sb.Callback):
    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def on_study_start(self, runs: Sequence[PlannedRun]) -> None:
        self.told.append(("study", [planned.title for planned in runs]))

    def on_run_start(self, run: PlannedRun) -> None:
        self.told.append(("run", run.label))

    def on_epoch(self, run: PlannedRun, event: Event) -> None:
        self.told.append(("epoch", event))

    def on_record(self, run: PlannedRun, record: RunRecord) -> None:
        self.told.append(("record", record.status))


@pytest.fixture
def study() -> Study:
    samples = make_samples(words=False)
    fields = {"datasets": [samples], "models": ["late-fusion-dropout"], "protocols": ["complete"], "seeds": 1}
    return make_study({**fields, "optimisation": {"epochs": 2}})


def test_they_are_told_of_runs_epochs_with_losses_and_records(study: Study, tmp_path: Path) -> None:
    notes = Notes()
    made = run(study, tmp_path, InlineExecutor(), callbacks=[notes])
    assert [kind for kind, _ in notes.told] == ["study", "run", "epoch", "epoch", "record"]
    assert notes.told[0][1] == [f"{study.datasets[0]} late-fusion-dropout seed 0 split official"]
    (folder,) = tmp_path.glob(f"*/*/*-{made.records[0].id}")
    history = pd.read_csv(folder / "history.csv")
    for number, (_, event) in enumerate(notes.told[2:4]):
        assert (event.done, event.total, event.valid_mae) == (number + 1, 2, history["valid_mae"][number])
        assert event.losses == {"loss_task": pytest.approx(history["loss_task"][number])}
    again = Notes()
    run(study, tmp_path, InlineExecutor(), callbacks=[again])
    assert again.told == [("study", [])]


def test_one_that_fails_is_left_out_and_the_study_continues(study: Study, tmp_path: Path) -> None:
    class Full(Notes):
        def on_epoch(self, run: PlannedRun, event: Event) -> None:
            raise OSError("no space left")

    full, notes = Full(), Notes()
    with pytest.warns(UserWarning, match=r"callback Full failed in on_epoch and is left out .*OSError: no space left"):
        made = run(study, tmp_path, InlineExecutor(), callbacks=[full, notes])
    assert not made.failed
    assert [kind for kind, _ in full.told] == ["study", "run"]
    assert notes.told[-1] == ("record", "done")


def test_they_are_found_by_name_and_others_refused() -> None:
    sb.register_callback("notes-of-tests")(Notes)
    assert isinstance(make_callbacks(["notes-of-tests"])[0], Notes)
    with pytest.raises(InputError, match="unknown callback 'note-of-tests'"):
        make_callbacks(["note-of-tests"])
    with pytest.raises(InputError, match=r"callback Notes: expected the name of one, or an object of a subclass"):
        make_callbacks([Notes])  # type: ignore[list-item]


def test_a_notebook_shows_one_line_with_epochs_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    handle = SimpleNamespace(update=pages.append)
    display = SimpleNamespace(HTML=str, display=lambda page, display_id: (pages.append(page), handle)[1])
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    progress, planned = NotebookProgress(), SimpleNamespace(title="<mosi> lnln")
    progress.on_study_start([planned] * 2)  # type: ignore[list-item]
    assert pages == ['<progress value="0" max="2"></progress> 0 of 2 runs starting']
    monkeypatch.setattr("time.monotonic", lambda: 1e9)
    progress.on_epoch(planned, Event("train", 3, 9, 0.8125))  # type: ignore[arg-type]
    assert pages[-1].endswith("0 of 2 runs &lt;mosi&gt; lnln: epoch 3 of 9, validation MAE 0.812")
    progress.on_record(planned, SimpleNamespace(status="failed", error="out of memory"))  # type: ignore[arg-type]
    assert pages[-1].endswith("1 of 2 runs &lt;mosi&gt; lnln: failed<br>failed: &lt;mosi&gt; lnln: out of memory")


def test_there_is_no_notebook_here() -> None:
    assert not in_notebook()
