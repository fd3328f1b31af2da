"""Filing a run that another process has filed meanwhile: cells are united, equal bits are required, nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.runs.cells import RunCells, epochs_table, epochs_writer, write_predictions
from benchmark.runs.record import EpochEvaluations, Evaluation, RunRecord, read_record, write_record
from benchmark.runs.store import RunStore
from protocols import InputError, parse
from tests.benchmark.runs.test_store import make_spec

COMPLETE, DROP, BLOCK = "complete", "drop(rate=0.5)", "block(rate=0.5)"
HERE = {"host": "a", "cpu_capability": "AVX2", "libraries": {"torch": "2.6"}, "device": "cpu", "threads": 1}
THERE = {**HERE, "host": "b", "cpu_capability": "AVX512"}


def make_run(
    folder: Path,
    cells: Mapping[str, float],
    *,
    weights: bytes = b"w",
    provenance: Mapping[str, Any] = HERE,
    epochs: tuple[str, ...] = (),
) -> Path:
    """Write a run whose predictions under each scenario are its value in `cells`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    evaluations = tuple(
        Evaluation(scenario=text, fingerprint=parse(text).fingerprint, masks_sha256=text, mae=0.0) for text in cells
    )
    tested = EpochEvaluations(epochs=(1, 2), fingerprints=tuple(parse(text).fingerprint for text in epochs))
    record: dict[str, Any] = {
        "id": make_spec().id,
        "spec": make_spec(),
        "status": "done",
        "evaluations": evaluations,
        "tested_epochs": tested if epochs else None,
        "provenance": provenance,
    }
    samples = pd.DataFrame({"sample_id": ["a", "b"], "video_id": ["v", "v"], "label": [0.0, 1.0]})
    samples.to_parquet(folder / "samples.parquet")
    write_predictions(table(cells), folder / "predictions.parquet")
    (folder / "history.csv").write_text("epoch\n1\n")
    (folder / "model.safetensors").write_bytes(weights)
    if epochs:
        with epochs_writer(folder / "epochs.parquet") as writer:
            for text in epochs:
                values = table({text: cells[text]})["prediction"].to_numpy()
                writer.write_table(epochs_table((1, 2), text, ["a", "b"], values.repeat(2)))
    write_record(RunRecord(**record), folder / "run.json")
    return folder


def table(cells: Mapping[str, float]) -> pd.DataFrame:
    rows = [pd.DataFrame({"sample_id": ["a", "b"], "scenario": text, "prediction": cells[text]}) for text in cells]
    return pd.concat(rows, ignore_index=True)


def filed(store: RunStore) -> dict[str, float]:
    """Return the cells on file, which must be those of the record, with their predictions."""
    record = store.done(make_spec())
    assert record is not None
    found = store.predictions(make_spec()).groupby("scenario", observed=True)["prediction"]
    assert (found.size() == 2).all()
    cells = {str(text): float(value) for text, value in found.first().items()}
    assert set(cells) == {cell.scenario for cell in record.evaluations}
    return cells


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_a_folder_from_elsewhere_is_moved_into_the_store(store: RunStore, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "parcel", {COMPLETE: 1.0})
    record = store.adopt(make_spec(), folder)
    assert store.done(make_spec()) == record
    assert filed(store) == {COMPLETE: 1.0}
    assert not folder.exists()


def test_a_folder_of_another_disk_is_copied_first(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path / "parcel", {COMPLETE: 1.0})
    rename = os.rename

    def across(source: Path, target: Path) -> None:
        if source == folder:
            raise OSError(18, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr("os.rename", across)
    store.adopt(make_spec(), folder)
    assert filed(store) == {COMPLETE: 1.0}
    assert not folder.exists()


def test_cells_of_both_are_kept(store: RunStore, tmp_path: Path) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0, DROP: 2.0}))
    record = store.adopt(make_spec(), make_run(tmp_path / "b", {DROP: 2.0, BLOCK: 3.0}))
    assert filed(store) == {COMPLETE: 1.0, DROP: 2.0, BLOCK: 3.0}
    assert record == store.done(make_spec())
    assert record.notes == ()
    assert not (tmp_path / "b").exists()


def test_a_run_that_became_done_meanwhile_is_not_replaced(store: RunStore, tmp_path: Path) -> None:
    with store.writing(make_spec()) as folder:
        make_run(folder, {COMPLETE: 1.0})
        store.adopt(make_spec(), make_run(tmp_path / "other", {DROP: 2.0}))
    assert filed(store) == {COMPLETE: 1.0, DROP: 2.0}


