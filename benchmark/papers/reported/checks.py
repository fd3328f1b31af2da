"""Checks of published numbers: whether an F1 is possible with the accuracy beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import METRICS, f1_is_possible
from benchmark.papers.reported.points import aggregate_of
from benchmark.papers.reported.schema import DATASETS, UNKNOWN_CONVENTION

#: Negative, zero, positive labels of the official test sets; CH-SIMS: its zeros count as negative.
TEST_LABELS = {"mosi": (379, 30, 277), "mosei": (1350, 1025, 2284), "sims": (317, 0, 140)}


def _counts(dataset: str, suffix: str) -> tuple[int, int]:
    negative, zero, positive = TEST_LABELS[dataset]
    return (positive + zero, negative) if suffix == "has0" else (positive, negative)


#: (Positive, negative) test samples behind a two-class metric, by data set and suffix.
CLASS_COUNTS: dict[tuple[str, str], tuple[int, int]] = {
    (dataset, suffix): _counts(dataset, suffix)
    for dataset, suffixes in (("mosi", ("has0", "non0")), ("mosei", ("has0", "non0")), ("sims", ("sims",)))
    for suffix in suffixes
}


def published_as(label: npt.ArrayLike, label_range: tuple[float, float]) -> str:
    """Return the data set whose official test part has these labels `(n,)`, by their range and signs; empty: none."""
    signs = np.sign(np.asarray(label))
    negative, zero, positive = (int((signs == sign).sum()) for sign in (-1, 0, 1))
    for name, counts in TEST_LABELS.items():
        own = (negative + zero, 0, positive) if name == "sims" else (negative, zero, positive)
        if own == counts and tuple(label_range) == DATASETS[name]:
            return name
    return ""


_CELL = ["source", "table", "dataset", "method", "point"]


def metric_title(metric: str) -> str:
    """Return the metric's name for readers, with a remark if a paper's convention is not known."""
    if metric in UNKNOWN_CONVENTION:
        return f"{'Acc-2' if metric.startswith('acc') else 'F1'} (neutral samples: not said)"
    return METRICS[metric].title


def f1_bounds(rows: pd.DataFrame) -> pd.Series:
    """Return `possible` or `impossible` for every F1 with an accuracy beside it, else empty; indexed as `rows`.

    Rounding is that of the less exact of the two numbers. An area under a curve is divided by the length of its axis,
    which makes it a mean.
    """
    verdict = pd.Series("", index=rows.index, dtype=object)
    records = rows.to_dict("records")
    beside = {
        (*(row[name] for name in _CELL), str(row["metric"]).removeprefix("acc2_")): row
        for row in records
        if str(row["metric"]).startswith("acc2_")
    }
    for i, row in enumerate(records):
        kind, _, suffix = str(row["metric"]).partition("_")
        counts = CLASS_COUNTS.get((str(row["dataset"]), suffix))
        accuracy = beside.get((*(row[name] for name in _CELL), suffix))
        if kind != "f1" or counts is None or accuracy is None:
            continue
        whole = 100.0
        if row["protocol"]:
            aggregate = aggregate_of(str(row["protocol"]), str(row["point"]))
            whole *= aggregate.length if aggregate.kind == "auilc" else 1.0
        rounding = 0.5 * 10.0 ** -min(int(row["decimals"]), int(accuracy["decimals"])) / whole
        possible = f1_is_possible(float(accuracy["value"]) / whole, float(row["value"]) / whole, counts, rounding)
        verdict.iloc[i] = "possible" if possible else "impossible"
    return verdict
