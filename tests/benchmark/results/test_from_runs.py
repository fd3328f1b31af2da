"""From files of runs to rows of a panel."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.results.from_runs import ValidSelection, _capability_notes
from benchmark.runs.cells import write_predictions
from benchmark.runs.record import RunRecord, write_record
from benchmark.runs.store import RunStore
from protocols import InputError
from tests.benchmark.runs.test_store import make_spec


def test_predictions_are_put_in_the_order_of_the_samples(tmp_path: Path) -> None:
    """The samples are not sorted by id, and the rows of the file are in yet another order."""
    store, spec = RunStore(tmp_path), make_spec()
    ids = ["b", "d", "a", "c"]
    rows = pd.DataFrame(
        [(scenario, name, base + ids.index(name)) for scenario, base in (("s", 0.0), ("t", 10.0)) for name in "cdab"],
        columns=["scenario", "sample_id", "prediction"],
    )
    record = RunRecord(id=spec.id, spec=spec, status="done", best_epoch=3)
    with store.writing(spec) as folder:
        samples = pd.DataFrame({"sample_id": ids, "video_id": "v", "label": np.arange(4.0)})
        samples.to_parquet(folder / "samples.parquet")
        write_predictions(rows, folder / "predictions.parquet")
        (folder / "history.csv").write_text("epoch\n1\n")
        write_record(record, folder / "run.json")
    plan: Any = SimpleNamespace(protocols=())
    run: Any = SimpleNamespace(spec=spec)
    epoch, table = ValidSelection(plan, store).read(run, record, store.samples(spec))
    assert epoch == 3
    assert table.columns.tolist() == ids
    assert table.loc["s"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert table.loc["t"].tolist() == [10.0, 11.0, 12.0, 13.0]


@pytest.mark.parametrize("fault", ["missing", "twice"])
def test_a_missing_or_repeated_prediction_is_refused(tmp_path: Path, fault: str) -> None:
    spec, store = make_spec(), RunStore(tmp_path)
    store.folder(spec).mkdir(parents=True)
    table = pd.DataFrame({"scenario": ["x"] * 4, "sample_id": list("abcd"), "prediction": np.arange(4.0)})
    table = table.iloc[:3] if fault == "missing" else pd.concat([table, table.iloc[:1]])
    write_predictions(table, store.folder(spec) / "predictions.parquet")
    with pytest.raises(InputError, match=r"predictions\.parquet: a prediction is missing or occurs twice"):
        store.wide_predictions(spec, list("abcd"))


def test_every_run_is_read_by_its_own_rows(tmp_path: Path) -> None:
    """The places of the rows are kept from run to run, and found again where a file has other rows."""
    store, files = RunStore(tmp_path), [("st", "ab"), ("st", "ab"), ("ts", "ba"), ("s", "ab"), ("st", "ab")]
    for seed, (scenarios, ids) in enumerate(files):
        rows = [(s, i, seed + 10 * "st".index(s) + 100 * "ab".index(i)) for s in scenarios for i in ids]
        spec = make_spec(seed=seed)
        store.folder(spec).mkdir(parents=True)
        table = pd.DataFrame(rows, columns=["scenario", "sample_id", "prediction"])
        write_predictions(table, store.folder(spec) / "predictions.parquet")
        for wanted in ("ab", "ba", "a"):
            wide = store.wide_predictions(spec, list(wanted))
            expected = {s: [seed + 10 * "st".index(s) + 100 * "ab".index(i) for i in wanted] for s in scenarios}
            assert {s: wide.loc[s].tolist() for s in wide.index} == expected


def test_runs_of_different_processor_capabilities_are_noted() -> None:
    def record(**provenance: str) -> RunRecord:
        return RunRecord(id=make_spec().id, spec=make_spec(), status="done", provenance=provenance)

    old, one, two = record(), record(cpu_capability="AVX512"), record(cpu_capability="AVX2")
    assert _capability_notes([old, one, one]) == []
    assert _capability_notes([two, old, one]) == [
        "Runs of different processor capabilities (AVX2, AVX512): equal to about 3e-6."
    ]
