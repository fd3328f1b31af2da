"""Numbers of the page: values, intervals, ranks and ties of one panel, protocol by protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import METRICS, class_counts, constant_predictions, f1_is_possible
from benchmark.evaluation.panel import TOLD, Panel
from benchmark.evaluation.plausibility import implausible
from benchmark.evaluation.protocol_results import ORACLE, ProtocolResults, shape_of
from benchmark.evaluation.statistics import (
    SEEDS_FOR_ORDER,
    Estimates,
    confidence_intervals,
    corrected,
    ranks,
    tied_with_best,
)
from benchmark.results.candidates import VALID
from benchmark.site.pairs import pair_values
from benchmark.site.rounding import number
from benchmark.tables.remarks import corr_text, failed_seeds, training_texts
from protocols import InputError, get_protocol

#: Columns of `confidence_intervals` that the page shows.
_STATISTICS = ("value", "low", "high", "sd")
_COSTS = ("parameters", "flops", "train_seconds", "inference_ms", "inference_ms_p95", "peak_memory_mb", "epochs",
          "other_load")  # fmt: skip


def protocol_table(
    panels: Mapping[str, Panel], name: str, index: Mapping[str, int], *, level: float, draws: int, seed: int
) -> dict[str, Any]:
    """Collect the numbers of one protocol.

    Args:
        panels: Predictions by metric: one panel for all if one checkpoint serves all
            metrics, one for each if every metric chose its own.
        name: Name of the protocol.
        index: Position of every model in the page's list of models.
        level: Confidence level of intervals, ranks and bold.
        draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        `name`, `title`, `points`, `views` (of `ProtocolShape`), `models` (positions); one entry per model: `seeds`,
        `failed` (how many seeds), `flags`, `remarks`, `impossible` (F1 metrics beyond the arithmetic bound); `digits`
        (decimals by metric), `cells` (by metric and statistic, models x points), `means` (by metric: statistics of the
        mean over the points, `rank`, `p_next`, `best`, `by_seed` and, but for epochs chosen on the test set, `pairs`,
        see `pair_values`).
    """
    groups: dict[int, list[str]] = {}
    for metric, panel in panels.items():
        groups.setdefault(id(panel), []).append(metric)
    parts = [_part(panels[metrics[0]], name, metrics, index, level, draws, seed) for metrics in groups.values()]
    first = parts[0]
    for part in parts[1:]:
        if part["models"] != first["models"] or part["seeds"] != first["seeds"]:
            raise InputError(f"protocol '{name}': panels of different metrics hold different models or seeds")
        first["cells"] |= part["cells"]
        first["means"] |= part["means"]
        first["digits"] |= part["digits"]
    return first


def costs(panel: Panel, index: Mapping[str, int]) -> dict[str, dict[str, float | None]]:
    """Return the mean cost of a run of every model with results, by its position: `parameters`, `train_seconds`, ..."""
    columns = [name for name in _COSTS if name in panel.runs]
    if panel.runs.empty:
        return {}
    means = panel.runs.groupby("model", sort=False)[columns].mean()
    return {
        str(index[str(model)]): {str(name): number(value) for name, value in row.items()}
        for model, row in means.to_dict("index").items()
        if str(model) in index  # trained, but not yet evaluated under any scenario of the study
    }


def _part(
    panel: Panel, name: str, metrics: Sequence[str], index: Mapping[str, int], level: float, draws: int, seed: int
) -> dict[str, Any]:
    shape = shape_of(panel, name)
    points = shape.points.to_dict("records")
    scenarios = [str(p["scenario"]) for p in points]
    evaluated = panel.cells["scenario"].isin(scenarios).any()
    found = panel.estimates(scenarios, metrics, draws=draws, seed=seed) if evaluated else {}
    results = None
    if panel.selection == VALID and evaluated:
        results = ProtocolResults.of(panel, name, draws=draws, level=level, seed=seed)
        found = found | results.told
    models = list(found)
    contest = {model: own for model, own in found.items() if not is_bound(model)}
    p = {m: results.corrected(m) if results else corrected(contest, m, scenarios) for m in (metrics if contest else ())}
    values = _values(found, models, scenarios, metrics, level, p)
    if results:
        for metric in metrics:
            values["means"][metric]["pairs"] = pair_values(results, metric, models)
    suspect = implausible(
        {m: own for m, own in found.items() if not m.endswith(TOLD)}, ORACLE, panel.bound, scenarios, level=level
    )
    return {
        "name": str(points[0]["protocol"]),
        "title": _title(str(points[0]["protocol"])),
        "points": [_point(p) for p in points],
        "views": shape.views,
        "models": [index[m] for m in models],
        "seeds": [list(found[m].seeds) for m in models],
        "failed": [len(failed_seeds(panel, m)) for m in models],
        "flags": [found[m].flag for m in models],
        "remarks": [[*filter(None, [suspect.get(m)]), *_remarks(panel, found[m], scenarios)] for m in models],
        "impossible": [_impossible(panel, values["means"], i) for i in range(len(models))],
        **values,
    }


def _values(
    found: Mapping[str, Estimates],
    models: Sequence[str],
    scenarios: Sequence[str],
    metrics: Sequence[str],
    level: float,
    p: Mapping[str, Mapping[tuple[str, str], float]],
) -> dict[str, Any]:
    mean = "mean over the points"  # scenarios are texts of another form
    groups: dict[str, Sequence[str]] = {s: (s,) for s in scenarios} | {mean: tuple(scenarios)}
    table = confidence_intervals(found, groups, level=level)
    rows = zip(table["model"], table["group"], table["metric"], table[list(_STATISTICS)].to_numpy(), strict=True)
    values = {(m, group, metric): [number(v) for v in own] for m, group, metric, own in rows}
    contest = {m: own for m, own in found.items() if not is_bound(m)}
    cells: dict[str, Any] = {}
    means: dict[str, Any] = {}
    digits: dict[str, int] = {}
    for metric in metrics:
        for i, statistic in enumerate(_STATISTICS):
            by_point = [[values[m, s, metric][i] for s in scenarios] for m in models]
            cells.setdefault(metric, {})[statistic] = by_point
            means.setdefault(metric, {})[statistic] = [values[m, mean, metric][i] for m in models]
        order = (contest, metric, scenarios)
        places = ranks(*order, level=level, p=p[metric]).set_index("model") if contest else pd.DataFrame()
        best = tied_with_best(*order, level=level, p=p[metric]) if len(contest) > 1 else frozenset()
        low, high = (_numbers(means[metric][name]) for name in ("low", "high"))
        digits[metric] = METRICS[metric].decimals_for((high - low) / 2)
        means[metric] |= {
            "rank": [number(places.at[m, "rank"]) if m in contest else None for m in models],
            "p_next": [number(places.at[m, "p_next"]) if m in contest else None for m in models],
            "best": [m in best for m in models],
            "by_seed": [_by_seed(found[m], metric, scenarios) for m in models],
        }
    return {"cells": cells, "means": means, "digits": digits}


def is_bound(model: str) -> bool:
    """Return True for a row that is not ranked: the oracle, or a model that was told where its gaps are."""
    return model == ORACLE or model.endswith(TOLD)


def _numbers(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values])


def _by_seed(own: Estimates, metric: str, scenarios: Sequence[str]) -> list[float | None]:
    if set(scenarios) - set(own.scenarios):
        return [None] * len(own.seeds)
    return [number(value) for value in own.by_seed(metric, scenarios)]


def _impossible(panel: Panel, means: Mapping[str, Any], model: int) -> list[str]:
    """Find F1 metrics whose value no confusion matrix gives together with the accuracy of the same predictions."""
    broken = []
    for name in (n for n in means if METRICS[n].accuracy in means):
        accuracy, f1 = means[METRICS[name].accuracy]["value"][model], means[name]["value"][model]
        if accuracy is None or f1 is None:
            continue
        # the numbers of the page have 6 digits
        if not f1_is_possible(accuracy, f1, class_counts(panel.label, name, panel.label_range), 5e-7):
            broken.append(METRICS[name].title)
    return broken


def _remarks(panel: Panel, own: Estimates, scenarios: Sequence[str]) -> list[str]:
    remarks = []
    holes = own.holes(scenarios)
    if holes:
        seed, scenario = holes[0]
        whole = len(own.seeds) * len(scenarios)
        remarks.append(f"no mean: {len(holes)} of {whole} cells are missing, such as {scenario} for seed {seed}")
    if own.model == ORACLE:
        return [*remarks, "the best possible prediction, known from the generator: a bound, not ranked"]
    if own.model.endswith(TOLD):
        return [*remarks, "told which positions were filled, in place of its own estimate: a bound, not ranked"]
    if len(own.seeds) < SEEDS_FOR_ORDER:
        remarks.append(f"fewer than {SEEDS_FOR_ORDER} seeds: no claim of order")
    everyone = {int(s) for s in panel.cells.loc[panel.cells["model"] != ORACLE, "seed"]}
    if len(own.seeds) < len(everyone) and own.model not in panel.external:
        absent = ", ".join(str(s) for s in sorted(everyone - set(own.seeds)))
        remarks.append(f"without seed {absent}, which other models have")
    remarks += training_texts(panel, own.model)
    chosen = panel.cells["scenario"].isin(list(scenarios)) & (panel.cells["model"] == own.model)
    said = panel.predictions[np.flatnonzero(chosen.to_numpy(dtype=np.bool_))]
    corr = corr_text(panel, bool(constant_predictions(said, panel.split_of).any()))
    return [*remarks, corr] if corr else remarks


def _point(point: Mapping[Any, Any]) -> dict[str, Any]:
    texts = {k: str(point[k]) for k in ("scenario", "tick", "axis", "axis2")}
    return texts | {"x": number(point["x"]), "y": number(point["y"])}


def _title(name: str) -> str:
    try:
        return get_protocol(name).title
    except InputError:  # the plugin of the protocol is not loaded
        return ""
