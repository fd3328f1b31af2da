"""The table that everything after evaluation reads: predictions of every cell on one test set.

Arrays and tables only. `benchmark.results` fills it from the run store, `metrics`, `statistics` and `report` read it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True, eq=False)
class Panel:
    """Predictions on the n test samples of one data set under one named split (folds are already pooled).

    Attributes:
        dataset: Name of the data set; `synthetic` is said to be so in every table.
        split: Named split, or the pattern of a pooled family, such as `fold*`.
        regime: Training regime.
        sample_ids: `(n,)` str.
        video_ids: `(n,)` str: clusters of the bootstrap.
        label: `(n,)` float64.
        cells: One row a cell with columns `model` (str), `seed` (int), `scenario` (str, as `protocols.parse` reads it);
            row i belongs to `predictions[i]`.
        predictions: `(cells, n)` float64, finite.
        points: The protocols asked for: columns `protocol`, `scenario`, `order` (int), `axis` (str, empty when there is
            none), `x` (float, NaN when not a number), `tick` (str, how to write x).
        runs: One row a (model, seed), sums or means over pooled folds: columns `model`, `seed`, `parameters` (int),
            `train_seconds`, `inference_ms` (a sample), `peak_memory_mb`, `epochs`, `runs` (ids, comma separated).
        mask_informed: Models that were told the true integrity at test time: tables say so beside the name.
        missing: What is absent from the grid (failed or not run), a line each that says which and how to fill it.
        label_range: Lowest and highest label.
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
    missing: tuple[str, ...] = ()
    label_range: tuple[float, float] = (-3.0, 3.0)
    notes: tuple[str, ...] = field(default_factory=tuple)
