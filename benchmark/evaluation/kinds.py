"""The metrics by name: what `--metric` and `--columns` choose from.

Every metric is a function of sums over samples, so that a bootstrap draw is a weighted sum. A plugin, or an installed
distribution through the entry point `sentibench.metrics`, adds one in a few lines:

    @register_metric("rmse", title="RMSE", higher_is_better=False, perfect=0.0, definition="root mean squared error",
                     value=lambda sums: np.sqrt(sums["squared"] / sums["n"]))
    def squared_errors(given: Predictions) -> dict[str, FloatArray]:
        return {"squared": (given.predicted - given.label) ** 2}

>>> METRICS["acc7"].heading, METRICS["acc7"].format(0.3514)
('Acc-7 ↑', '35.14')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from protocols import InputError, Registry

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """Predictions of n samples in C cells.

    Attributes:
        label: `(1, n)`.
        predicted: `(C, n)`.
        split_of: `(n,)`: the split whose test part a sample is in, where several are pooled; else None.
    """

    label: FloatArray
    predicted: FloatArray
    split_of: npt.NDArray[np.object_] | None = None


#: Values of every sample by name, `(C, n)`, or `(1, n)` where they depend on the label alone.
PerSample: TypeAlias = Callable[[Predictions], Mapping[str, npt.NDArray[np.generic]]]
#: A metric from the sums of these values by name, and the number of samples, `n`; elementwise for any broadcastable
#: shape. NaN where the metric is not defined.
FromSums: TypeAlias = Callable[[Mapping[str, FloatArray]], FloatArray]


@dataclass(frozen=True)
class Metric:
    """A metric: how it is computed, named and printed.

    Attributes:
        name: Key, as `acc2_non0`.
        title: For a reader, as `Acc-2 Non0`.
        higher_is_better: Direction.
        perfect: The value of a perfect prediction.
        percent: True for a share that is printed in per cent.
        definition: One line.
        per_sample: Values of every sample that are summed. Metrics of one such function share its sums.
        value: The metric from these sums.
        usual: True if tables of many metrics show it by default; otherwise it is only in their files.
        label_ranges: Label ranges for which it is defined; None for all.
        limits: Lowest and highest value it can have; None for 0 to 1 of a share, else from the perfect value on.
        accuracy: Of an F1, the accuracy of the same classes, by which it is checked; else empty.
        pooled: True for a mean over the samples that the labels choose: the mean over seeds is then the metric of the
            samples of all seeds together, which takes a fraction of the time.
    """

    name: str
    title: str
    higher_is_better: bool
    perfect: float
    percent: bool
    definition: str
    per_sample: PerSample
    value: FromSums
    usual: bool = True
    label_ranges: tuple[tuple[float, float], ...] | None = None
    limits: tuple[float, float] | None = None
    accuracy: str = ""
    pooled: bool = False

    @property
    def arrow(self) -> str:
        """Direction as a symbol."""
        return "↑" if self.higher_is_better else "↓"

    @property
    def heading(self) -> str:
        """Title with direction, for the head of a column."""
        return f"{self.title} {self.arrow}"

    @property
    def decimals(self) -> int:
        """Usual decimals of a printed value."""
        return 2 if self.percent else 3

    def decimals_for(self, halves: npt.ArrayLike, significant: int = 2) -> int:
        """Call `decimals_for` for spreads of this metric, at most its usual decimals."""
        factor = 100.0 if self.percent else 1.0
        return decimals_for(factor * np.asarray(halves, np.float64), self.decimals, significant)

    def format(self, value: float, decimals: int | None = None) -> str:
        """Return the printed value: per cent with 2 decimals, or 3 decimals; `n/a` for NaN. A rounded 0 has no sign."""
        if not np.isfinite(value):
            return "n/a"
        digits = self.decimals if decimals is None else decimals
        return fixed(100 * value if self.percent else value, digits)


def fixed(value: float, decimals: int) -> str:
    """Return a number with this many decimals; one that rounds to 0 has no sign.

    21.25, whose last bits depend on the order of a sum, is always 21.2: digits beyond the twelfth are dropped first.
    """
    return f"{float(f'{value:.12g}'):z.{decimals}f}"


def decimals_for(halves: FloatArray, most: int, significant: int = 2) -> int:
    """Return the decimals that print the smallest spread with this many significant digits.

    Args:
        halves: Half widths of intervals, or other spreads, on the printed scale; NaN and what is printed as 0 do not
            count.
        most: Maximum, and the result without any spread.
        significant: Number of significant digits.
    """
    known = halves[np.isfinite(halves) & (halves >= 0.5 * 10.0**-most)]
    if not known.size:
        return most
    return int(np.clip(significant - 1 - np.floor(np.log10(known.min())), 0, most))


def with_sign(text: str) -> str:
    """Return a printed difference, with a plus if it is printed as above 0."""
    return f"+{text}" if float(text) > 0 else text


#: In the order of a table.
_KINDS: Registry[Metric] = Registry(
    "metric",
    "sentibench.metrics",
    dict.fromkeys(
        (
            "mae", "corr", "acc7", "acc5", "acc3", "acc2_has0", "acc2_non0", "f1_has0", "f1_non0", "macro_f1",
            "acc5_sims", "acc3_sims", "acc2_sims", "f1_sims", "macro_f1_sims", "mae_clipped", "corr_clipped",
        ),
        "benchmark.evaluation.definitions",
    ),
)  # fmt: skip


@cache
def _find_all() -> None:
    _KINDS.all()


class _Metrics(Mapping[str, Metric]):
    def __getitem__(self, name: str) -> Metric:
        if name not in _KINDS:
            raise KeyError(name)
        return _KINDS.get(name)

    def __iter__(self) -> Iterator[str]:
        _find_all()  # once: looking for installed distributions takes milliseconds
        return iter(_KINDS.known())

    def __len__(self) -> int:
        return len(list(iter(self)))


#: All metrics by name: this project's first.
METRICS: Mapping[str, Metric] = _Metrics()


def add_metrics(metrics: Iterable[Metric], origin: str) -> None:
    """Make metrics of one module known; raises InputError for a name that is taken."""
    for metric in metrics:
        _KINDS.add(metric.name, metric, origin)


def register_metric(
    name: str,
    *,
    title: str,
    higher_is_better: bool,
    perfect: float,
    definition: str,
    value: FromSums,
    percent: bool = False,
    usual: bool = True,
    label_ranges: Sequence[tuple[float, float]] | None = None,
    limits: tuple[float, float] | None = None,
) -> Callable[[PerSample], PerSample]:
    """Decorator of a function that gives values of every sample: makes the metric of their sums known under `name`.

    Arguments are the attributes of `Metric`.

    Raises:
        InputError: for a name that is taken.
    """
    ranges = None if label_ranges is None else tuple(label_ranges)
    return _KINDS.decorator(
        name,
        lambda per_sample: Metric(
            name, title, higher_is_better, perfect, percent, definition, per_sample, value, usual, ranges, limits
        ),
    )


def metric_names(label_range: tuple[float, float] = (-3.0, 3.0)) -> tuple[str, ...]:
    """Names of the metrics that are defined for labels of this range, in the order of a table.

    Raises:
        InputError: for an invalid range.
    """
    check_range(label_range)
    given = tuple(label_range)
    return tuple(name for name, m in METRICS.items() if m.label_ranges is None or given in m.label_ranges)


def usual_metrics(label_range: tuple[float, float] = (-3.0, 3.0)) -> tuple[str, ...]:
    """Return those of `metric_names` that tables of many metrics show by default."""
    return tuple(name for name in metric_names(label_range) if METRICS[name].usual)


def check_range(label_range: tuple[float, float]) -> None:
    """Raise InputError for an invalid label range."""
    low, high = label_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(f"label range [{low:g}, {high:g}] is not valid; expected the lowest and the highest label")