def test_processes_that_file_one_run_at_once_lose_no_cell(store: RunStore, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from benchmark.runs.store import RunStore\n"
        "from tests.benchmark.runs.test_adopt import make_run, make_spec\n"
        "folder = make_run(Path(sys.argv[2]), {sys.argv[3]: 1.0}); print(flush=True); input()\n"
        "RunStore(Path(sys.argv[1])).adopt(make_spec(), folder)"
    )
    texts = [COMPLETE, DROP, BLOCK]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(store.root), str(tmp_path / str(number)), text],
            cwd=Path(__file__).resolve().parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number, text in enumerate(texts)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:  # all are ready: they file at once
        process.communicate(b"\n")
        assert process.returncode == 0
    assert set(filed(store)) == set(texts)


def test_threads_that_add_cells_at_once_lose_none(store: RunStore, tmp_path: Path) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 0.0}))
    record = store.done(make_spec())
    assert record is not None
    texts = [f"drop(rate=0.{n})" for n in range(1, 9)]

    def add(text: str) -> None:
        cell = Evaluation(scenario=text, fingerprint=parse(text).fingerprint, masks_sha256=text, mae=0.0)
        RunStore(store.root).add(RunCells(record.model_copy(update={"evaluations": (cell,)}), table({text: 1.0})))

    threads = [threading.Thread(target=add, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(filed(store)) == {COMPLETE, *texts}


def versioned(folder: Path, **versions: int) -> Path:
    record = read_record(folder / "run.json")
    assert record is not None
    write_record(record.model_copy(update=versions), folder / "run.json")
    return folder


@pytest.mark.parametrize("field", ["training_version", "inference_version"])
@pytest.mark.parametrize("cells", [{DROP: 1.0}, {COMPLETE: 5.0}], ids=["another cell", "another value"])
def test_cells_of_two_versions_are_never_united(
    store: RunStore, tmp_path: Path, field: str, cells: dict[str, float]
) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0}))
    record = store.adopt(make_spec(), versioned(make_run(tmp_path / "b", cells), **{field: 2}))
    assert filed(store) == {COMPLETE: 1.0}
    assert record.versions == (1, 1)
    assert "versions of training or inference differ" in record.notes[0]


def test_cells_that_a_newer_inference_has_evaluated_again_replace_all_others(store: RunStore, tmp_path: Path) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0, BLOCK: 1.0}, epochs=(COMPLETE,)))
    record = read_record(make_run(tmp_path / "b", {COMPLETE: 2.0, BLOCK: 2.0, DROP: 2.0}) / "run.json")
    assert record is not None
    newer = record.model_copy(update={"inference_version": 2})
    store.add(RunCells(newer, table({COMPLETE: 2.0, BLOCK: 2.0, DROP: 2.0})))
    assert filed(store) == {COMPLETE: 2.0, BLOCK: 2.0, DROP: 2.0}
    filed_record = store.done(make_spec())
    assert filed_record is not None
    assert filed_record.versions == (1, 2)
    assert filed_record.tested_epochs is None
    assert not store.faults()


def test_a_failed_run_never_replaces_one_that_is_done(store: RunStore, tmp_path: Path) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0}))
    with store.writing(make_spec()) as folder:
        write_record(RunRecord(id=make_spec().id, spec=make_spec(), status="failed", error="why"), folder / "run.json")
    assert filed(store) == {COMPLETE: 1.0}


def test_a_differing_cell_of_equal_machines_is_an_error(store: RunStore, tmp_path: Path) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0}))
    other = make_run(tmp_path / "b", {COMPLETE: 1.5, DROP: 2.0}, provenance={**HERE, "host": "b"})
    with pytest.raises(InputError, match=r"predictions of complete differ .* on a \(AVX2, torch 2.6\) and b \(AVX2"):
        store.adopt(make_spec(), other)
    assert filed(store) == {COMPLETE: 1.0}
    assert other.is_dir()


