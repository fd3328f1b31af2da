"""Metrics by name, and their bins for each label range.

>>> scale_of((-1.0, 1.0)).name
'CH-SIMS'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmark.evaluation.kinds import FloatArray, check_range


@dataclass(frozen=True)
class Binary:
    """Split into two classes: `kept` selects samples by label; `positive` gives the class of a value."""

    positive: Callable[[FloatArray], npt.NDArray[np.bool_]]
    kept: Callable[[FloatArray], npt.NDArray[np.bool_]] | None = None


@dataclass(frozen=True)
class Scale:
    """Bins of one label range.

    Attributes:
        name: Name for readers.
        label_range: Lowest and highest label.
        classes: Functions that bin labels and predictions, by metric; the metric is the share of equal bins.
        binaries: Splits behind `acc2_<suffix>` and `f1_<suffix>`, by suffix.
        macro: Entries of `classes` and their codes, by metric; the metric is the macro-F1.
        clipped: True if the field clips predictions to the label range before MAE and Corr: `mae_clipped`,
            `corr_clipped`.
        metrics: Names of all metrics in the order of a table.
    """

    name: str
    label_range: tuple[float, float]
    classes: Mapping[str, Callable[[FloatArray], npt.NDArray[np.generic]]]
    binaries: Mapping[str, Binary]
    macro: Mapping[str, tuple[str, tuple[int, ...]]]


def _rounded(values: FloatArray, limit: float) -> FloatArray:
    return np.rint(np.clip(values, -limit, limit))


def _binned(values: FloatArray, edges: tuple[float, ...]) -> npt.NDArray[np.intp]:
    # labels are stored as float32, in which 0.1 is a little more than 0.1: what lies on an edge is told in float32
    with np.errstate(over="ignore"):  # beyond float32 is beyond every edge
        single = values.astype(np.float32)
    return np.searchsorted(np.asarray(edges, dtype=np.float32), single, side="left")


MOSI = Scale(
    "CMU-MOSI",
    (-3.0, 3.0),
    {"acc7": partial(_rounded, limit=3), "acc5": partial(_rounded, limit=2), "acc3": partial(_rounded, limit=1)},
    {"has0": Binary(lambda v: v >= 0), "non0": Binary(lambda v: v > 0, kept=lambda label: label != 0)},
    {"macro_f1": ("acc3", (-1, 0, 1))},
)
SIMS = Scale(
    "CH-SIMS",
    (-1.0, 1.0),
    {"acc5_sims": partial(_binned, edges=(-0.7, -0.1, 0.1, 0.7)), "acc3_sims": partial(_binned, edges=(-0.1, 0.1))},
    {"sims": Binary(lambda v: v > 0)},
    {"macro_f1_sims": ("acc3_sims", (0, 1, 2))},
)


def scale_of(label_range: tuple[float, float]) -> Scale:
    """Return the scale of a label range; any other than [-3, 3] and [-1, 1] has no classes, only MAE and Corr.

    Raises:
        InputError: for a range whose ends are not in order.
    """
    low, high = label_range
    for scale in (MOSI, SIMS):
        if (low, high) == scale.label_range:
            return scale
    check_range(label_range)
    return Scale(f"labels from {low:g} to {high:g}", (low, high), {}, {}, {})


def without_classes(label_range: tuple[float, float]) -> list[str]:
    """Explain which metrics a range without classes does not have, in a line; empty for a range with classes."""
    if scale_of(label_range).classes:
        return []
    low, high = label_range
    return [
        f"labels from {low:g} to {high:g} have MAE and Corr, and no accuracies or F1: those need labels mapped at "
        "import (--map-labels -3 3, or -1 1 for the bins of CH-SIMS)"
    ]
