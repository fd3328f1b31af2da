"""Runs behind a row: records of the store, with shared content written once.

Many runs share configs, provenance and mask fingerprints; a run refers to them by position.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmark.evaluation.panel import Panel
from benchmark.runs.record import RunRecord
from benchmark.site.rounding import number

_NUMBERS = ("parameters", "flops", "epochs", "best_epoch", "valid_mae", "inference_ms", "inference_ms_median",
            "inference_ms_p95", "peak_memory_mb")  # fmt: skip
#: Fields of the spec that are shown beside the config.
_SPEC = ("dataset", "split", "data_sha256", "model", "model_version", "regime", "regime_fingerprint", "encoder",
         "encoder_revision", "scaling", "plugin_sha256")  # fmt: skip

#: Lists of shared content, by the field of a run that is a position in it.
_POOLS = {"config": "configs", "data": "data", "provenance": "provenance", "masks": "masks"}


class _Pool:
    """Distinct values in order of first use."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self.values: list[Any] = []

    def place(self, value: Any) -> int:
        """Return the position of a value."""
        key = json.dumps(value, sort_keys=True, default=str)
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(value)
        return self._places[key]


def run_tables(records: Iterable[RunRecord], wanted: Iterable[str]) -> dict[str, Any]:
    """Return the records of the wanted run ids.

    Returns:
        `runs` (by id: numbers, `seconds`, and positions `config`, `data`, `provenance`, `masks`), and the lists that
        the positions point into: `configs`, `data`, `provenance`, `masks` (lists of scenario, fingerprint, sha256).
    """
    chosen = set(wanted)
    pools = {name: _Pool() for name in _POOLS.values()}
    runs: dict[str, Any] = {}
    for record in records:
        if record.id not in chosen:
            continue
        spec = record.spec.model_dump(mode="json")
        masks = sorted([e.scenario, e.fingerprint, e.masks_sha256] for e in record.evaluations)
        runs[record.id] = {name: number(getattr(record, name)) for name in _NUMBERS} | {
            "seed": record.spec.seed,
            "split": record.spec.split,
            "seconds": {phase: number(value) for phase, value in record.seconds.items()},
            "config": pools["configs"].place(spec["config"]),
            "data": pools["data"].place({name: spec[name] for name in _SPEC if spec[name] not in (None, "")}),
            "provenance": pools["provenance"].place(record.provenance),
            "masks": pools["masks"].place(masks),
        }
    return {"runs": runs, **{name: pool.values for name, pool in pools.items()}}


def joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join several results of `run_tables`; a run that is in two is taken from the first."""
    pools = {name: _Pool() for name in _POOLS.values()}
    runs: dict[str, Any] = {}
    for part in parts:
        places = {field: [pools[name].place(value) for value in part[name]] for field, name in _POOLS.items()}
        for run, row in part["runs"].items():
            runs.setdefault(run, row | {field: place[row[field]] for field, place in places.items()})
    return {"runs": runs, **{name: pool.values for name, pool in pools.items()}}


def run_ids(panel: Panel) -> dict[str, list[str]]:
    """Return the ids of the runs of every model of a panel, by seed."""
    found: dict[str, list[str]] = {}
    if not {"model", "seed", "runs"} <= set(panel.runs.columns):
        return found
    for row in panel.runs.sort_values("seed", kind="stable").to_dict("records"):
        found.setdefault(str(row["model"]), []).extend(i for i in str(row["runs"] or "").split(",") if i)
    return found
