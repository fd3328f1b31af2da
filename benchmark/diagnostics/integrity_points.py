"""Estimated integrity and dominant modality, by modality and scenario, as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from benchmark.diagnostics.integrity_data import recorded, seed_ranks
from benchmark.diagnostics.placing import PLACE, place_of
from benchmark.diagnostics.positions import Counts, auc
from benchmark.evaluation.sample_means import sample_means
from benchmark.evaluation.statistics import DRAWS, confidence_intervals
from protocols import MODALITIES, InputError

INTEGRITY_COLUMNS = (
    "protocol", "scenario", *PLACE, "modality", "true", "mae", "mae_low", "mae_high", "spearman", "leads",
    "leads_low", "leads_high", "seeds", "samples", "videos", "level", "flag", "net", "auc",
)  # fmt: skip
#: Columns of the integrity of samples before anything is erased; an examination has them.
WHOLE = tuple(f"whole_{m}" for m in MODALITIES)
#: A correlation is not a quotient of means and has no interval here; it is undefined where the truth does not vary.
_SCORES = ("mae", "leads")


def integrity_points(
    statements: pd.DataFrame,
    points: pd.DataFrame,
    positions: Mapping[tuple[int, str], Counts] | None = None,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare the integrity estimates and the dominant modality of one model with the truth.

    `statements` are those of one model, as in `benchmark.results.statements.Diagnostics.table` or `Examination`;
    `positions` are those of an `Examination`.

    Returns:
        One row per (protocol, point, modality), and one with an empty `scenario` for all points of the protocol: the
        point's place; `true` (mean integrity); `mae` of the estimate and `spearman` (see `metrics`; of each seed,
        over samples and, for all points, over these, then averaged; NaN where truth or estimate is constant); `leads`,
        the share of samples that the modality leads; `_low` and `_high` over videos and seeds; `seeds`, `samples`,
        `videos`, `level`, `flag`; `net`, the same correlation of the shares of what the data set has of a sample, so
        that its own gaps, which show, do not count; `auc` of the scores of single positions (`positions.auc`, mean over
        seeds; all scenarios of the protocol together in its row). NaN for quantities that the model does not provide,
        and for the integrity of a modality that is not in the data.

    Raises:
        InputError: if the model provides neither under these scenarios.
    """
    scenarios = [str(s) for s in dict.fromkeys(points["scenario"])]
    own = statements[statements["scenario"].isin(scenarios)]
    measured = {f"{kind} {modality}": table for kind, modality, table in _measured(own) if not table.empty}
    if not measured:
        raise InputError("the model neither estimates integrity nor says which modality leads, as senti-ifusion does")
    there = recorded(own)
    estimates = sample_means(measured, draws=draws, seed=seed)
    rows = []
    for protocol, its_points in points.groupby("protocol", sort=False):
        members = [str(s) for s in its_points["scenario"]]
        groups = {s: (s,) for s in members} | {"": tuple(members)}
        intervals = confidence_intervals(estimates, groups, level=level).to_dict("records")
        found = {(row["model"], row["group"]): row for row in intervals}
        for group, chosen in groups.items():
            here = own[own["scenario"].isin(chosen)]
            ranks, net, areas = seed_ranks(here), _net_ranks(here), _areas(positions or {}, chosen)
            for modality in MODALITIES:
                row = {"protocol": str(protocol), "scenario": group, **place_of(its_points, group)}
                row |= {"modality": modality, "level": level}
                row["true"] = float(here[f"observed_{modality}"].mean()) if modality in there else np.nan
                row |= {"net": net[modality], "auc": areas[modality]}
                row |= {"spearman": ranks[modality], "samples": here["sample_id"].nunique()}
                for kind in _SCORES:
                    one = found.get((f"{kind} {modality}", group))
                    for source, name in (("value", kind), ("low", f"{kind}_low"), ("high", f"{kind}_high")):
                        row[name] = np.nan if one is None else min(float(one[source]), 1.0)  # neither exceeds 1
                    if one is not None:
                        row |= {name: one[name] for name in ("seeds", "videos", "flag")}
                rows.append(row)
    return pd.DataFrame(rows)[list(INTEGRITY_COLUMNS)]


def _net_ranks(here: pd.DataFrame) -> dict[str, float]:
    """Compute `seed_ranks` of the shares of what each sample has; NaN where that is unknown."""
    if not set(WHOLE) <= set(here):
        return dict.fromkeys(MODALITIES, np.nan)
    found: dict[str, float] = {}
    for m in MODALITIES:
        own = here[here[f"whole_{m}"] > 0].copy()
        for kind in ("integrity", "observed"):
            own[f"{kind}_{m}"] /= own[f"whole_{m}"]
        found[m] = seed_ranks(own)[m] if len(own) else np.nan
    return found


def _areas(positions: Mapping[tuple[int, str], Counts], scenarios: Sequence[str]) -> dict[str, float]:
    by_seed: dict[int, list[Counts]] = defaultdict(list)
    for (seed, scenario), counts in positions.items():
        if scenario in scenarios:
            by_seed[seed].append(counts)
    found = np.mean([auc(counts) for counts in by_seed.values()], axis=0) if by_seed else np.full(3, np.nan)
    return dict(zip(MODALITIES, found.tolist(), strict=True))


def _measured(own: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Return the quantities that are averaged over samples, by kind and modality."""
    keys = ["seed", "scenario", "sample_id", "video_id"]
    there = recorded(own)
    for column, modality in enumerate(MODALITIES):
        off = (own[f"integrity_{modality}"] - own[f"observed_{modality}"]).abs()
        leads = (own["dominant"] == column).astype("float64").where(own["dominant"].notna())
        for kind, values in zip(_SCORES, (off, leads), strict=True):
            if kind == "mae" and modality not in there:
                continue
            yield kind, modality, own[keys].assign(value=values).dropna(subset=["value"])
