"""A store of many small filed runs, made without training: 10 data sets, 20 models each, as many seeds as asked for.

python -m tests.bench.many_runs FOLDER 10000     # makes the store; prints what then to run and measure
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.runs.record import Evaluation, RunRecord, write_record
from benchmark.runs.store import RunStore, write_predictions
from benchmark.study.filing import save_study
from benchmark.study.plan import Plan, prepare
from benchmark.study.study import make_study
from tests.samples import make_samples

DATASETS, MODELS = 10, 20
#: Distinct files of predictions of a data set; runs take turns.
_DISTINCT = 7


def many_runs(root: Path, count: int, datasets: int = DATASETS, models: int = MODELS) -> Plan:
    """File `count` runs of made-up predictions under `root`; the data sets go to the data folder."""
    names = [f"many{i}" for i in range(datasets)]
    for seed, name in enumerate(names):
        if not store_path(name).is_file():
            store_path(name).parent.mkdir(parents=True, exist_ok=True)
            write_store(make_samples(seed=seed, words=False, name=name), store_path(name))
    entries = [{"name": "audio-only", "label": f"width {i}", "config": {"width": 8 + 8 * i}} for i in range(models - 1)]
    seeds = -(-count // (datasets * models))
    fields = {"name": "many", "datasets": names, "models": ["constant", *entries], "protocols": ["inter-drop"]}
    plan = prepare(make_study({**fields, "seeds": list(range(seeds))}))
    _file(plan, root)
    save_study(plan.study, root)
    return plan


def _file(plan: Plan, root: Path) -> None:
    made = root / ".made"
    rng = np.random.default_rng(0)
    names = [str(s) for s in plan.scenarios]
    for seed, dataset in enumerate(plan.study.datasets):
        samples = make_samples(seed=seed, words=False)
        test = samples.splits["official"] == 3
        known = pd.DataFrame({"sample_id": samples.ids, "video_id": samples.video_ids, "label": samples.label})[test]
        (made / dataset).mkdir(parents=True)
        known.to_parquet(made / dataset / "samples.parquet", index=False)
        (made / dataset / "history.csv").write_text("epoch\n1\n")
        for i in range(_DISTINCT):
            noise = rng.normal(size=(len(names), len(known))) * rng.uniform(0.3, 1.5)
            table = pd.DataFrame(
                {
                    "scenario": np.repeat(names, len(known)),
                    "sample_id": np.tile(known["sample_id"], len(names)),
                    "prediction": np.clip(known["label"].to_numpy() + noise, -3, 3).ravel().astype("f4"),
                }
            )
            write_predictions(table, made / dataset / f"{i}.parquet")
    cells = tuple(
        Evaluation(scenario=str(s), fingerprint=s.fingerprint, masks_sha256="0" * 64, mae=1.0) for s in plan.scenarios
    )
    store = RunStore(root)
    versions = {"torch": "2", "numpy": "2", "pandas": "2"}
    for number, planned in enumerate(plan.runs):
        folder = store.folder(planned.spec)
        folder.mkdir(parents=True)
        for name in ("samples.parquet", "history.csv"):
            os.link(made / planned.dataset / name, folder / name)
        os.link(made / planned.dataset / f"{number % _DISTINCT}.parquet", folder / "predictions.parquet")
        record = RunRecord(
            id=planned.spec.id, spec=planned.spec, status="done", parameters=1000 + number, epochs=3, best_epoch=2,
            valid_mae=1.0, seconds={"train": 1.0, "evaluate": 0.1}, inference_ms=0.1, flops=1000, evaluations=cells,
            provenance={"python": "3.11", "libraries": versions, "command": "sentibench run many"},
        )  # fmt: skip
        write_record(record, folder / "run.json")
    shutil.rmtree(made)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    plan = many_runs(folder, int(sys.argv[2]))
    print(f"{len(plan.runs)} runs in {folder}; measure: sentibench run many --out {folder}")  # noqa: T201
