"""The work for a study of many finished runs is bounded: every file is read once, and nothing is made twice."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import benchmark.tables.remarks
from benchmark.cli.main import main
from benchmark.results.opening import open_results
from benchmark.runs import record, store
from benchmark.runs.grid import Grid
from benchmark.study.plan import Plan, prepare
from protocols.mechanisms.base import Mechanism
from tests.bench.many_runs import many_runs

DATASETS, MODELS, RUNS = 2, 3, 12


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path, Path]:
    """The plan, the folder of runs with tables and figures, and the data folder."""
    runs, home = tmp_path_factory.mktemp("many") / "runs", tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBENCH_HOME", str(home))
        plan = many_runs(runs, RUNS, DATASETS, MODELS)
        again(runs)
    return plan, runs, home


@pytest.fixture
def finished(reported: tuple[Plan, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Path]:
    plan, runs, home = reported
    monkeypatch.setenv("SENTIBENCH_HOME", str(home))
    shutil.copytree(runs, tmp_path / "runs")
    return plan, tmp_path / "runs"


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of calls: `record`, `predictions`, `samples`, `collapse`, `grid`, `text` (of a mechanism), `installed`."""
    found: Counter[str] = Counter()

    def count(owner: Any, name: str, key: Callable[..., str]) -> None:
        function = getattr(owner, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            found[key(*arguments)] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    for module in (record, store):
        count(module, "read_record", lambda path: "record")
        count(module, "sha256_of", lambda path: path.stem)
    count(Path, "read_bytes", lambda path: path.stem)
    count(benchmark.tables.remarks, "collapse_text", lambda *_: "collapse")
    count(Grid, "of", lambda *_: "grid")
    count(Mechanism, "__str__", lambda _: "text")
    count(importlib.metadata, "entry_points", lambda *_: "installed")
    return found


def again(root: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", str(root / "studies" / "many" / "study.yaml"), "--out", str(root)])
    assert not ended.value.code


def test_nothing_to_do_reads_every_record_once_and_makes_nothing(
    finished: tuple[Plan, Path], counts: Counter[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, root = finished
    again(root)
    folder = root / "studies" / "many"
    made = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    counts.clear()
    again(root)
    assert counts["record"] == counts["run"] == RUNS
    assert not counts["predictions"]
    assert f"tables and figures are up to date; 'sentibench report many --out {root}' prints them" in (
        capsys.readouterr().out
    )
    del made[folder / "study.yaml"]
    assert all(path.stat().st_mtime_ns == time for path, time in made.items())


@pytest.mark.parametrize("change", ["a table", "no figure", "a run", "the study"])
def test_tables_are_made_again_after_a_change(
    finished: tuple[Plan, Path], change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, root = finished
    again(root)
    folder = root / "studies" / "many"
    leaderboard = (folder / "leaderboard.md").read_text()
    if change == "a table":
        (folder / "leaderboard.md").write_text("other settings")
    elif change == "no figure":
        next(folder.glob("*.pdf")).unlink()
    elif change == "a run":
        (store.RunStore(root).folder(plan.runs[0].spec) / "run.json").touch()
    else:
        study = folder / "study.yaml"
        study.write_text(study.read_text().replace("- 1\n", ""))
    capsys.readouterr()
    again(root)
    assert "up to date" not in capsys.readouterr().out
    assert list(folder.glob("*.pdf"))
    assert ((folder / "leaderboard.md").read_text() == leaderboard) == (change != "the study")
    again(root)
    assert "up to date" in capsys.readouterr().out


def test_a_report_reads_every_file_and_examines_every_model_once(
    finished: tuple[Plan, Path], counts: Counter[str]
) -> None:
    from benchmark.publishing.tables import report

    plan, root = finished
    results = open_results(prepare(plan.study), root)
    assert counts["grid"] == 1  # the runs have the same samples and scenarios
    assert counts["text"] < 12 * len(plan.scenarios)
    assert counts["installed"] <= 3
    report(results)
    assert counts["predictions"] == RUNS
    assert counts["record"] == RUNS + DATASETS  # again for the samples of each data set
    assert counts["collapse"] == DATASETS * MODELS
