"""Runs as tasks: what is filed when one is lost, and that what a worker calls done is in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.runs.failures import Loss
from benchmark.runs.job import Job
from benchmark.runs.record import RunRecord
from benchmark.runs.store import RunStore
from tests.benchmark.runs.test_store import make_spec, write


def raised() -> Loss:
    """A loss by an exception whose text is not Unicode."""
    try:
        raise ValueError("no \udcff")
    except ValueError as error:
        return Loss.of(error)


def test_a_lost_run_is_filed_with_what_is_known_and_read_back(tmp_path: Path) -> None:
    record = Job(make_spec(), (), tmp_path).lost(raised())
    filed = RunStore(tmp_path).find(make_spec())
    assert filed == record
    assert (filed.status, filed.error) == ("failed", "ValueError: no \\udcff")
    assert "test_execution.py" in str(filed.traceback)
    assert filed.provenance["libraries"]["torch"]


def test_new_cells_that_fail_leave_a_trained_run_as_it_was(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    done = write(store, make_spec())
    assert Job(make_spec(), (), tmp_path).lost(Loss("why")).status == "failed"
    assert store.done(make_spec()) == done


def test_a_loss_that_cannot_be_filed_is_still_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(record: RunRecord, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("benchmark.runs.job.write_record", full)
    assert Job(make_spec(), (), tmp_path).lost(Loss("why")).error == "why"
    assert RunStore(tmp_path).find(make_spec()) is None


def test_a_run_that_is_called_done_but_is_not_in_the_store_has_failed(tmp_path: Path) -> None:
    elsewhere = write(RunStore(tmp_path / "node"), make_spec())
    job = Job(make_spec(), (), tmp_path / "driver")
    record = job.accept(elsewhere)
    assert record.status == "failed"
    assert "does it see the same folder?" in str(record.error)
    here = write(RunStore(tmp_path / "driver"), make_spec())
    assert job.accept(here) == here
