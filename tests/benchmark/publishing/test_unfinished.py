"""A study that is not finished: what has no result at all is named, never left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.publishing.tables import study_tables
from benchmark.results.opening import open_results
from benchmark.runs.executors import InlineExecutor
from benchmark.study.plan import prepare
from benchmark.study.running import run
from benchmark.study.study import Study, make_study
from benchmark.tables.kinds import TableSettings
from tests.samples import make_samples


@pytest.fixture
def root(tmp_path: Path, own_home: Path) -> Path:
    """A folder of runs on one of two data sets, under one of two protocols."""
    for name in ("toy", "other"):
        write_store(make_samples(60, words=False, name=name, seed=len(name)), store_path(name))
    run(study(), tmp_path, InlineExecutor())
    return tmp_path


def study(**changes: object) -> Study:
    return make_study({"datasets": ["toy"], "models": ["constant"], "protocols": ["complete"], "seeds": 1, **changes})


def footnotes(chosen: Study, root: Path) -> str:
    """The footnotes of the leaderboard, with what the terminal says to do."""
    entries, _ = study_tables(open_results(prepare(chosen), root), TableSettings(draws=20), ["leaderboard"])
    (entry,) = (entry for entry in entries if entry.name == "leaderboard")
    return "\n".join(f"{note.text} {note.remedy}" for note in entry.table.footnotes)


def test_a_protocol_without_any_cell_is_named_with_the_command_that_fills_it(root: Path) -> None:
    text = footnotes(study(protocols=["complete", "inter-drop"]), root)
    assert "Missing: no model has a result under inter-drop" in text
    assert "what is missing is filled by `sentibench run " in text
    assert "Missing" not in footnotes(study(), root)


def test_a_data_set_without_any_run_is_named(root: Path) -> None:
    assert "Missing: no run on other is finished." in footnotes(study(datasets=["toy", "other"]), root)
