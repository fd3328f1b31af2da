"""Files of predictions from elsewhere, for the tests that rate them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.results.external import EvaluationSet, External, inspect_predictions, template
from protocols import InputError, Protocol, get_protocol

DEMO = Path(__file__).parents[4] / "results" / "measured" / "demo"
PROTOCOLS = (get_protocol("complete"), get_protocol("inter-drop"))


def filled(samples: EvaluationSet, seeds: tuple[int, ...] = (0, 1, 2)) -> pd.DataFrame:
    rows = template(samples, PROTOCOLS, seeds)
    label = rows["sample_id"].map(dict(zip(samples.sample_ids, samples.label, strict=True)))
    noise = np.random.default_rng(0).normal(size=len(rows))
    return rows.assign(prediction=0.7 * label.to_numpy(np.float64) + 0.5 * noise)


def write(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    return path


def same(a: External, b: External) -> bool:
    def ordered(e: External) -> tuple[list[object], np.ndarray]:
        order = e.cells.sort_values(["model", "seed", "scenario"]).index
        return e.cells.loc[order].to_numpy().tolist(), e.predictions[order]

    (left, p), (right, q) = ordered(a), ordered(b)
    return left == right and np.array_equal(p, q)


def change(table: pd.DataFrame, row: int, **values: object) -> pd.DataFrame:
    table = table.astype(object)
    for name, value in values.items():
        table.loc[row, name] = value
    return table


def read_predictions(path: Path, samples: EvaluationSet, protocols: Sequence[Protocol], **options: Any) -> External:
    """The predictions of a file without faults."""
    found = inspect_predictions(path, samples, protocols, **options)
    if found.external is None:
        raise InputError("\n".join(found.faults))
    return found.external
