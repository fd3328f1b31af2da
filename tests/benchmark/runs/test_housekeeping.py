"""`sentibench runs`: runs and what they take are listed; only what nothing needs is removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmark.cli.main import sentibench
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.housekeeping import remove_runs, stored_runs
from benchmark.runs.resuming import training_folder
from benchmark.runs.text_states import states_folder, text_states
from benchmark.study.plan import Plan, prepare
from benchmark.study.running import pending, run
from benchmark.study.study import make_study
from protocols import InputError
from protocols.temporaries import owned_name
from tests.samples import make_samples


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with three runs, of which study `a` uses two and study `b` two."""
    write_store(make_samples(words=False), store_path("toy"))
    monkeypatch.setattr("benchmark.runs.text_states.tempfile.gettempdir", lambda: str(tmp_path))
    folder = tmp_path / "runs"
    for name, seeds in (("a", [0, 1]), ("b", [1, 2])):
        run(plan(name, seeds), folder, InlineExecutor())
    return folder


def plan(name: str, seeds: list[int]) -> Plan:
    fields = {"name": name, "datasets": ["toy"], "models": ["constant"], "protocols": ["complete"], "seeds": seeds}
    return prepare(make_study(fields))


def call(root: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(sentibench, ["runs", *arguments, "--out", str(root)], standalone_mode=False)
    assert result.exception is None, result.exception
    assert (result.return_value or 0) == code, result.output
    return result


def seeds(root: Path) -> list[int]:
    return sorted(run.seed for run in stored_runs(root, {}))


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"}


def test_the_list_names_every_run_and_the_studies_that_use_it(root: Path) -> None:
    found = {row["seed"]: row for row in json.loads(call(root, "list", "--json").output)}
    assert {seed: row["studies"] for seed, row in found.items()} == {0: ["a"], 1: ["a", "b"], 2: ["b"]}
    assert {(r["dataset"], r["split"], r["model"], r["status"]) for r in found.values()} == {
        ("toy", "official", "constant", "done")
    }
    for row in found.values():
        assert row["bytes"] == sum(path.stat().st_size for path in Path(row["folder"]).iterdir())
    lines = call(root, "list", "--study", "b").output.splitlines()
    assert [line.split()[0] for line in lines] == [found[1]["id"], found[2]["id"]]
    assert "a, b" in lines[0]


def test_damaged_and_newer_runs_and_unknown_studies_are_listed(root: Path) -> None:
    first, second, third = sorted(root.glob("toy/official/*/run.json"))
    first.write_text("{")
    second.write_text(second.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    (root / "studies" / "b" / "study.yaml").write_text("datasets: [gone]\nmodels: [constant]\n")
    result = call(root, "list")
    assert [line.split()[5] for line in result.stdout.splitlines()] == ["damaged", "newer", "done"]
    assert "the runs of study 'b' are not known" in result.stderr
    assert [run.id for run in stored_runs(root, {})] == [p.parent.name[-16:] for p in (first, second, third)]


def test_sizes_add_up_to_all_files(root: Path) -> None:
    place = next(root.glob("toy/official/*"))
    (place.with_name(f".{place.name}.resume")).mkdir()
    (place.with_name(f".{place.name}.resume") / "state.pt").write_bytes(b"1" * 1000)
    (root / f"{owned_name('x')}.csv").write_bytes(b"1" * 100)
    states_folder(root).mkdir()
    (states_folder(root) / "layer.npy").write_bytes(b"1" * 10)
    found = {kind: size["bytes"] for kind, size in json.loads(call(root, "size", "--json").output).items()}
    assert (found["states of killed trainings"], found["temporary files"], found["text states"]) == (1000, 100, 10)
    assert sum(found.values()) == 10 + sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    assert "  total" in call(root, "size").output


def test_runs_that_another_study_uses_stay_unless_it_is_named(root: Path) -> None:
    before = contents(root)
    result = call(root, "remove", "--study", "a", "--dry-run", code=1)
    assert "would remove 1 run " in result.stdout
    assert "stays: study 'b' uses it" in result.stderr
    assert contents(root) == before
    call(root, "remove", "--study", "a", "--yes", code=1)
    assert seeds(root) == [1, 2]
    call(root, "remove", "--model", "constant", "--yes", code=1)
    assert seeds(root) == [1, 2]
    call(root, "remove", "--study", "a", "--study", "b", "--yes")
    assert seeds(root) == []
    assert not list(root.glob("toy/official/.*"))
    assert pending(plan("b", [1, 2]), root) == [0, 1]


def test_a_run_is_removed_by_its_id_and_a_failed_one_always(root: Path) -> None:
    chosen, other, third = stored_runs(root, {})
    call(root, "remove", "--id", chosen.id[:6], "--yes")
    record = other.folder / "run.json"
    record.write_text(record.read_text().replace('"status": "done"', '"status": "failed"'))
    call(root, "remove", "--failed", "--yes")
    assert [run.id for run in stored_runs(root, {})] == [third.id]


def test_nothing_is_removed_without_an_answer(root: Path) -> None:
    command = ["runs", "remove", "--study", "a", "--study", "b", "--out", str(root)]
    assert "add --yes" in str(CliRunner().invoke(sentibench, command).exception)
    assert seeds(root) == [0, 1, 2]
    for arguments, message in (
        ([], "select runs with"),
        (["--study", "c"], "unknown study 'c'"),
        (["--model", "lnln"], "unknown model of a run"),
        (["--id", "x"], "0 runs have an id"),
        (["--id", ""], "3 runs have an id"),
    ):
        error = CliRunner().invoke(sentibench, ["runs", "remove", *arguments, "--yes", "--out", str(root)]).exception
        assert isinstance(error, InputError)
        assert message in str(error)
    assert seeds(root) == [0, 1, 2]


def test_runs_stay_while_a_study_that_may_use_them_cannot_be_resolved(root: Path) -> None:
    (root / "studies" / "b" / "study.yaml").write_text("datasets: [gone]\nmodels: [constant]\n")
    result = call(root, "remove", "--study", "a", "--yes", code=1)
    assert "study 'b', which cannot be resolved" in result.stderr
    assert seeds(root) == [0, 1, 2]


def test_runs_and_states_that_a_process_uses_stay(root: Path) -> None:
    trained, written, free = stored_runs(root, {})
    written.folder.with_name(owned_name(written.folder.name)).mkdir()
    with training_folder(trained.folder) as states, text_states(root):
        assert states is not None
        result = call(root, "remove", "--study", "a", "--study", "b", "--states", "--yes", code=1)
        assert "stays: a process uses it" in result.stderr
        assert states.is_dir()
        assert states_folder(root).is_dir()
    assert {run.id for run in stored_runs(root, {})} == {trained.id, written.id}
    assert not free.folder.exists()


def test_states_of_killed_processes_are_freed_and_runs_stay(root: Path) -> None:
    run = stored_runs(root, {})[0].folder
    left = [run.with_name(f".{run.name}.resume"), states_folder(root)]
    for folder in left:
        folder.mkdir()
        (folder / "state").touch()
    dead = states_folder(root) / ".states.host-00000000-1-1-00000000.process"
    dead.touch()
    os.utime(dead, (0, 0))
    assert "would remove 2 folders of states" in call(root, "remove", "--states", "--dry-run").output
    assert all(folder.is_dir() for folder in left)
    call(root, "remove", "--states", "--yes")
    assert not any(folder.exists() for folder in left)
    assert seeds(root) == [0, 1, 2]


def test_a_removal_that_is_interrupted_leaves_a_hidden_folder_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    chosen = stored_runs(root, {})[0]
    with monkeypatch.context() as patch:
        patch.setattr("benchmark.runs.housekeeping.shutil.rmtree", interrupt)
        with pytest.raises(KeyboardInterrupt):
            remove_runs(root, [chosen])
    assert chosen.id not in {found.id for found in stored_runs(root, {})}
    (left,) = chosen.folder.parent.glob(".*")
    assert {path.name for path in left.iterdir()} > {"run.json", "predictions.parquet"}
    assert json.loads(call(root, "size", "--json").output)["temporary files"]["files"] == len(list(left.iterdir()))
