"""Missing predictions of the grid of (seed, scenario, sample)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.panel import Gap

ABSENT = ("model", "seed", "scenario", "sample_id")


def coverage(
    keys: pd.DataFrame,
    grid: npt.NDArray[np.float64],
    sample_ids: npt.NDArray[np.object_],
    scenarios: Sequence[str],
    command: str,
) -> tuple[pd.DataFrame, tuple[Gap, ...]]:
    """Find the missing predictions of every seed that has any.

    Args:
        keys: One row per cell that has any sample: `model`, `seed`, `scenario`.
        grid: `(cells, n)` predictions, NaN where missing.
        sample_ids: `(n,)`.
        scenarios: Expected scenarios.
        command: Command that lists the rows to fill in.

    Returns:
        One row per missing prediction (`model`, `seed`, `scenario`, `sample_id`), a gap for the scenarios of a
        seed without any prediction, and another for those with only some.
    """
    place = {key: i for i, key in enumerate(keys.itertuples(index=False, name=None))}
    everything = np.arange(len(sample_ids))
    absent = [pd.DataFrame(columns=list(ABSENT))]
    gaps = []
    for model, seed in dict.fromkeys((m, s) for m, s, _ in place):
        lacks: dict[str, npt.NDArray[np.int64]] = {}
        for name in scenarios:
            i = place.get((model, seed, name))
            lacking = everything if i is None else np.flatnonzero(np.isnan(grid[i]))
            if len(lacking):
                lacks[name] = lacking
                rows = {"model": model, "seed": seed, "scenario": name, "sample_id": sample_ids[lacking]}
                absent.append(pd.DataFrame(rows))
        never = tuple(name for name in lacks if (model, seed, name) not in place)
        partly = tuple(name for name in lacks if (model, seed, name) in place)
        if never:
            gaps.append(Gap(model, int(seed), "", "not evaluated", never, command))
        if partly:
            gaps.append(Gap(model, int(seed), "", _partly(partly, lacks, sample_ids), partly, command))
    return pd.concat(absent[1:] or absent, ignore_index=True), tuple(gaps)


def _partly(names: Sequence[str], lacks: dict[str, npt.NDArray[np.int64]], sample_ids: npt.NDArray[np.object_]) -> str:
    count = sum(len(lacks[name]) for name in names)
    where = f"{len(names)} scenarios" if len(names) > 1 else "1 scenario"
    example = f"sample '{sample_ids[lacks[names[0]][0]]}' under {names[0]}"
    return f"lacks {count} of {len(sample_ids) * len(names)} predictions in {where}, such as {example}"