@pytest.mark.parametrize(
    "provenance",
    [THERE, {}, {**HERE, "libraries": {"torch": "2.7"}}, {**HERE, "device": "H200"}, {**HERE, "threads": 2}],
)
def test_of_a_differing_cell_of_other_machines_the_first_is_kept_with_a_note(
    store: RunStore, tmp_path: Path, provenance: dict[str, Any]
) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0}))
    for _ in range(2):  # the note is made once
        record = store.adopt(make_spec(), make_run(tmp_path / "b", {COMPLETE: 1.5, DROP: 2.0}, provenance=provenance))
        assert filed(store) == {COMPLETE: 1.0, DROP: 2.0}
        (note,) = record.notes
        assert note.startswith("predictions of complete differ: those of a (AVX2, torch 2.6) were kept, those of ")


def test_cells_of_other_weights_are_left_out(store: RunStore, tmp_path: Path) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0}))
    record = store.adopt(make_spec(), make_run(tmp_path / "b", {DROP: 2.0}, weights=b"v", provenance=THERE))
    assert filed(store) == {COMPLETE: 1.0}
    assert record.notes == (
        "weights of the model differ: those of a (AVX2, torch 2.6) were kept, those of b (AVX512, torch 2.6) left out "
        "with 1 cell",
    )
    with pytest.raises(InputError, match="weights of the model differ between two executions with equal processor"):
        store.adopt(make_spec(), make_run(tmp_path / "c", {DROP: 2.0}, weights=b"v"))


def test_a_run_with_cells_of_two_machines_promises_no_equal_bits(store: RunStore, tmp_path: Path) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0}))
    record = store.adopt(make_spec(), make_run(tmp_path / "b", {DROP: 2.0}, provenance=THERE))
    assert record.provenance == {**HERE, "cells_also_from": ["b (AVX512, torch 2.6)"]}
    record = store.adopt(make_spec(), make_run(tmp_path / "c", {DROP: 2.1, BLOCK: 3.0}))
    assert len(record.notes) == 1
    assert filed(store) == {COMPLETE: 1.0, DROP: 2.0, BLOCK: 3.0}


def test_epochs_of_both_are_kept(store: RunStore, tmp_path: Path) -> None:
    store.adopt(make_spec(), make_run(tmp_path / "a", {COMPLETE: 1.0}))
    store.adopt(make_spec(), make_run(tmp_path / "b", {COMPLETE: 1.0, DROP: 2.0}, epochs=(COMPLETE,)))
    record = store.adopt(make_spec(), make_run(tmp_path / "c", {COMPLETE: 1.0, DROP: 2.0}, epochs=(COMPLETE, DROP)))
    assert record.tested_epochs is not None
    assert record.tested_epochs.fingerprints == tuple(parse(text).fingerprint for text in (COMPLETE, DROP))
    found = store.epochs(make_spec(), [COMPLETE, DROP])
    assert found["scenario"].astype(str).tolist() == [COMPLETE] * 4 + [DROP] * 4
    assert found["prediction"].tolist() == [1.0] * 4 + [2.0] * 4
    assert found["epoch"].tolist() == [1, 1, 2, 2] * 2


@pytest.mark.parametrize("damage", ["spec", "predictions.parquet", "run.json"])
def test_an_incomplete_folder_is_refused_and_stays(store: RunStore, tmp_path: Path, damage: str) -> None:
    folder = make_run(tmp_path / "a", {COMPLETE: 1.0})
    spec = make_spec(seed=1) if damage == "spec" else make_spec()
    if damage != "spec":
        (folder / damage).unlink()
    with pytest.raises(InputError, match=f"is not a complete run with id {spec.id}"):
        store.adopt(spec, folder)
    assert folder.is_dir()
    assert store.records() == []


def test_the_version_of_a_scenario_in_the_installed_code_replaces_an_older_one(store: RunStore, tmp_path: Path) -> None:
    old = make_run(tmp_path / "old", {COMPLETE: 1.0, DROP: 2.0})
    text = (old / "run.json").read_text().replace(parse(DROP).fingerprint, "older")
    (old / "run.json").write_text(text)
    store.adopt(make_spec(), old)
    store.adopt(make_spec(), make_run(tmp_path / "new", {DROP: 3.0}))
    assert filed(store) == {COMPLETE: 1.0, DROP: 3.0}
    again = make_run(tmp_path / "again", {DROP: 2.0})
    (again / "run.json").write_text((again / "run.json").read_text().replace(parse(DROP).fingerprint, "older"))
    store.adopt(make_spec(), again)
    assert filed(store) == {COMPLETE: 1.0, DROP: 3.0}
