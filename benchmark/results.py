"""From the run store to panels: the predictions of a study, folds pooled, ready for tables and figures."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from baselines import model_class
from benchmark.panel import Panel
from benchmark.runs import ORACLE
from benchmark.store import RunRecord, RunStore
from benchmark.study import Plan, PlannedRun
from protocols import InputError, Protocol


def panels(plan: Plan, root: Path) -> list[Panel]:
    """One panel a data set of the study, from the runs that are there.

    What is absent is listed in `Panel.missing`; a data set without any finished run has no panel.
    """
    store = RunStore(root)
    by_dataset: dict[str, list[PlannedRun]] = defaultdict(list)
    for run in plan.runs:
        by_dataset[run.dataset].append(run)
    made = (_panel(plan, runs, store) for runs in by_dataset.values())
    return [panel for panel in made if panel is not None]


def _panel(plan: Plan, runs: Sequence[PlannedRun], store: RunStore) -> Panel | None:
    splits = list(dict.fromkeys(r.spec.split for r in runs))
    groups: dict[tuple[str, int], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        groups[run.label, run.spec.seed].append(run)
    samples: dict[str, pd.DataFrame] = {}
    cells: list[tuple[str, int, str]] = []
    rows: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    costs: list[dict[str, object]] = []
    missing: list[str] = []
    for (label, seed), members in groups.items():
        records = [store.find(run.spec) for run in members]
        wanted = {s.fingerprint: str(s) for s in plan.scenarios_of(members[0])}
        lacking = _lacking(label, seed, members, records, wanted)
        missing += lacking
        done = [r for r in records if r is not None and r.status == "done"]
        if len(done) < len(members):
            continue
        tables = []
        for run in members:
            known = store.samples(run.spec)
            samples.setdefault(run.spec.split, known)
            if not known.equals(samples[run.spec.split]):
                raise InputError(
                    f"{run.spec.title}: test samples differ from the other runs'; were they made from other data?"
                )
            table = store.predictions(run.spec)
            tables.append(table.pivot(index="scenario", columns="sample_id", values="prediction")[known["sample_id"]])
        shared = [s for s in wanted.values() if all(s in table.index for table in tables)]
        joined = np.concatenate([table.loc[shared].to_numpy(dtype=np.float64) for table in tables], axis=1)
        cells += [(label, seed, scenario) for scenario in shared]
        rows += list(joined)
        costs.append(_cost(label, seed, done))
    if not cells:
        return None
    pooled = pd.concat([samples[s] for s in splits if s in samples], ignore_index=True)
    first = runs[0].spec
    pattern = runs[0].dataset.partition("/")[2] or first.split
    return Panel(
        dataset=first.dataset,
        split=pattern,
        regime=first.regime,
        sample_ids=pooled["sample_id"].to_numpy(dtype=object),
        video_ids=pooled["video_id"].to_numpy(dtype=object),
        label=pooled["label"].to_numpy(dtype=np.float64),
        cells=pd.DataFrame(cells, columns=["model", "seed", "scenario"]),
        predictions=np.stack(rows),
        points=_points(plan.protocols),
        runs=pd.DataFrame(costs),
        mask_informed=frozenset(
            r.label for r in runs if r.spec.model != ORACLE and model_class(r.spec.model).info.mask_informed
        ),
        missing=tuple(missing),
    )


def _lacking(
    label: str, seed: int, members: Sequence[PlannedRun], records: Sequence[RunRecord | None], wanted: dict[str, str]
) -> list[str]:
    lines = []
    for run, record in zip(members, records, strict=True):
        name = f"{label}, seed {seed}" + (f", split {run.spec.split}" if len(members) > 1 else "")
        if record is None:
            lines.append(f"{name}: not run; run the study again to fill it")
        elif record.status == "failed":
            lines.append(f"{name}: failed ({record.error})")
        else:
            absent = [text for fingerprint, text in wanted.items() if fingerprint not in record.evaluated()]
            if absent:
                lines.append(f"{name}: {len(absent)} scenarios not evaluated ({absent[0]}, ...); run the study again")
    return lines


def _cost(label: str, seed: int, records: Sequence[RunRecord]) -> dict[str, object]:
    def mean(values: Sequence[float | None]) -> float:
        known = [v for v in values if v is not None]
        return float(np.mean(known)) if known else math.nan

    return {
        "model": label,
        "seed": seed,
        "parameters": int(mean([r.parameters for r in records])),
        "train_seconds": mean([r.seconds.get("train") for r in records]),
        "inference_ms": mean([r.inference_ms for r in records]),
        "peak_memory_mb": mean([r.peak_memory_mb for r in records]),
        "epochs": mean([r.epochs for r in records]),
        "runs": ",".join(r.id for r in records),
    }


def _points(protocols: Sequence[Protocol]) -> pd.DataFrame:
    rows = []
    for protocol in protocols:
        for order, point in enumerate(protocol.points):
            axis = protocol.axes[0] if protocol.axes else ""
            ticks = [point.coordinates[a] for a in protocol.axes if a in point.coordinates]
            numeric = len(protocol.axes) == 1 and isinstance(ticks[0], (int, float))
            # a point off some axis says which one it lies on, as `token error rate 0.3`
            named = [f"{a} {point.coordinates[a]}" for a in protocol.axes if a in point.coordinates]
            written = map(str, ticks) if len(ticks) == len(protocol.axes) else named
            rows.append(
                {
                    "protocol": protocol.name,
                    "scenario": str(point.scenario),
                    "order": order,
                    "axis": axis,
                    "x": float(ticks[0]) if numeric else math.nan,
                    "tick": ", ".join(written),
                }
            )
    return pd.DataFrame(rows)
