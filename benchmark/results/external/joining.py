"""External predictions as rows of a panel: beside the models of a study, or beside `constant` alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmark.evaluation.panel import UNKNOWN_REGIME, Panel
from benchmark.results.external.reading import External
from benchmark.results.from_runs import protocol_table
from protocols import InputError


def add_external(panel: Panel, external: External) -> Panel:
    """Add the rows of a file to a panel: they have the same numbers, ranks and tests, but no cost.

    Args:
        panel: Panel of the same data set and split.
        external: External predictions; scenarios that the panel does not have are left out.

    Raises:
        InputError: if the samples are not the panel's, a name is in use, or no scenario is shared.
    """
    samples = external.samples
    if external.left_out:
        panel = panel.only(np.isin(panel.sample_ids.astype(np.str_), samples.sample_ids.astype(np.str_)))
    place = {str(s): i for i, s in enumerate(samples.sample_ids)}
    order = np.array([place.get(str(s), -1) for s in panel.sample_ids], dtype=np.int64)
    same = len(place) == len(order) and bool((order >= 0).all())
    if not same or not np.array_equal(samples.label[order], panel.label):
        raise InputError(
            f"predictions are of {samples.title}, the study's test samples of {panel.dataset}/{panel.split} have other "
            "ids or labels; name the data set and split of the study with --dataset"
        )
    taken = [m for m in external.models if m in set(panel.cells["model"])]
    if taken:
        raise InputError(f"model '{taken[0]}' is a row of the study already; give the predictions another --name")
    asked = set(panel.points["scenario"])
    shared = external.cells["scenario"].isin(asked).to_numpy(dtype=np.bool_)
    if not shared.any():
        first = external.cells["scenario"].iloc[0]
        raise InputError(f"the study has none of the scenarios of the predictions, such as {first}; choose another")
    return replace(
        panel,
        cells=pd.concat([panel.cells, external.cells[shared]], ignore_index=True),
        predictions=np.concatenate([panel.predictions, external.predictions[shared][:, order]]),
        external=panel.external | frozenset(external.models),
        answered={**panel.answered, **external.answered},
        missing=(*panel.missing, *(gap for gap in external.missing if asked & set(gap.scenarios))),
        notes=(*panel.notes, *external.notes),
    )


def external_panel(external: External) -> Panel:
    """Make a panel of the rows of a file and of `constant`, the median training label, for every seed of the file."""
    samples = external.samples
    names = list(dict.fromkeys(str(s) for p in external.protocols for s in p.scenarios))
    seeds = sorted(set(external.cells["seed"]))
    cells = pd.DataFrame(
        [("constant", seed, name) for seed in seeds for name in names], columns=["model", "seed", "scenario"]
    )
    costs = {"parameters": 0, "train_seconds": np.nan, "inference_ms": np.nan, "peak_memory_mb": np.nan}
    floor = Panel(
        dataset=samples.dataset,
        split=samples.split,
        regime=UNKNOWN_REGIME,
        sample_ids=samples.sample_ids,
        video_ids=samples.video_ids,
        label=samples.label,
        cells=cells,
        predictions=np.tile(samples.constant, (len(cells), 1)),
        points=protocol_table(external.protocols),
        runs=pd.DataFrame([{"model": "constant", "seed": seed, **costs, "epochs": 0, "runs": ""} for seed in seeds]),
        label_range=samples.label_range,
        videos=samples.videos,
        split_of=samples.split_of if len(set(samples.split_of.tolist())) > 1 else None,
        bound=samples.bound,
    )
    return add_external(floor, external)
