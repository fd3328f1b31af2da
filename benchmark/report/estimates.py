"""What every table and figure asks of a panel first: the points of a protocol, and its models' estimates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.panel import Panel
from benchmark.statistics import DRAWS, Estimates, resample
from protocols import InputError, unknown_name

#: A row that is computed from the generator of synthetic data: the bound, not a contestant.
ORACLE = "oracle"


def protocol_names(panel: Panel) -> list[str]:
    """Protocols of a panel, in order."""
    return [str(name) for name in dict.fromkeys(panel.points["protocol"])]


def protocol_points(panel: Panel, protocol: str | None = None) -> pd.DataFrame:
    """The points of one protocol in order: columns of `Panel.points`.

    Args:
        panel: The predictions.
        protocol: Name, with or without version; None when the panel has only one.

    Raises:
        InputError: if the panel has no such protocol, or several and none was named.
    """
    names = protocol_names(panel)
    if protocol is None:
        if len(names) != 1:
            raise InputError(f"protocol not given; the panel has {', '.join(names) or 'none'}: choose one")
        protocol = names[0]
    if protocol not in names:
        same_base = [name for name in names if name.partition("@")[0] == protocol]
        if len(same_base) != 1:
            raise unknown_name("protocol of the panel", protocol, names)
        protocol = same_base[0]
    points = panel.points[panel.points["protocol"] == protocol]
    return points.sort_values("order", kind="stable").reset_index(drop=True)


def estimate(
    panel: Panel, scenarios: Sequence[str], metrics: Sequence[str] | None = None, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Estimates]:
    """Values and bootstrap draws of every model on some scenarios; models without any of them are left out."""
    chosen = panel.cells["scenario"].isin(list(scenarios)).to_numpy(dtype=np.bool_)
    if not chosen.any():
        raise InputError(f"no cell has been evaluated under {scenarios[0]} or its like; run the study first")
    return resample(
        panel.label,
        panel.video_ids,
        panel.cells[chosen].reset_index(drop=True),
        panel.predictions[chosen],
        label_range=panel.label_range,
        metrics=metrics,
        draws=draws,
        seed=seed,
    )


def dataset_title(panel: Panel) -> str:
    """Name of the data set; synthetic data is said to be so."""
    return f"{panel.dataset} (generated data)" if panel.dataset.startswith("synthetic") else panel.dataset


def plural(count: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def describe(panel: Panel, scenarios: Sequence[str], seeds: Sequence[int]) -> str:
    """Sizes that a reader must know, as one sentence: samples, videos, seeds, scenarios, split, regime."""
    spread = f"{min(seeds)} to {max(seeds)} seeds" if len(set(seeds)) > 1 else plural(seeds[0] if seeds else 0, "seed")
    sizes = [
        f"{plural(len(panel.label), 'test sample')} of {plural(len(set(panel.video_ids.tolist())), 'video')}",
        f"{spread} a model",
        plural(len(scenarios), "scenario"),
    ]
    sentence = f"{', '.join(sizes)}; split '{panel.split}', trained under '{panel.regime}'."
    return sentence + (" The data are synthetic." if panel.dataset.startswith("synthetic") else "")
