"""Metrics by name, and their bins for each label range.

>>> METRICS["acc7"].heading, METRICS["acc7"].format(0.3514)
('Acc-7 ↑', '35.14')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from protocols import InputError

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """Name and printed form of a metric.

    Attributes:
        name: Name for machines, such as `acc2_non0`.
        title: Name for readers, such as `Acc-2 Non0`.
        higher_is_better: Direction.
        perfect: Value of a perfect prediction.
        percent: True for a share that is printed in per cent.
        definition: Definition, one line.
        usual: True if tables of many metrics show it by default; others are in their files only.
    """

    name: str
    title: str
    higher_is_better: bool
    perfect: float
    percent: bool
    definition: str
    usual: bool = True

    @property
    def arrow(self) -> str:
        """Direction as a symbol."""
        return "↑" if self.higher_is_better else "↓"

    @property
    def heading(self) -> str:
        """Title with direction, for the head of a column."""
        return f"{self.title} {self.arrow}"

    def format(self, value: float, decimals: int | None = None) -> str:
        """Format a value: per cent with 2 decimals, or 3 decimals; `n/a` for NaN. A rounded 0 has no sign."""
        if not np.isfinite(value):
            return "n/a"
        digits = (2 if self.percent else 3) if decimals is None else decimals
        return f"{100 * value if self.percent else value:z.{digits}f}"


def with_sign(text: str) -> str:
    """Format a difference, with a plus if the printed number is above 0."""
    return f"+{text}" if float(text) > 0 else text


def _share(name: str, title: str, definition: str, usual: bool = True) -> Metric:
    return Metric(name, title, True, 1.0, True, definition, usual)


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric("mae", "MAE", False, 0.0, False, "mean absolute error, predictions not clipped"),
        Metric("corr", "Corr", True, 1.0, False, "Pearson correlation, 0 for constant predictions"),
        Metric(
            "mae_clipped", "MAE (clipped)", False, 0.0, False, "MAE of predictions clipped to the labels' range", False
        ),
        Metric(
            "corr_clipped",
            "Corr (clipped)",
            True,
            1.0,
            False,
            "Corr of predictions clipped to the labels' range",
            False,
        ),
        _share("acc7", "Acc-7", "both clipped to ±3 and rounded half to even; share equal"),
        _share("acc5", "Acc-5", "both clipped to ±2 and rounded half to even; share equal"),
        _share("acc3", "Acc-3", "both clipped to ±1 and rounded half to even; share equal"),
        _share("acc2_has0", "Acc-2 Has0", "negative against non-negative, all samples"),
        _share("acc2_non0", "Acc-2 Non0", "negative against positive, samples with label 0 left out"),
        _share("f1_has0", "F1 Has0", "as Acc-2 Has0; F1 of both classes weighted by the true class counts"),
        _share("f1_non0", "F1 Non0", "as Acc-2 Non0; F1 of both classes weighted by the true class counts"),
        _share(
            "macro_f1", "Macro-F1", "mean of the F1 of the three classes of Acc-3, of those that occur", usual=False
        ),
        _share("acc5_sims", "Acc-5 (SIMS)", "bins (-1, -.7, -.1, .1, .7, 1], right edges included; share equal"),
        _share("acc3_sims", "Acc-3 (SIMS)", "bins (-1, -.1, .1, 1], right edges included; share equal"),
        _share("acc2_sims", "Acc-2 (SIMS)", "label at most 0 against above 0, all samples"),
        _share("f1_sims", "F1 (SIMS)", "as Acc-2 (SIMS); F1 of both classes weighted by the true class counts"),
        _share(
            "macro_f1_sims",
            "Macro-F1 (SIMS)",
            "mean of the F1 of the three classes of Acc-3 (SIMS), of those that occur",
            usual=False,
        ),
    )
}


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
    clipped: bool
    metrics: tuple[str, ...]


def _rounded(values: FloatArray, limit: float) -> FloatArray:
    result: FloatArray = np.rint(np.clip(values, -limit, limit))
    return result


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
    False,
    ("mae", "corr", "acc7", "acc5", "acc3", "acc2_has0", "acc2_non0", "f1_has0", "f1_non0", "macro_f1"),
)
SIMS = Scale(
    "CH-SIMS",
    (-1.0, 1.0),
    {"acc5_sims": partial(_binned, edges=(-0.7, -0.1, 0.1, 0.7)), "acc3_sims": partial(_binned, edges=(-0.1, 0.1))},
    {"sims": Binary(lambda v: v > 0)},
    {"macro_f1_sims": ("acc3_sims", (0, 1, 2))},
    True,
    ("mae", "corr", "acc5_sims", "acc3_sims", "acc2_sims", "f1_sims", "macro_f1_sims", "mae_clipped", "corr_clipped"),
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
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(f"label range [{low:g}, {high:g}] is not a range; expected the lowest and the highest label")
    return Scale(f"labels from {low:g} to {high:g}", (low, high), {}, {}, {}, False, ("mae", "corr"))


def metric_names(label_range: tuple[float, float] = (-3.0, 3.0)) -> tuple[str, ...]:
    """Return the names of the metrics that are defined for labels of this range, in the order of a table."""
    return scale_of(label_range).metrics


def usual_metrics(label_range: tuple[float, float] = (-3.0, 3.0)) -> tuple[str, ...]:
    """Return those of `metric_names` that tables of many metrics show by default."""
    return tuple(name for name in metric_names(label_range) if METRICS[name].usual)


def without_classes(label_range: tuple[float, float]) -> list[str]:
    """Explain which metrics a range without classes does not have, in a line; empty for a range with classes."""
    if scale_of(label_range).classes:
        return []
    low, high = label_range
    return [
        f"labels from {low:g} to {high:g} have MAE and Corr, and no accuracies or F1: those need labels mapped at "
        "import (--map-labels -3 3, or -1 1 for the bins of CH-SIMS)"
    ]
