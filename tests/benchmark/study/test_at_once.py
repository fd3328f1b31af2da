"""Several studies on one folder at once: cells of all are kept, and what is called done is on file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmark.runs.execution import RunWorker
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.record import RunRecord
from benchmark.runs.store import RunStore
from benchmark.study.plan import prepare
from benchmark.study.running import pending, run
from tests.benchmark.study.test_running import study


@pytest.mark.usefixtures("toy")
def test_two_processes_that_add_to_one_run_lose_nothing(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["complete", "drop(rate=0.5)", "block(rate=0.5)"]
    of = {text: study(tiny_encoder, models=["text-only"], seeds=1, protocols=[text]) for text in texts}
    run(of[texts[0]], tmp_path, InlineExecutor())
    evaluate, others = RunWorker.evaluate, [of[texts[2]]]

    def meanwhile(self: RunWorker, *given: Any) -> Any:
        made = evaluate(self, *given)
        if others:  # another process adds its cells while this one evaluates
            run(others.pop(), tmp_path, InlineExecutor())
        return made

    monkeypatch.setattr(RunWorker, "evaluate", meanwhile)
    run(of[texts[1]], tmp_path, InlineExecutor())
    spec = prepare(of[texts[0]]).runs[0].spec
    record = RunStore(tmp_path).done(spec)
    assert record is not None
    assert {cell.scenario for cell in record.evaluations} == set(texts)
    assert set(RunStore(tmp_path).predictions(spec)["scenario"]) == set(texts)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("optimism", [False, True])
def test_two_studies_that_train_one_run_at_once_lose_no_cell(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimism: bool
) -> None:
    mine, theirs = (
        study(tiny_encoder, models=["text-only"], seeds=1, protocols=[text], optimism=optimism)
        for text in ("complete", "drop(rate=0.5)")
    )
    file, others = RunWorker.file, [theirs]

    def meanwhile(self: RunWorker, *given: Any) -> Any:
        if others:  # another process files the run while this one has it ready
            assert not run(others.pop(), tmp_path, InlineExecutor()).failed
        return file(self, *given)

    monkeypatch.setattr(RunWorker, "file", meanwhile)
    outcome = run(mine, tmp_path, InlineExecutor())
    assert not outcome.failed
    assert pending(prepare(mine), tmp_path) == pending(prepare(theirs), tmp_path) == []
    assert set(RunStore(tmp_path).predictions(outcome.records[0].spec)["scenario"]) == {"complete", "drop(rate=0.5)"}


@pytest.mark.usefixtures("toy")
def test_a_run_that_vanishes_before_the_study_ends_is_not_called_done(tiny_encoder: Path, tmp_path: Path) -> None:
    chosen = study(tiny_encoder, models=["constant"], seeds=2)

    def remove(number: int, record: RunRecord) -> None:
        if number == 0:
            shutil.rmtree(RunStore(tmp_path).folder(record.spec))

    outcome = run(chosen, tmp_path, InlineExecutor(), on_record=remove)
    assert [record.status for record in outcome.records] == ["failed", "done"]
    assert "is no longer in" in str(outcome.failed[0].error)
    assert not run(chosen, tmp_path, InlineExecutor()).failed


@pytest.mark.usefixtures("toy")
def test_cells_that_were_dropped_for_other_weights_are_evaluated_with_those_on_file(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two kinds of processors train to slightly different weights: a run has cells of one of them only."""
    mine, theirs = (
        study(tiny_encoder, models=["text-only"], seeds=1, protocols=[text]) for text in ("complete", "drop(rate=0.5)")
    )
    file, others = RunWorker.file, [theirs]

    def meanwhile(self: RunWorker, store: Any, record: Any, table: Any, outcome: Any, weights: Any) -> Any:
        if others:
            run(others.pop(), tmp_path, InlineExecutor())
            record = record.model_copy(update={"provenance": {**record.provenance, "cpu_capability": "other"}})
            weights = {name: value + 1e-6 for name, value in weights.items()}
        return file(self, store, record, table, outcome, weights)

    monkeypatch.setattr(RunWorker, "file", meanwhile)
    outcome = run(mine, tmp_path, InlineExecutor())
    assert not outcome.failed
    (record,) = outcome.records
    assert {cell.scenario for cell in record.evaluations} == {"complete", "drop(rate=0.5)"}
    assert [note.partition(":")[0] for note in record.notes] == ["weights of the model differ"]
