"""The run store: whole or not there, whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.data.config import EncoderConfig
from benchmark.runs.cells import RunCells, write_predictions
from benchmark.runs.record import Evaluation, RunRecord, write_record
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import RunStore
from protocols import InputError


def make_spec(**changes: object) -> RunSpec:
    fields: dict[str, object] = {
        "dataset": "toy",
        "split": "official",
        "data_sha256": "0" * 64,
        "model": "text-only",
        "config": {"width": 8},
        "regime": "uncertain",
        "regime_fingerprint": "abc",
        "encoder": EncoderConfig(),
        "encoder_revision": "sha256:1",
        "scaling": "log",
        "seed": 0,
    }
    return RunSpec(**{**fields, **changes})  # type: ignore[arg-type]


def write(store: RunStore, spec: RunSpec, value: float = 1.0, status: str = "done") -> RunRecord:
    record = RunRecord(
        id=spec.id,
        spec=spec,
        status=status,  # type: ignore[arg-type]
        evaluations=(Evaluation(scenario="complete", fingerprint="f", masks_sha256="m", mae=value),),
    )
    with store.writing(spec) as folder:
        pd.DataFrame({"sample_id": ["a", "b"], "video_id": ["v", "v"], "label": [0.0, 1.0]}).to_parquet(
            folder / "samples.parquet"
        )
        write_predictions(
            pd.DataFrame({"sample_id": ["a", "b"], "scenario": "complete", "prediction": value}),
            folder / "predictions.parquet",
        )
        (folder / "history.csv").write_text("epoch\n1\n")
        write_record(record, folder / "run.json")
    return record


def test_a_run_is_found_where_it_was_written(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    assert store.done(spec) is None
    record = write(store, spec)
    assert store.done(spec) == record
    assert store.records() == [record]
    assert store.predictions(spec)["prediction"].tolist() == [1.0, 1.0]
    assert json.loads((store.folder(spec) / "run.json").read_text())["spec"]["model"] == "text-only"


def test_identity_holds_what_changes_the_outcome_and_nothing_else() -> None:
    base = make_spec()
    assert make_spec().id == base.id
    changes: list[dict[str, object]] = [
        {"split": "fold0"},
        {"data_sha256": "1" * 64},
        {"model": "audio-only"},
        {"model_version": 2},
        {"plugin_sha256": "a" * 64},
        {"plugin_sha256": "b" * 64},
        {"config": {"width": 9}},
        {"regime_fingerprint": "abd"},
        {"encoder": EncoderConfig(mode="finetune")},
        {"encoder_revision": "sha256:2"},
        {"scaling": "none"},
        {"seed": 1},
    ]
    ids = [make_spec(**change).id for change in changes]
    assert len({base.id, *ids}) == len(changes) + 1
    assert make_spec(dataset="renamed").id == base.id
    assert make_spec(regime="random_rates(clean=0.5) + drop(rate=0.3)").id == base.id


def test_the_identity_of_version_1_does_not_change() -> None:
    """Fixture: if this fails, runs of earlier releases are no longer found. Raise IDENTITY_VERSION on purpose only."""
    assert make_spec().id == "86567b5123423fc0"


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make_spec()

    def interrupted() -> None:
        with store.writing(spec) as folder:
            (folder / "run.json").write_text("{}")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert not list(store.folder(spec).parent.iterdir())


def test_a_failed_run_is_not_done_and_gives_way(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    write(store, spec, status="failed")
    assert store.done(spec) is None
    found = store.find(spec)
    assert found is not None
    assert found.status == "failed"
    write(store, spec)
    assert store.done(spec) is not None


@pytest.mark.parametrize("damage", ["run.json", "predictions.parquet", "samples.parquet"])
def test_a_damaged_run_is_not_done(tmp_path: Path, damage: str) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    write(store, spec)
    path = store.folder(spec) / damage
    if damage == "run.json":
        path.write_bytes(path.read_bytes()[:50])
    else:
        path.unlink()
    assert store.done(spec) is None


@pytest.mark.parametrize(
    "change", [{"schema_version": 2}, {"schema_version": 2, "cells": []}, {"cells": []}, {"spec": {"channel": "left"}}]
)
def test_a_run_of_a_newer_version_is_never_replaced(tmp_path: Path, change: dict[str, Any]) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    write(store, spec)
    path = store.folder(spec) / "run.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **change, "spec": {**content["spec"], **change.get("spec", {})}}))
    for ask in (store.find, store.done):
        with pytest.raises(InputError, match=r"run\.json: written by a newer version of sentibench; install that"):
            ask(spec)
    assert store.records() == []


def test_cells_are_added_to_predictions_and_record_together(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    record = write(store, spec)
    more = Evaluation(scenario="drop(rate=0.5)", fingerprint="g", masks_sha256="n", mae=2.0)
    table = store.predictions(spec).assign(scenario="drop(rate=0.5)")
    store.add(RunCells(record.model_copy(update={"evaluations": (more,)}), table))
    done = store.done(spec)
    assert done is not None
    assert set(done.evaluated()) == {"f", "g"}
    assert len(store.predictions(spec)) == 4


def test_the_published_schema_is_that_of_the_code() -> None:
    path = Path(__file__).resolve().parents[3] / "results" / "run.schema.json"
    assert json.loads(path.read_text()) == RunRecord.model_json_schema()


def test_two_processes_may_file_the_same_new_run(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), make_spec()
    with store.writing(spec) as folder:
        (folder / "history.csv").write_text("epoch\n1\n")
        other = (
            "import sys; from pathlib import Path; from benchmark.runs.store import RunStore\n"
            "from tests.benchmark.runs.test_store import make_spec, write\n"
            "write(RunStore(Path(sys.argv[1])), make_spec())"
        )
        subprocess.run([sys.executable, "-c", other, str(tmp_path)], check=True)
        record = store.done(spec)
        for name in ("samples.parquet", "predictions.parquet", "run.json"):
            (folder / name).write_bytes((store.folder(spec) / name).read_bytes())
    assert store.done(spec) == record is not None
    assert not list(tmp_path.glob("*/*/.text-only*"))
