"""Journal of a search on disk, for one process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from benchmark.tuning.journal import Journal, Suggestion, TrainingRecord
from benchmark.tuning.search import plan_tuning, tune
from protocols import InputError
from tests.benchmark.tuning.toy import Counting, tuning


def test_the_journal_keeps_what_it_is_told_and_drops_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = Suggestion(trial=0, fields={"a": 1, "b": 1.0, "c": True, "d": None, "e": "x"})
    second = TrainingRecord(
        trial=0, dataset="toy", seed=2, run="r", status="done", valid_mae=0.1 + 0.2, curve=(None, 0.5)
    )
    Journal(path).add([first, second])
    whole = path.read_bytes()
    for cut in range(1, 40):
        path.write_bytes(whole[:-cut])
        journal = Journal(path)
        assert journal.suggestions == {0: first.fields}
        assert list(map(type, journal.suggestions[0].values())) == [int, float, bool, type(None), str]
        assert journal.trainings == {}
        journal.add([second])
        assert path.read_bytes() == whole
    assert Journal(path).trainings == {(0, ("toy", 2)): second}
    path.write_bytes(b"{}\n" + whole)
    with pytest.raises(InputError, match="line 1 cannot be read"):
        Journal(path)


@pytest.mark.usefixtures("toy")
def test_one_process_at_a_time(tmp_path: Path) -> None:
    folder = plan_tuning(tuning(tmp_path)).folder(tmp_path / "out")
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"), pytest.raises(InputError, match="another process is running this search"):
        tune(tuning(tmp_path), tmp_path / "out", 1, Counting())
