"""From the run store to panels: the predictions of a study, folds pooled, ready for tables and figures.

`panels` gives results. What choosing epochs on the test set would have given is in `benchmark.results.test_oracle`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from shlex import quote
from typing import Protocol

import numpy as np
import pandas as pd

from baselines import model_class
from benchmark.data.reference import Reference
from benchmark.evaluation.panel import Gap, Panel
from benchmark.runs.outdated import outdated
from benchmark.runs.record import RunRecord
from benchmark.runs.spec import ORACLE
from benchmark.runs.store import RunStore
from benchmark.study.origins import settings_origins
from benchmark.study.plan import Plan, PlannedRun
from protocols import InputError
from protocols import Protocol as MeasurementPlan


def panels(plan: Plan, root: Path) -> list[Panel]:
    """One panel a data set of the study, from the runs that are there.

    What is absent is listed in `Panel.missing`; a data set without any finished run has no panel.
    """
    source = ValidSelection(plan, RunStore(root))
    made = (make_panel(plan, runs, root, source) for runs in runs_by_dataset(plan).values())
    return [panel for panel in made if panel is not None]


def required_panels(plan: Plan, root: Path) -> list[Panel]:
    """`panels` of a study of which something was run.

    Raises:
        InputError: when nothing was, with the reason where other runs bear the names of its own.
    """
    found = panels(plan, root)
    if not found:
        reason = outdated((run.spec for run in plan.runs), RunStore(root))
        again = f"{reason}; run it again" if reason else "run it first"
        raise InputError(f"nothing of study '{plan.study.name}' as it is now has been run under {root}; {again}")
    return found


def runs_by_dataset(plan: Plan) -> dict[str, list[PlannedRun]]:
    """The runs of a plan by the data set that they are of, as the study names it."""
    found: dict[str, list[PlannedRun]] = defaultdict(list)
    for run in plan.runs:
        found[run.dataset].append(run)
    return dict(found)


class Source(Protocol):
    """Where the predictions of a panel come from: which epoch of each run, under which scenarios.

    Attributes:
        selection: For `Panel.selection`.
        notes: For `Panel.notes`.
        points: For `Panel.points`.
        lacking: The reason of a gap where a run is there and a scenario is not.
        options: What the command that fills a gap needs besides.
    """

    selection: str
    notes: tuple[str, ...]
    points: pd.DataFrame
    lacking: str
    options: str

    def scenarios(self, run: PlannedRun) -> dict[str, str]:
        """By fingerprint, the text of every scenario that a run should have."""
        ...

    def there(self, record: RunRecord) -> Collection[str]:
        """Fingerprints of the scenarios that a run has."""
        ...

    def read(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> tuple[int, pd.DataFrame]:
        """The epoch, and its predictions: rows are scenarios, columns samples in order."""
        ...


class ValidSelection:
    """Results: the epoch that validation chose."""

    selection = "valid"
    notes: tuple[str, ...] = ()
    lacking, options = "not evaluated", ""

    def __init__(self, plan: Plan, store: RunStore) -> None:
        self.points = protocol_table(plan.protocols)
        self._plan, self._store = plan, store

    def scenarios(self, run: PlannedRun) -> dict[str, str]:
        """All of the study."""
        return {s.fingerprint: str(s) for s in self._plan.scenarios_of(run)}

    def there(self, record: RunRecord) -> Collection[str]:
        """Those evaluated."""
        return record.evaluated()

    def read(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> tuple[int, pd.DataFrame]:
        """The predictions on file."""
        table = self._store.predictions(run.spec)
        wide = table.pivot(index="scenario", columns="sample_id", values="prediction")
        return record.best_epoch, wide[samples["sample_id"]]


def make_panel(plan: Plan, runs: Sequence[PlannedRun], root: Path, source: Source) -> Panel | None:
    """The panel of one data set; None where none of its runs is there."""
    store = RunStore(root)
    study = quote(str(root / "studies" / plan.study.name / "study.yaml"))
    command = f"sentibench run {study} --out {quote(str(root))}{source.options}"
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
        missing += _gaps(label, seed, members, records, source, command)
        done = [r for r in records if r is not None and r.status == "done"]
        if len(done) < len(members):
            continue
        tables, epochs = [], []
        for run, record in zip(members, done, strict=True):
            known = store.samples(run.spec)
            samples.setdefault(run.spec.split, known)
            if not known.equals(samples[run.spec.split]):
                raise InputError(
                    f"{run.spec.title}: test samples differ from the other runs'; were they made from other data?"
                )
            epoch, table = source.read(run, record, known)
            epochs.append(epoch)
            tables.append(table)
        shared = [
            text
            for fingerprint, text in source.scenarios(members[0]).items()
            if all(
                fingerprint in source.there(record) and text in table.index
                for record, table in zip(done, tables, strict=True)
            )
        ]
        joined = np.concatenate([table.loc[shared].to_numpy(dtype=np.float64) for table in tables], axis=1)
        cells += [(label, seed, scenario) for scenario in shared]
        rows += list(joined)
        costs.append({**_cost(label, seed, done), "best_epoch": float(np.mean(epochs))})
    if not cells:
        return None
    there = [s for s in splits if s in samples]
    pooled = pd.concat([samples[s] for s in there], ignore_index=True)
    first = runs[0].spec
    pattern = Reference.parse(runs[0].dataset).split or first.split
    return Panel(
        dataset=first.dataset,
        split=pattern,
        regime=first.regime,
        sample_ids=pooled["sample_id"].to_numpy(dtype=object),
        video_ids=pooled["video_id"].to_numpy(dtype=object),
        label=pooled["label"].to_numpy(dtype=np.float64),
        cells=pd.DataFrame(cells, columns=["model", "seed", "scenario"]),
        predictions=np.stack(rows),
        points=source.points,
        runs=pd.DataFrame(costs),
        mask_informed=frozenset(
            r.label for r in runs if r.spec.model != ORACLE and model_class(r.spec.model).info.mask_informed
        ),
        missing=tuple(missing),
        label_range=runs[0].label_range,
        videos=runs[0].videos,
        settings=settings_origins(plan.study, runs),
        notes=source.notes,
        bound=runs[0].bound,
        selection=source.selection,
        split_of=np.repeat(np.array(there, dtype=object), [len(samples[s]) for s in there]) if there[1:] else None,
    )


def _gaps(
    label: str,
    seed: int,
    members: Sequence[PlannedRun],
    records: Sequence[RunRecord | None],
    source: Source,
    command: str,
) -> list[Gap]:
    gaps = []
    wanted = source.scenarios(members[0])
    for run, record in zip(members, records, strict=True):
        split = run.spec.split if len(members) > 1 else ""
        lacking, reason = tuple(wanted.values()), "not run"
        if record is not None and record.status == "failed":
            reason = f"failed ({record.error})"
        elif record is not None:
            lacking = tuple(text for fingerprint, text in wanted.items() if fingerprint not in source.there(record))
            reason = source.lacking
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
        "inference_ms": mean([_typical(r) for r in records]),
        "inference_ms_p95": mean([r.inference_ms_p95 for r in records]),
        "flops": mean([r.flops for r in records]),
        "peak_memory_mb": mean([r.peak_memory_mb for r in records]),
        "epochs": mean([r.epochs for r in records]),
        "runs": ",".join(r.id for r in records),
    }


def _typical(record: RunRecord) -> float | None:
    """Median milliseconds a sample; runs of older versions kept the mean only."""
    return record.inference_ms if record.inference_ms_median is None else record.inference_ms_median


def protocol_table(protocols: Sequence[MeasurementPlan]) -> pd.DataFrame:
    """`Panel.points` of some protocols."""
    return pd.DataFrame([_point(p, order) for p in protocols for order in range(len(p.points))])


def _point(protocol: MeasurementPlan, order: int) -> dict[str, object]:
    point = protocol.points[order]
    axes = [a for a in protocol.axes if a in point.coordinates]
    first, second = ([*axes, "", ""])[:2]
    # a point off some axis says which one it lies on, as `token error rate 0.3`
    ticks = [str(point.printed[a]) if len(axes) == len(protocol.axes) else f"{a} {point.printed[a]}" for a in axes]
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
