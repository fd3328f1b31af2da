"""Diagnostics that models predict beside the sentiment: estimated integrity, dominant modality; from stored runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmark.data.reference import Reference
from benchmark.results.from_runs import protocol_table
from benchmark.runs.store import RunStore
from benchmark.study.plan import Plan, PlannedRun
from protocols import MODALITIES

#: Columns of `Diagnostics.table` that a model may provide.
ESTIMATED = tuple(f"integrity_{m}" for m in MODALITIES)
OBSERVED = tuple(f"observed_{m}" for m in MODALITIES)
DOMINANT = "dominant"


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """Diagnostics of the models of one data set, sample by sample.

    Attributes:
        dataset: Name of the data set.
        split: Named split, or the pattern of a pooled family.
        table: One row per (model, seed, scenario, test sample): `model`, `seed`, `scenario`, `sample_id`, `video_id`,
            `integrity_text`, ... (estimated, 0..1), `observed_text`, ... (true share of observed positions)
            and `dominant` (0 text, 1 audio, 2 vision). NaN where a model gives none; models that give nothing at all
            have no row.
        points: As in `Panel.points`.
    """

    dataset: str
    split: str
    table: pd.DataFrame
    points: pd.DataFrame


def read_diagnostics(plan: Plan, root: Path) -> list[Diagnostics]:
    """Read a table for each data set of the study on which some model provides diagnostics.

    A (model, seed) of a pooled family of splits is read if all its splits are finished, as everywhere.

    Raises:
        InputError: for a file that cannot be read.
    """
    store = RunStore(root)
    by_dataset: dict[str, dict[tuple[str, int], list[PlannedRun]]] = defaultdict(lambda: defaultdict(list))
    for run in plan.runs:
        by_dataset[run.dataset][run.label, run.spec.seed].append(run)
    points = protocol_table(plan.protocols)
    wanted = {s.fingerprint: str(s) for s in plan.scenarios}
    found = []
    for dataset, groups in by_dataset.items():
        parts = []
        for (label, seed), members in groups.items():
            if all(store.done(run.spec) is not None for run in members):
                own = [_read(store, run, wanted) for run in members]
                parts += [part.assign(model=label, seed=seed) for part in own if part is not None]
        if parts:
            first = next(iter(groups.values()))[0]
            columns = ["model", "seed", "scenario", "sample_id", "video_id", *ESTIMATED, *OBSERVED, DOMINANT]
            table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
            split = Reference.parse(dataset).split or first.spec.split
            found.append(Diagnostics(first.spec.dataset, split, table, points))
    return found


def _read(store: RunStore, run: PlannedRun, wanted: Mapping[str, str]) -> pd.DataFrame | None:
    """Read the predictions of a run with its diagnostics, or None without any.

    Scenarios are wanted by fingerprint: results of an older version of a mechanism have the same text.
    """
    record = store.done(run.spec)
    there = record.evaluated() if record is not None else ()
    scenarios = {text for fingerprint, text in wanted.items() if fingerprint in there}
    table = store.predictions(run.spec)
    given = [name for name in (*ESTIMATED, *OBSERVED, DOMINANT) if name in table]
    if not given:
        return None
    samples = store.samples(run.spec)
    owner = dict(zip(samples["sample_id"].astype(str), samples["video_id"].astype(str), strict=True))
    table = table[table["scenario"].astype(str).isin(scenarios)]
    kept = table[["scenario", "sample_id"]].astype(str)
    kept["video_id"] = kept["sample_id"].map(owner)
    return pd.concat([kept, table[given].astype("float64")], axis=1).reset_index(drop=True)
