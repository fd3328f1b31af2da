"""Panels from the run store: the predictions of a study, folds pooled, ready for tables and figures.

`panels` gives results. For epochs chosen on the test set, see `benchmark.results.test_oracle`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Protocol

import numpy as np
import pandas as pd

from baselines.facts import model_info
from benchmark.data.reference import Reference
from benchmark.evaluation.panel import TOLD, Gap, Panel
from benchmark.results.parallel import each
from benchmark.runs.outdated import outdated
from benchmark.runs.record import RunRecord
from benchmark.runs.spec import ORACLE
from benchmark.runs.store import RunStore
from benchmark.study.origins import settings_origins
from benchmark.study.plan import Plan, PlannedRun
from benchmark.words import listed, one_line
from protocols import InputError
from protocols import Protocol as MeasurementPlan

#: Runs from which every data set is read by a process of its own: a second of work.
_MANY = 1000


def panels(plan: Plan, root: Path) -> list[Panel]:
    """Read one panel per data set of the study, from its finished runs.

    Gaps are listed in `Panel.missing`; a data set without any finished run has no panel, and is named in the notes of
    the others.
    """
    source = ValidSelection(plan, RunStore(root))
    by_dataset = runs_by_dataset(plan)
    read = each(lambda runs: make_panel(plan, runs, source), [*by_dataset.values()], large=len(plan.runs) >= _MANY)
    made = dict(zip(by_dataset, read, strict=True))
    absent = [name for name, panel in made.items() if panel is None]
    notes = (f"Missing: no run on {listed(absent)} is finished.",) if absent else ()
    return [replace(panel, notes=(*panel.notes, *notes)) for panel in made.values() if panel is not None]


def required_panels(plan: Plan, root: Path) -> list[Panel]:
    """Read the `panels` of a study with at least one finished run.

    Raises:
        InputError: if no run is finished, with the reason if other runs have the names of its own.
    """
    found = panels(plan, root)
    if not found:
        reason = outdated((run.spec for run in plan.runs), RunStore(root))
        again = f"{reason}; run it again" if reason else "run it first"
        raise InputError(f"no run of study '{plan.study.name}' in its present form is finished under {root}; {again}")
    return found


def runs_by_dataset(plan: Plan) -> dict[str, list[PlannedRun]]:
    """Group the runs of a plan by data set, as named by the study."""
    found: dict[str, list[PlannedRun]] = defaultdict(list)
    for run in plan.runs:
        found[run.dataset].append(run)
    return dict(found)


class Source(Protocol):
    """Source of the predictions of a panel: the epoch of each run, and the scenarios.

    Attributes:
        selection: Value of `Panel.selection`.
        notes: Value of `Panel.notes`.
        points: Value of `Panel.points`.
        store: Where runs are read.
        lacking: Reason of a gap if a run exists without a scenario.
        options: Further options of the command that fills a gap.
    """

    selection: str
    notes: tuple[str, ...]
    points: pd.DataFrame
    store: RunStore
    lacking: str
    options: str

    def scenarios(self, run: PlannedRun) -> dict[str, str]:
        """Return the texts of all scenarios that a run should have, by fingerprint."""
        ...

    def there(self, record: RunRecord) -> Collection[str]:
        """Return the fingerprints of the scenarios that a run has."""
        ...

    def read(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> tuple[int, pd.DataFrame]:
        """Return the epoch and its predictions: rows are scenarios, columns samples in order."""
        ...

    def told(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> pd.DataFrame:
        """Return the predictions of the model that is told where its gaps are, like `read`; empty if there are none."""
        ...


class ValidSelection:
    """Source of results: the epoch that validation chose."""

    selection = "valid"
    notes: tuple[str, ...] = ()
    lacking, options = "not evaluated", ""

    def __init__(self, plan: Plan, store: RunStore) -> None:
        self.points = protocol_table(plan.protocols)
        self.store, self._plan = store, plan
        self._texts: dict[bool, dict[str, str]] = {}
        self._samples, self._ids = pd.DataFrame(), list[str]()
        self._nothing = pd.DataFrame()

    @cached_property
    def _unmarked(self) -> bool:
        return any(scenario.unmarked for scenario in self._plan.scenarios)

    def scenarios(self, run: PlannedRun) -> dict[str, str]:
        """Return all scenarios of the study."""
        oracle = run.spec.model == ORACLE
        if oracle not in self._texts:
            self._texts[oracle] = {s.fingerprint: str(s) for s in self._plan.scenarios_of(run)}
        return self._texts[oracle]

    def there(self, record: RunRecord) -> Collection[str]:
        """Return the evaluated scenarios."""
        return record.evaluated()

    def read(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> tuple[int, pd.DataFrame]:
        """Return the stored predictions."""
        if samples is not self._samples:
            self._samples, self._ids = samples, samples["sample_id"].tolist()
        return record.best_epoch, self.store.wide_predictions(run.spec, self._ids, record)

    def told(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> pd.DataFrame:
        """Return those that are stored."""
        if not self._unmarked:
            return self._nothing
        return self.store.wide_predictions(run.spec, self._ids, record, told=True)


def make_panel(plan: Plan, runs: Sequence[PlannedRun], source: Source) -> Panel | None:
    """Make the panel of one data set; None if none of its runs is finished."""
    store = source.store
    study = quote(str(store.root / "studies" / plan.study.name / "study.yaml"))
    command = f"sentibench run {study} --out {quote(str(store.root))}{source.options}"
    splits = list(dict.fromkeys(r.spec.split for r in runs))
    groups: dict[tuple[str, int], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        groups[run.label, run.spec.seed].append(run)
    samples: dict[str, pd.DataFrame] = {}
    contents: dict[str, bytes | None] = {}
    cells: list[tuple[str, int, str]] = []
    rows: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    told_cells: list[tuple[str, int, str]] = []
    told_rows: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    costs: list[dict[str, object]] = []
    missing: list[Gap] = []
    finished: list[RunRecord] = []
    for (label, seed), members in groups.items():
        records = [store.find(run.spec) for run in members]
        missing += _gaps(label, seed, members, records, source, command)
        done = [r for r in records if r is not None and r.status == "done"]
        if len(done) < len(members):
            continue
        tables, told, epochs = [], [], []
        for run, record in zip(members, done, strict=True):
            split, content = run.spec.split, store.samples_content(run.spec)
            if split not in samples or content is None or content != contents[split]:
                known = store.samples(run.spec)
                if not known.equals(samples.setdefault(split, known)):
                    raise InputError(
                        f"{run.spec.title}: test samples differ from the other runs'; were they made from other data?"
                    )
                contents.setdefault(split, content)
            known = samples[split]
            epoch, table = source.read(run, record, known)
            epochs.append(epoch)
            tables.append(table)
            told.append(source.told(run, record, known))
        places = [{text: row for row, text in enumerate(table.index)} for table in tables]
        evaluated = [(source.there(record), place) for record, place in zip(done, places, strict=True)]
        shared = [
            text
            for fingerprint, text in source.scenarios(members[0]).items()
            if all(fingerprint in there and text in place for there, place in evaluated)
        ]
        chosen = [
            table.to_numpy(dtype=np.float64)[[place[text] for text in shared]]
            for table, place in zip(tables, places, strict=True)
        ]
        joined = np.concatenate(chosen, axis=1)
        cells += [(label, seed, scenario) for scenario in shared]
        rows += list(joined)
        informed = [t for t in shared if all(t in table.index for table in told)] if all(map(len, told)) else []
        if informed:
            both = (tables, label), (told, f"{label}{TOLD}")
            for parts, name in both:
                told_cells += [(name, seed, scenario) for scenario in informed]
                told_rows += list(np.concatenate([part.loc[informed].to_numpy(np.float64) for part in parts], axis=1))
        costs.append({**_cost(label, seed, done), "best_epoch": float(np.mean(epochs))})
        finished += done
    if not cells:
        return None
    there = [s for s in splits if s in samples]
    pooled = pd.concat([samples[s] for s in there], ignore_index=True)
    first = runs[0].spec
    pattern = Reference.parse(runs[0].dataset).split or first.split
    panel = Panel(
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
            r.label for r in runs if r.spec.model != ORACLE and model_info(r.spec.model).mask_informed
        ),
        missing=tuple(missing),
        label_range=runs[0].label_range,
        videos=runs[0].videos,
        settings=settings_origins(plan.study, runs),
        notes=(*source.notes, *runs[0].notes, *_capability_notes(finished)),
        bound=runs[0].bound,
        selection=source.selection,
        split_of=np.repeat(np.array(there, dtype=object), [len(samples[s]) for s in there]) if there[1:] else None,
    )
    if not told_cells:
        return panel
    cells_of_told = pd.DataFrame(told_cells, columns=["model", "seed", "scenario"])
    return replace(panel, told=replace(panel, cells=cells_of_told, predictions=np.stack(told_rows)))


def _capability_notes(records: Sequence[RunRecord]) -> list[str]:
    """Remark on runs of different processor capabilities; older versions recorded none."""
    found = {str(r.provenance["cpu_capability"]) for r in records if r.provenance.get("cpu_capability")}
    if len(found) < 2:
        return []
    return [f"Runs of different processor capabilities ({', '.join(sorted(found))}): equal to about 3e-6."]


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
            reason = f"failed ({one_line(str(record.error), 300)})"
        elif record is not None:
            there = source.there(record)
            lacking = tuple(text for fingerprint, text in wanted.items() if fingerprint not in there)
            reason = source.lacking
        if lacking:
            gaps.append(Gap(label, seed, split, reason, lacking, command))
    return gaps


def _cost(label: str, seed: int, records: Sequence[RunRecord]) -> dict[str, object]:
    def mean(values: Sequence[float | None]) -> float:
        known = [v for v in values if v is not None]
        return float(np.mean(known) if len(known) > 1 else known[0]) if known else math.nan

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
        "other_load": mean([_other_load(r) for r in records]),
    }


def _other_load(record: RunRecord) -> float | None:
    """Return the processes that ran beside a run when it ended, by the load average; None in older versions."""
    load, threads = record.provenance.get("load_average"), record.provenance.get("threads", 1)
    return None if load is None else max(float(load) - float(threads), 0.0)


def _typical(record: RunRecord) -> float | None:
    """Return the median milliseconds per sample; older versions recorded the mean only."""
    return record.inference_ms if record.inference_ms_median is None else record.inference_ms_median


def protocol_table(protocols: Sequence[MeasurementPlan]) -> pd.DataFrame:
    """Make `Panel.points` of some protocols."""
    return pd.DataFrame([_point(p, order) for p in protocols for order in range(len(p.points))])


def _point(protocol: MeasurementPlan, order: int) -> dict[str, object]:
    point = protocol.points[order]
    axes = [a for a in protocol.axes if a in point.coordinates]
    first, second = ([*axes, "", ""])[:2]
    # a point off the common axis names its own, as in `token error rate 0.3`
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
