"""Values of all models at every point of a protocol: the data of curves and heat maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ORACLE, protocol_points
from benchmark.evaluation.statistics import DRAWS, confidence_intervals
from benchmark.words import counted

PLACE = ("axis", "x", "axis2", "y", "tick", "order")
VALUE = ("mean", "low", "high", "sd", "seeds", "level", "flag", "mask_informed")
#: Columns with numbers.


def point_values(
    panel: Panel,
    protocol: str | None,
    metrics: Sequence[str],
    *,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute values with intervals at every point of a protocol.

    Returns:
        One row per (metric, model, point), in the order of `metrics`, then the name, then the protocol: `model`,
        `metric`, the point's `axis`, `x`, `axis2`, `y`, `tick`, `order` (as `Panel.points`), `scenario`, `mean` (over
        seeds; shares, not per cent), `low`, `high` (of the interval, over videos and seeds), `sd` (over seeds),
        `seeds`, `level` (of the interval), `flag` (limits of the interval; `hole`: a seed is missing here, so
        there is no value), `mask_informed` (the model reads the masks at test time).

    Raises:
        InputError: for an unknown protocol or metric, or a protocol without evaluated cells.
    """
    points = protocol_points(panel, protocol)
    chosen = panel.check_metrics(metrics)
    scenarios = [str(s) for s in points["scenario"]]
    estimates = panel.estimates(scenarios, chosen, draws=draws, seed=seed)
    table = confidence_intervals(estimates, {s: (s,) for s in scenarios}, level=level)
    table = table.rename(columns={"value": "mean", "group": "scenario"})
    for name in PLACE:
        table[name] = table["scenario"].map(dict(zip(scenarios, points[name], strict=True)))
    table["level"] = level
    table["mask_informed"] = table["model"].isin(panel.mask_informed)
    position = {metric: i for i, metric in enumerate(chosen)}
    table = table.sort_values(
        ["metric", "model", "order"], key=lambda c: c.map(position) if c.name == "metric" else c, kind="stable"
    )
    return table.reset_index(drop=True)[["model", "metric", *PLACE, "scenario", *VALUE]]


def best_first(data: pd.DataFrame, metric: str) -> list[str]:
    """Order the models by their mean over the points, models without a value at some point last; ties by name."""
    own = data[data["metric"] == metric]
    means = own.groupby(own["model"].astype(str))["mean"].agg(lambda values: values.mean(skipna=False))
    return [str(m) for m in means.sort_values(ascending=not METRICS[metric].higher_is_better, kind="stable").index]


def labels_of(data: pd.DataFrame) -> dict[str, str]:
    """Return the models' names for readers, with a mark on those that read the masks."""
    informed = set(data.loc[data["mask_informed"].astype(bool), "model"].astype(str))
    names = dict.fromkeys(data["model"].astype(str))
    return {name: f"{name} (mask-informed)" if name in informed else name for name in names}


def seeds_text(data: pd.DataFrame) -> str:
    """Return `3 seeds` or `2 to 3 seeds`: those of the models, or of the oracle if there is no other model."""
    trained = data[data["model"] != ORACLE]  # the oracle is not trained
    return counted(sorted({int(n) for n in (trained if len(trained) else data)["seeds"]}), "seed")


def unfinished_note(data: pd.DataFrame, mark: str) -> str:
    """Name the models without a value at some point, in a sentence; empty if there is none."""
    holed = list(dict.fromkeys(data.loc[np.isnan(data["mean"].to_numpy(np.float64)), "model"].astype(str)))
    return f"{mark}: not evaluated for every seed ({_some(holed)}), so listed last." if holed else ""


def band_note(data: pd.DataFrame, mark: str = "Bands", gaps: str = "Gaps") -> str:
    """Explain the intervals of a table, and what they leave out, in sentences."""
    level = float(data["level"].iloc[0])
    text = f"Mean over {seeds_text(data)}. {mark}: {100 * level:g} % interval over videos and seeds"
    for flag, words in (
        ("videos only", "over videos only"),
        ("seeds only", "over seeds only"),
        ("no interval", "none"),
    ):
        models = list(dict.fromkeys(data.loc[data["flag"] == flag, "model"].astype(str)))
        text += f"; {words} for {_some(models)}" if models else ""
    return " ".join(filter(None, (f"{text}.", unfinished_note(data, gaps))))


def _some(names: Sequence[str]) -> str:
    """Shorten a list for a sentence."""
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
