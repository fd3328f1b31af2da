"""Recovery error as a table: how far completed features are from those of the complete input, next to leaving the gap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.report.sample_means import MEAN, sample_means
from benchmark.statistics import DRAWS, Estimates, FloatArray
from benchmark.statistics.precision import quantity, widened
from protocols import MODALITIES, InputError

#: What a sample lost of a modality: a part, all of it, or either.
EXTENTS = ("part", "whole", "any")
RECOVERY_COLUMNS = (
    "protocol", "scenario", "axis", "x", "axis2", "y", "tick", "order", "modality", "lost", "samples", "left",
    "completed", "ratio", "low", "high", "seeds", "videos", "level", "flag",
)  # fmt: skip
RECOVERY_NUMBERS = (
    "x", "y", "order", "samples", "left", "completed", "ratio", "low", "high", "seeds", "videos", "level",
)  # fmt: skip
#: A ratio over fewer videos has no interval: drawing them again says little.
FEWEST_VIDEOS = 5
_PLACE = ("axis", "x", "axis2", "y", "tick", "order")


def recovery_data(
    recovery: pd.DataFrame,
    points: pd.DataFrame,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """The distance of completed features to those of the complete input, relative to that of incomplete ones.

    The ratio is one of means: the distances of all (seed, scenario, sample) triples that enter, summed, divided. Below
    1 completion helps; 1 is as good as leaving the gap.

    Args:
        recovery: From `benchmark.diagnostics.examine`: one row a (seed, scenario, sample, modality) that lost something.
        points: As `Panel.points`, of the protocols that were examined.
        draws: Bootstrap draws.
        level: Of the intervals.
        seed: Of the draws.

    Returns:
        One row a (protocol, point, modality, extent), and one with an empty `scenario` for all points of the protocol:
        the point's place; `lost` (`part` of the modality, the `whole` of it, or `any` of the two); `samples` that lost
        so much (counted under every scenario), `left` and `completed` (mean distances), `ratio` with `low`, `high` (over
        videos and seeds; NaN over fewer than 5 videos: `flag` says so), `seeds`, `videos`, `level`. Where no sample
        lost so much there is no row.

    Raises:
        InputError: when nothing was lost under any scenario.
    """
    known = recovery[recovery["scenario"].isin(set(points["scenario"]))]
    if known.empty:
        raise InputError("no sample loses anything under these scenarios; examine one that erases, such as inter-drop")
    rows: list[dict[str, object]] = []
    for extent in EXTENTS:
        whole = known["lost"] >= 1
        chosen = known if extent == "any" else known[whole if extent == "whole" else ~whole]
        for modality in MODALITIES:
            own = chosen[chosen["modality"] == modality]
            if not own.empty:
                rows += _rows(own, known, points, draws, level, seed, modality=modality, lost=extent)
    table = pd.DataFrame(rows)
    ranked = {name: i for i, name in enumerate((*dict.fromkeys(points["protocol"]), *MODALITIES, *EXTENTS))}
    keys = ["protocol", "order", "modality", "lost"]
    table = table.sort_values(keys, key=lambda c: c if c.name == "order" else c.map(ranked), kind="stable")
    return table.reset_index(drop=True)[list(RECOVERY_COLUMNS)]


def _rows(
    own: pd.DataFrame,
    known: pd.DataFrame,
    points: pd.DataFrame,
    draws: int,
    level: float,
    seed: int,
    **common: object,
) -> list[dict[str, object]]:
    """A modality and an extent under every scenario and protocol."""
    # samples that lost nothing weigh nothing in either sum, but their videos are drawn all the same
    silent = known.drop_duplicates("sample_id").merge(own[["seed", "scenario"]].drop_duplicates().head(1), how="cross")
    silent = silent.rename(columns={"seed_y": "seed", "scenario_y": "scenario"})[["seed", "scenario", "sample_id", "video_id"]]
    names = ["seed", "scenario", "sample_id", "video_id"]
    both = {}
    for kind in ("completed", "left"):
        table = own[[*names, kind]].rename(columns={kind: "value"})
        both[kind] = pd.concat([table, silent.assign(value=0.0)]).drop_duplicates(names[:3])
    estimates = sample_means(both, draws=draws, seed=seed, absent=0.0)
    there = set(estimates["left"].scenarios)
    rows: list[dict[str, object]] = []
    found = []
    for protocol, own_points in points.groupby("protocol", sort=False):
        places = own_points.set_index("scenario")
        scenarios = [str(s) for s in own_points["scenario"] if s in there]
        for group, members in [*((s, [s]) for s in scenarios), *([("", scenarios)] if scenarios else [])]:
            here = own[own["scenario"].isin(members)]
            seeds, videos = here["seed"].nunique(), here["video_id"].nunique()
            place = {n: places.at[group, n] for n in _PLACE} if group else dict(zip(_PLACE, _ALL, strict=True))
            flag = f"fewer than {FEWEST_VIDEOS} videos" if videos < FEWEST_VIDEOS else estimates["left"].flag
            row = {"protocol": str(protocol), "scenario": group, **place, **common, "level": level, "flag": flag}
            row |= {"samples": len(here) // seeds, "seeds": seeds, "videos": videos}
            row |= {kind: float(here[kind].mean()) for kind in ("left", "completed")}
            found.append(_ratio(estimates, members, level))
            rows.append(row | {"ratio": found[-1].value, "low": np.nan, "high": np.nan})
    for row, low, high in zip(rows, *widened(found, level), strict=True):
        if not row["flag"] or row["flag"] == "videos only":
            row |= {"low": float(np.maximum(low, 0.0)), "high": float(high)}
    return rows
