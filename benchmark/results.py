"""From the run store to panels: the predictions of a study, folds pooled, ready for tables and figures."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import numpy as np
import pandas as pd

from baselines import model_class
from benchmark.panel import Gap, Panel
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
    command = f"sentibench run {quote(str(root / 'studies' / plan.study.name / 'study.yaml'))} --out {quote(str(root))}"
    made = (_panel(plan, runs, store, command) for runs in by_dataset.values())
    return [panel for panel in made if panel is not None]


def _panel(plan: Plan, runs: Sequence[PlannedRun], store: RunStore, command: str) -> Panel | None:
    splits = list(dict.fromkeys(r.spec.split for r in runs))
    groups: dict[tuple[str, int], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        groups[run.label, run.spec.seed].append(run)
    samples: dict[str, pd.DataFrame] = {}
    cells: list[tuple[str, int, str]] = []
    rows: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    costs: list[dict[str, object]] = []
    missing: list[Gap] = []
    for (label, seed), members in groups.items():
        records = [store.find(run.spec) for run in members]
        wanted = {s.fingerprint: str(s) for s in plan.scenarios_of(members[0])}
        missing += _gaps(label, seed, members, records, wanted, command)
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
        points=protocol_table(plan.protocols),
        runs=pd.DataFrame(costs),
        mask_informed=frozenset(
            r.label for r in runs if r.spec.model != ORACLE and model_class(r.spec.model).info.mask_informed
        ),
        missing=tuple(missing),
    )


def _gaps(
    label: str,
    seed: int,
    members: Sequence[PlannedRun],
    records: Sequence[RunRecord | None],
    wanted: dict[str, str],
    command: str,
) -> list[Gap]:
    gaps = []
    for run, record in zip(members, records, strict=True):
        split = run.spec.split if len(members) > 1 else ""
        lacking, reason = tuple(wanted.values()), "not run"
        if record is not None and record.status == "failed":
            reason = f"failed ({record.error})"
        elif record is not None:
            lacking = tuple(text for fingerprint, text in wanted.items() if fingerprint not in record.evaluated())
            reason = "not evaluated"
        if lacking:
            gaps.append(Gap(label, seed, split, reason, lacking, command))
    return gaps


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


def protocol_table(protocols: Sequence[Protocol]) -> pd.DataFrame:
    """`Panel.points` of some protocols."""
    return pd.DataFrame([_point(p, order) for p in protocols for order in range(len(p.points))])


def _point(protocol: Protocol, order: int) -> dict[str, object]:
    point = protocol.points[order]
    axes = [a for a in protocol.axes if a in point.coordinates]
    first, second = ([*axes, "", ""])[:2]
    # a point off some axis says which one it lies on, as `token error rate 0.3`
    ticks = [
        str(point.coordinates[a]) if len(axes) == len(protocol.axes) else f"{a} {point.coordinates[a]}" for a in axes
    ]
    return {
        "protocol": protocol.name,
        "scenario": str(point.scenario),
        "order": order,
        "axis": first,
        "x": _number(point.coordinates.get(first)),
        "axis2": second,
        "y": _number(point.coordinates.get(second)),
        "tick": ", ".join(ticks),
    }


def _number(coordinate: float | str | None) -> float:
    return float(coordinate) if isinstance(coordinate, (int, float)) else math.nan
