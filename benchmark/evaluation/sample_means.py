"""Means over samples with intervals over videos and seeds, for any quantity measured sample by sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.evaluation.statistics import Estimates, resample
from protocols import InputError

#: Metric under which `sample_means` files a mean: it equals the mean absolute error of a prediction of 0.
MEAN = "mae"


def sample_means(tables: Mapping[str, pd.DataFrame], *, draws: int, seed: int = 0) -> dict[str, Estimates]:
    """Compute means over samples, and their bootstrap draws.

    Args:
        tables: Tables by name of a quantity, with one row per (`seed`, `scenario`, `sample_id`), `video_id` and
            `value`, at least 0. All quantities are drawn together: videos and seeds are paired.
        draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        Estimates of `MEAN` by quantity.

    Raises:
        InputError: for a sample with a missing row.
    """
    joined = pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)
    wide = joined.pivot(index=["model", "seed", "scenario"], columns="sample_id", values="value")
    owner = joined.drop_duplicates("sample_id").set_index("sample_id")["video_id"]
    gaps = np.argwhere(wide.isna().to_numpy())
    if len(gaps):
        (model, number, scenario), sample = wide.index[gaps[0][0]], wide.columns[gaps[0][1]]
        raise InputError(
            f"{model}, seed {number}: sample '{sample}' is missing under {scenario}; examine the runs again"
        )
    return resample(
        np.zeros(wide.shape[1]),
        owner.loc[wide.columns].to_numpy(),
        wide.index.to_frame(index=False),
        wide.to_numpy(np.float64),
        metrics=[MEAN],
        draws=draws,
        seed=seed,
        paired_seeds=True,
    )
