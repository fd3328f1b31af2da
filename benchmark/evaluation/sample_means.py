"""Means over samples with intervals over videos and seeds, of anything that is measured sample by sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.evaluation.statistics import Estimates, resample
from protocols import InputError

#: The metric under which `sample_means` files a mean: it is the mean absolute error of a prediction of 0.
MEAN = "mae"


def sample_means(tables: Mapping[str, pd.DataFrame], *, draws: int, seed: int = 0) -> dict[str, Estimates]:
    """Means over samples, and their bootstrap draws.

    Args:
        tables: By name of a quantity, one row a (`seed`, `scenario`, `sample_id`) with `video_id` and `value`, which is
            not below 0. All quantities are drawn together: videos and seeds are paired.
        draws: Bootstrap draws.
        seed: Of the draws.

    Returns:
        By quantity, the estimates of `MEAN`.

    Raises:
        InputError: for a sample without a row.
    """
    joined = pd.concat([table.assign(model=name) for name, table in tables.items()], ignore_index=True)
    wide = joined.pivot(index=["model", "seed", "scenario"], columns="sample_id", values="value")
    owner = joined.drop_duplicates("sample_id").set_index("sample_id")["video_id"]
    gaps = np.argwhere(wide.isna().to_numpy())
    if len(gaps):
        (model, number, scenario), sample = wide.index[gaps[0][0]], wide.columns[gaps[0][1]]
        raise InputError(f"{model}, seed {number}: sample '{sample}' lacks under {scenario}; examine the runs again")
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
