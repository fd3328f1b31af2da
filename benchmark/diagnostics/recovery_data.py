"""Recovery error as a table: distance of completed features from complete ones, relative to leaving the gap."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from benchmark.diagnostics.placing import PLACE, place_of
from benchmark.evaluation.statistics import DRAWS, Estimates, FloatArray, draw_weights
from benchmark.evaluation.statistics.intervals import t_interval
from benchmark.evaluation.statistics.precision import quantity
from benchmark.evaluation.statistics.resampling import SEED_DRAWS
from protocols import MODALITIES, InputError

#: How deep features are compared: token by token, or by the output of the model's shared sentiment head. Between
#: the two, the error of the best constant in place of every completed feature, token by token.
FEATURE, CONSTANT, SEMANTIC = "feature", "constant", "semantic"
DEPTHS = (FEATURE, CONSTANT, SEMANTIC)
#: Extent of the loss of a modality: a part, all of it, or either.
EXTENTS = ("part", "whole", "any")
RECOVERY_COLUMNS = (
    "protocol", "scenario", *PLACE, "depth", "modality", "lost", "samples", "left", "completed", "ratio", "low",
    "high", "seeds", "videos", "level", "flag",
)  # fmt: skip
#: Minimum number of videos for the interval of a ratio.
FEWEST_VIDEOS = 5


def recovery_data(
    recovery: pd.DataFrame, points: pd.DataFrame, *, draws: int = DRAWS, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Compute the distance of completed features to those of the complete input, relative to that of incomplete ones.

    At both depths: between tokens (`feature`), and between outputs of the shared sentiment head (`semantic`);
    and, as a reference, of the mean complete features instead of completed ones (`constant`): a completion that is not
    below it does not use the rest of the sample.
    The ratio of a seed is one of sums over all (scenario, sample) pairs. Every seed has its own features,
    whose distances have no common unit, so their ratios are averaged, not their distances (by the geometric
    mean: 0.5 and 2 average to 1). Below 1 completion helps; 1 is as good as leaving the gap.

    `recovery` has the rows that `benchmark.diagnostics.examine` returns; `points` are as in `Panel.points`.

    Returns:
        One row per (protocol, point, depth, modality, extent), and one with an empty `scenario` for all points of the
        protocol: the point's position; `depth` (existing ones of `DEPTHS`); `lost` (`part` of the modality, the
        `whole` of it, or `any` of the two); `samples` with that loss (counted under each scenario), `left` and
        `completed` (mean distances), `ratio` with `low`, `high` (over videos and seeds; NaN over fewer than 5 videos),
        `seeds`, `videos`, `level`, `flag` (limits of the interval, or why there is none). Without any sample with that
        loss there is no row.

    Raises:
        InputError: if nothing was lost under any scenario.
    """
    known = recovery[recovery["scenario"].isin(set(points["scenario"]))]
    if known.empty:
        raise InputError("no sample loses anything under these scenarios; examine one that erases, such as inter-drop")
    videos = sorted(set(known["video_id"]))
    weights = draw_weights(draws, len(videos), seed, "videos")
    whole = known["lost"] >= 1
    rows: list[dict[str, object]] = []
    for extent, chosen in (("part", known[~whole]), ("whole", known[whole]), ("any", known)):
        for depth, modality in itertools.product(DEPTHS, MODALITIES):
            own = chosen[(chosen["depth"] == depth) & (chosen["modality"] == modality)]
            for protocol, its_points in points.groupby("protocol", sort=False):
                for group, members in _groups(its_points, set(own["scenario"])):
                    here = own[own["scenario"].isin(members)]
                    estimates = _log_ratios(here, videos, weights)
                    found = quantity(_only, [(estimates, _KEY)], "ratio")
                    few = here["video_id"].nunique() < FEWEST_VIDEOS
                    place = {"protocol": str(protocol), "scenario": group, **place_of(its_points, group)}
                    sizes = {"depth": depth, "modality": modality, "lost": extent, "level": level, **_sizes(here)}
                    flag = "few videos" if few else estimates.flag
                    row = {**place, **sizes, "ratio": float(np.exp(found.value)), "flag": flag}
                    unknown = flag in ("few videos", "no interval")
                    low, high = (np.nan, np.nan) if unknown else np.exp(t_interval(found, level)).tolist()
                    rows.append(row | {"low": low, "high": high})
    table = pd.DataFrame(rows)
    ranked = {name: i for i, name in enumerate((*dict.fromkeys(points["protocol"]), *DEPTHS, *MODALITIES, *EXTENTS))}
    keys = ["protocol", "order", "depth", "modality", "lost"]
    table = table.sort_values(keys, key=lambda c: c if c.name == "order" else c.map(ranked), kind="stable")
    return table.reset_index(drop=True)[list(RECOVERY_COLUMNS)]


def _groups(points: pd.DataFrame, there: set[str]) -> list[tuple[str, list[str]]]:
    """Yield every scenario separately, then all of the protocol, if anything was lost."""
    scenarios = [str(s) for s in points["scenario"] if s in there]
    return [*((s, [s]) for s in scenarios), *([("", scenarios)] if scenarios else [])]


def _sizes(here: pd.DataFrame) -> dict[str, object]:
    seeds = int(here["seed"].nunique())
    means = {kind: float(here[kind].mean()) for kind in ("left", "completed")}
    return {"samples": len(here) // seeds, "seeds": seeds, "videos": int(here["video_id"].nunique()), **means}


#: Name of the only scenario in the estimates of a ratio.
_KEY = ("",)


def _log_ratios(here: pd.DataFrame, videos: list[str], weights: FloatArray) -> Estimates:
    """Compute the logarithm of every seed's ratio; draws as in `benchmark.evaluation.statistics.resample`."""
    sums = here.groupby(["seed", "video_id"])[["completed", "left"]].sum()
    seeds = tuple(int(number) for number in sums.index.get_level_values("seed").unique())
    wide = {kind: sums[kind].unstack("video_id").reindex(columns=videos).fillna(0.0) for kind in ("completed", "left")}
    completed, left = (wide[kind].to_numpy(np.float64) for kind in ("completed", "left"))
    values = _log_quotient(completed.sum(axis=1), left.sum(axis=1))
    drawn = _log_quotient(weights @ completed.T, weights @ left.T)  # NaN without a sample that lost
    present = np.ones((len(seeds), 1), dtype=np.bool_)
    weight = left.sum(axis=0)
    effective = float(weight.sum() ** 2 / max((weight**2).sum(), np.finfo(np.float64).tiny))
    return Estimates(
        "completion",
        seeds,
        _KEY,
        ("ratio",),
        values[:, None, None],
        drawn.mean(axis=1)[:, None, None],
        drawn[:SEED_DRAWS, :, None, None],
        len(videos),
        effective,
        present,
    )


def _log_quotient(above: FloatArray, below: FloatArray) -> FloatArray:
    defined = (above > 0) & (below > 0)
    parts = (np.log(np.where(defined, values, 1.0)) for values in (above, below))
    return np.where(defined, next(parts) - next(parts), np.nan)


def _only(curve: FloatArray) -> FloatArray:
    return curve[..., 0]
