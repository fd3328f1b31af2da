"""Files of runs and data that were edited or damaged: one line that says so, instead of a number or a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from benchmark.cli.main import sentibench as group
from benchmark.data import sources
from benchmark.data.catalog import store_path
from benchmark.data.store import verify_store, write_store
from benchmark.results.opening import open_results
from benchmark.runs import data, record
from benchmark.runs.cells import RunCells
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.record import Evaluation, check_file, read_record, sealed, write_record
from benchmark.runs.store import RunStore
from benchmark.runs.trained_run import open_run
from benchmark.study.filing import save_study
from benchmark.study.plan import prepare
from benchmark.study.running import RunOutcome, pending, run
from benchmark.study.study import Study, make_study
from protocols import InputError, parse
from tests.benchmark.runs.test_adopt import COMPLETE, DROP, filed, make_run, make_spec, table
from tests.samples import make_samples


def study(encoder: Path, *protocols: str) -> Study:
    fields = {
        "datasets": ["toy"],
        "models": ["text-only"],
        "protocols": list(protocols or [COMPLETE]),
        "seeds": 1,
        "encoder": {"name": str(encoder)},
        "optimisation": {"epochs": 1, "batch_size": 16},
    }
    return make_study(fields)


@pytest.fixture
def done(tiny_encoder: Path, tmp_path: Path, own_home: Path) -> tuple[Study, Path, Path]:
    """A study of one run, its run store, and the folder of the run."""
    write_store(make_samples(), store_path("toy"))
    outcome = run(study(tiny_encoder), tmp_path / "runs", InlineExecutor())
    assert not outcome.failed
    return outcome.plan.study, tmp_path / "runs", RunStore(tmp_path / "runs").folder(outcome.records[0].spec)


def other_predictions(folder: Path) -> None:
    path = folder / "predictions.parquet"
    found = pd.read_parquet(path)
    found.assign(prediction=found["prediction"] * 0.5).to_parquet(path, index=False)


def zero_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({name: weight * 0 for name, weight in load_file(path).items()}, path)


def edit_spec(folder: Path) -> None:
    content = json.loads((folder / "run.json").read_text())
    content["spec"]["config"]["width"] = 999
    (folder / "run.json").write_text(json.dumps(content))


def lines_of_doctor(root: Path) -> str:
    result = CliRunner().invoke(group, ["doctor", "--out", str(root), "--json"])
    return next(f["text"] for f in json.loads(result.output) if f["subject"] == "runs")


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (other_predictions, "predictions.parquet: was changed or is damaged"),
        (zero_weights, "model.safetensors: was changed or is damaged"),
        (edit_spec, "run.json: its spec was changed"),
        (lambda folder: (folder / "history.csv").write_text("x"), "history.csv: was changed or is damaged"),
        (lambda folder: (folder / "samples.parquet").unlink(), "samples.parquet: cannot be read"),
        (lambda folder: (folder / "run.json").write_text("{"), "run.json: is damaged"),
    ],
)
def test_doctor_and_check_name_every_change(
    done: tuple[Study, Path, Path], edit: Callable[[Path], None], named: str
) -> None:
    _, root, folder = done
    assert lines_of_doctor(root) == f"{root}: every file is as it was filed"
    assert "the files of 1 runs are as they were filed" in CliRunner().invoke(
        group, ["report", "--check", str(root)]
    ).output  # fmt: skip
    edit(folder)
    assert named in lines_of_doctor(root)
    assert len(RunStore(root).faults()) == 1


def test_report_refuses_changed_predictions(done: tuple[Study, Path, Path]) -> None:
    chosen, root, folder = done
    other_predictions(folder)
    with pytest.raises(InputError, match=r"predictions\.parquet: was changed or is damaged .* run the study again"):
        open_results(prepare(chosen), root)
    result = CliRunner().invoke(group, ["report", "--check", str(root)])
    assert "predictions.parquet: was changed" in result.output
    assert f"{root}: 1 difference" in result.output


def test_zeroed_weights_neither_predict_nor_get_new_cells(done: tuple[Study, Path, Path], tiny_encoder: Path) -> None:
    _, root, folder = done
    zero_weights(folder)
    with pytest.raises(InputError, match=r"model\.safetensors: was changed or is damaged"):
        open_run(folder)
    outcome = run(study(tiny_encoder, COMPLETE, DROP), root, InlineExecutor())
    assert "model.safetensors: was changed or is damaged" in str(outcome.failed[0].error)


def test_an_edited_spec_is_no_result_and_is_run_again(done: tuple[Study, Path, Path]) -> None:
    chosen, root, folder = done
    edit_spec(folder)
    with pytest.raises(InputError, match="its spec was changed"):
        open_run(folder)
    assert pending(prepare(chosen), root) == [0]
    assert not run(chosen, root, InlineExecutor()).failed
    assert RunStore(root).faults() == []


def test_a_changed_value_of_a_data_store_is_noticed_by_run(tiny_encoder: Path, tmp_path: Path, own_home: Path) -> None:
    write_store(make_samples(), store_path("toy"))
    chosen = study(tiny_encoder)
    change_a_value()
    for kept in (data._kept, data._sealed):  # as in a new process
        kept.cache_clear()
    outcome = run(chosen, tmp_path / "runs", InlineExecutor())
    assert "toy: its store was changed or is damaged since its import" in str(outcome.failed[0].error)


def change_a_value() -> None:
    """Change one bit of the audio of the data store `toy`."""
    row = make_samples().streams["audio"].values[0].tobytes()  # type: ignore[index]
    content = store_path("toy").read_bytes()
    at = content.index(row)
    store_path("toy").write_bytes(content[:at] + bytes([row[0] ^ 1]) + content[at + 1 :])


def test_a_changed_data_store_is_noticed_where_nothing_is_left_to_run(
    done: tuple[Study, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, root, _ = done
    reads = []
    monkeypatch.setattr(sources, "verify_store", lambda path: reads.append(path) or verify_store(path))  # type: ignore[func-returns-value]
    for _ in range(2):
        assert run(chosen, root, InlineExecutor()).executed == 0
    assert reads == [store_path("toy")]
    change_a_value()
    changed = "toy: its store was changed or is damaged since its import"
    with pytest.raises(InputError, match=changed):
        run(chosen, root, InlineExecutor())
    assert changed in CliRunner().invoke(group, ["report", "--check", str(root)]).output
    store_path("toy").unlink()
    assert "as they were filed" in CliRunner().invoke(group, ["report", "--check", str(root)]).output


def test_the_error_of_an_old_record_is_shown_as_one_visible_line(
    done: tuple[Study, Path, Path], tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, root, folder = done
    failed = read_record(folder / "run.json")
    assert failed is not None
    failed = failed.model_copy(update={"status": "failed", "error": "a\x1b[2J\nb\u202ec"})
    plan = prepare(chosen)
    other = failed.model_copy(update={"status": "done"})
    monkeypatch.setattr("benchmark.study.running.run", lambda *_, **__: RunOutcome(plan, (failed, other), 1, root))
    save_study(chosen, root)
    result = CliRunner().invoke(group, ["run", str(root / "studies" / chosen.name / "study.yaml"), "--out", str(root)])
    assert "failed: toy text-only seed 0 split official: a⟨U+001B⟩[2J b⟨U+202E⟩c\n" in result.stderr


def seal(folder: Path) -> Path:
    found = read_record(folder / "run.json")
    assert found is not None
    write_record(sealed(found, folder), folder / "run.json")
    return folder


def test_added_cells_leave_right_checksums_wherever_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is right before and after each of the three steps: record of both files, file, record."""
    cell = Evaluation(scenario=DROP, fingerprint=parse(DROP).fingerprint, masks_sha256=DROP, mae=0.0)
    replace, steps = Path.replace, 3
    for killed in range(steps + 1):
        store = RunStore(tmp_path / str(killed))
        kept = store.adopt(make_spec(), seal(make_run(tmp_path / "a", {COMPLETE: 1.0})))
        left = [killed]

        def step(self: Path, target: Path, left: list[int] = left) -> Path:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return replace(self, target)

        added = RunCells(kept.model_copy(update={"evaluations": (cell,)}), table({DROP: 2.0}))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", step)
            if killed < steps:
                with pytest.raises(KeyboardInterrupt):
                    store.add(added)
            else:
                store.add(added)
        assert store.faults() == []
        store.add(added)
        assert filed(store) == {COMPLETE: 1.0, DROP: 2.0}
        after = store.done(make_spec())
        assert after is not None
        assert {len(known) for known in after.files.values()} == {1}


def test_a_file_that_is_replaced_while_it_is_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = seal(make_run(tmp_path / "a", {COMPLETE: 1.0}))
    digests = iter(["old"])
    digest = record.sha256_of
    monkeypatch.setattr(record, "sha256_of", lambda path: next(digests, None) or digest(path))
    check_file(folder, "predictions.parquet")


def test_a_changed_folder_is_not_adopted(tmp_path: Path) -> None:
    folder = seal(make_run(tmp_path / "a", {COMPLETE: 1.0}))
    (folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(InputError, match=r"model\.safetensors: was changed or is damaged"):
        RunStore(tmp_path / "runs").adopt(make_spec(), folder)


def test_runs_of_older_versions_have_no_checksums_and_stay_readable(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    kept = store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0}))
    assert kept.files == {}
    (store.folder(make_spec()) / "history.csv").write_text("epoch\n2\n")
    assert store.faults() == []
    store.adopt(make_spec(), make_run(tmp_path / "b", {DROP: 1.0}))
    assert filed(store) == {COMPLETE: 1.0, DROP: 1.0}
