"""Panel: predictions of every cell on one test set, the input of metrics, statistics, tables and figures.

Arrays and tables only. `results.from_runs` fills it from runs.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.statistics import DRAWS, Estimates, resample
from benchmark.words import trained_and_tested
from protocols import Displayed, InputError, unknown_name

#: Suffix of the name of a model in the row of the same trainings when they are told where their gaps are.
TOLD = ", told"
#: Training regime of predictions made elsewhere, without a study beside them.
UNKNOWN_REGIME = "not known"
#: Maximum size of the draws that a panel keeps; with more, every table resamples its own scenarios.
_KEPT_BYTES = 1 << 30
#: Maximum size of the draws that all panels keep: those of the panel used last, and of others while there is room.
_ALL_KEPT_BYTES = 1 << 28
_KEPT: list[tuple[weakref.ref[Panel], tuple[int, int, bool, tuple[str, ...]], int]] = []


@dataclass(frozen=True)
class Gap:
    """Missing part of a study's results.

    Attributes:
        model: Name of the row.
        seed: Seed.
        split: Split of a pooled family; empty where there is only one.
        reason: `not run`, `failed (...)` or `not evaluated`.
        scenarios: Missing scenarios; all that the study asks for if there is no run.
        command: Command that fills the gap, ready to be typed.
    """

    model: str
    seed: int
    split: str
    reason: str
    scenarios: tuple[str, ...]
    command: str

    def __str__(self) -> str:
        where = f", split {self.split}" if self.split else ""
        first = f" under {self.scenarios[0]}" + (f" and {len(self.scenarios) - 1} more" if self.scenarios[1:] else "")
        what = f"{self.reason}{first}" if self.reason == "not evaluated" else self.reason
        return f"{self.model}, seed {self.seed}{where}: {what}; fill it with `{self.command}`"


@dataclass(frozen=True)
class Bound:
    """Lower bound of the error that any model is believed to reach.

    Attributes:
        mae: Mean absolute error on the test part, in units of the label.
        source: Description of the number, with its source.
    """

    mae: float
    source: str


@dataclass(frozen=True, eq=False, repr=False)
class Panel(Displayed):
    """Predictions on the n test samples of one data set under one named split (folds are already pooled).

    Attributes:
        dataset: Name of the data set; every table marks `synthetic` as such. `mosi->mmmo`: trained on the first,
            tested on the second.
        split: Named split, or the pattern of a pooled family, such as `fold*`.
        regime: Training regime.
        sample_ids: `(n,)` str.
        video_ids: `(n,)` str: clusters of the bootstrap.
        label: `(n,)` float64.
        cells: One row per cell, with columns `model` (str), `seed` (int), `scenario` (str, as `protocols.parse` reads
            it); row i belongs to `predictions[i]`.
        predictions: `(cells, n)` float64, finite.
        points: Points of the chosen protocols: columns `protocol`, `scenario`, `order` (int); `axis` (str: the axis of
            this point, empty if there is none; points of one protocol may lie on different axes), `x` (float,
            NaN if not a number); `axis2`, `y` (the same for the second axis of a grid, else empty and NaN); `tick`
            (str: label of the position).
        runs: One row per (model, seed), means over pooled folds: columns `model`, `seed`, `parameters` (int),
            `train_seconds`, `inference_ms` and `inference_ms_p95` (median and 95th percentile over samples and
            scenarios; the mean and NaN for runs of versions that kept no more), `flops` (of one prediction, NaN where
            unknown), `peak_memory_mb`, `epochs`, `best_epoch` (whose weights predicted), `runs` (ids, comma
            separated), `other_load` (processes beside the run when it ended; NaN where unknown).
        mask_informed: Models that read the true integrity at test time; tables mark them.
        external: Models whose predictions were made elsewhere and read from a file; tables mark them.
        told: Panel of the models that were also told where their gaps are, under scenarios whose gaps do not show:
            their own predictions, and the others as a model with `TOLD` after its name. None if there are none.
        answered: Share of the predictions that the file of an external model has, by model.
        missing: Gaps of the grid: failed, not run or not evaluated.
        label_range: Lowest and highest label.
        videos: Origin of the video ids: `given` by the source, `recognised` in the ids, `unknown`, or empty where that
            was not recorded.
        settings: Origin of the settings by model, without models that have their registered settings.
        notes: Notes that every table made from the panel prints.
        bound: An MAE that no model is believed to reach on these data; None if none is known.
        selection: Rule that chose the checkpoints: `valid`, the only one for results, or `test-oracle`.
        split_of: `(n,)` str: split whose test part contains the sample, for a pooled family; None for a single split.
    """

    dataset: str
    split: str
    regime: str
    sample_ids: npt.NDArray[np.object_]
    video_ids: npt.NDArray[np.object_]
    label: npt.NDArray[np.float64]
    cells: pd.DataFrame
    predictions: npt.NDArray[np.float64]
    points: pd.DataFrame
    runs: pd.DataFrame
    mask_informed: frozenset[str] = frozenset()
    external: frozenset[str] = frozenset()
    missing: tuple[Gap, ...] = ()
    label_range: tuple[float, float] = (-3.0, 3.0)
    videos: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    bound: Bound | None = None
    selection: str = "valid"
    split_of: npt.NDArray[np.object_] | None = None
    answered: Mapping[str, float] = field(default_factory=dict)
    told: Panel | None = None
    _estimates: dict[tuple[int, int, bool, tuple[str, ...]], dict[str, Estimates]] = field(
        default_factory=dict, init=False, repr=False
    )

    def facts(self) -> tuple[str, Mapping[str, object]]:
        """Return models, and numbers of seeds, scenarios, samples, videos and gaps."""
        facts: dict[str, object] = {"models": ", ".join(self.models)}
        facts |= {name: self.cells[column].nunique() for name, column in (("seeds", "seed"), ("scenarios", "scenario"))}
        facts |= {"test samples": len(self.label), "videos": len(set(self.video_ids.tolist()))}
        return f"panel of {self.dataset}/{self.split}", {**facts, "gaps": len(self.missing)}

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names of the rows that have any result."""
        return tuple(str(name) for name in self.cells["model"].unique())

    @property
    def generated(self) -> bool:
        """True if the test samples are generated."""
        return trained_and_tested(self.dataset)[1].startswith("synthetic")

    @property
    def pooled(self) -> bool:
        """True if the samples are the test parts of a family of splits."""
        return any(sign in self.split for sign in "*?[")

    def only(self, kept: npt.NDArray[np.bool_]) -> Panel:
        """Return the panel of some of the samples, `(n,)`."""
        columns = ("sample_ids", "video_ids", "label", *(["split_of"] if self.split_of is not None else []))
        changes: dict[str, Any] = {name: getattr(self, name)[kept] for name in columns}
        changes["told"] = None if self.told is None else self.told.only(kept)
        return replace(self, predictions=self.predictions[:, kept], **changes)

    def check_metrics(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the given metrics; raises InputError for one that is not defined on the panel's labels."""
        known = metric_names(self.label_range)
        for name in names:
            if name not in known:
                low, high = self.label_range
                raise unknown_name(f"metric of labels in [{low:g}, {high:g}]", name, known)
        return tuple(names)

    def estimates(
        self,
        scenarios: Sequence[str],
        metrics: Sequence[str] | None = None,
        *,
        draws: int = DRAWS,
        seed: int = 0,
        paired_seeds: bool = False,
    ) -> dict[str, Estimates]:
        """Return values and bootstrap draws of every model on some scenarios; models without any of them are left out.

        All scenarios are resampled once and kept, for all tables and figures, unless their draws are too many to keep.

        Raises:
            InputError: if nothing was evaluated under any of the scenarios, or for an unknown metric.
        """
        self.check_metrics(metrics or ())
        chosen = self.cells["scenario"].isin(list(scenarios)).to_numpy(dtype=np.bool_)
        if not chosen.any():
            raise InputError(f"no cell has been evaluated under {scenarios[0]} or its like; run the study first")
        known = metric_names(self.label_range)
        key = draws, seed, paired_seeds
        if (*key, known) not in self._estimates:
            _make_room()
            if draws * len(self.cells[["model", "scenario"]].drop_duplicates()) * len(known) * 8 > _KEPT_BYTES:
                return self._resampled(chosen, metrics, *key)
            made = self._resampled(np.ones_like(chosen), None, *key)
            self._estimates[*key, known] = made
            size = sum(own.draws.nbytes + own.seed_draws.nbytes for own in made.values())
            _KEPT.append((weakref.ref(self), (*key, known), size))
        restricted = {model: own.only(scenarios, metrics) for model, own in self._estimates[*key, known].items()}
        return {model: own for model, own in restricted.items() if own is not None}

    def _resampled(
        self, rows: npt.NDArray[np.bool_], metrics: Sequence[str] | None, draws: int, seed: int, paired_seeds: bool
    ) -> dict[str, Estimates]:
        return resample(
            self.label,
            self.video_ids,
            self.cells[rows].reset_index(drop=True),
            self.predictions[rows],
            label_range=self.label_range,
            metrics=metrics,
            draws=draws,
            seed=seed,
            paired_seeds=paired_seeds,
            split_of=self.split_of,
        )


def _make_room() -> None:
    """Drop the draws of the panels used first until those of all panels are within their limit."""
    _KEPT[:] = [kept for kept in _KEPT if kept[0]() is not None]
    while sum(size for _, _, size in _KEPT) > _ALL_KEPT_BYTES:
        panel, key, _ = _KEPT.pop(0)
        if (owner := panel()) is not None:
            owner._estimates.pop(key, None)
