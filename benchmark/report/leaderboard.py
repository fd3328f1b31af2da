"""Leaderboards: one row a model, sorted by mean MAE over a protocol's scenarios.

Every metric is computed for one (model, seed, scenario) at full precision, then averaged over the scenarios, then over
the seeds. A model with a hole in its grid gets no aggregate.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from benchmark.metrics import METRICS, class_counts, constant_predictions, f1_is_possible, metric_names
from benchmark.panel import Panel
from benchmark.report.estimates import (
    ORACLE,
    dataset_title,
    describe,
    estimate,
    protocol_names,
    protocol_points,
)
from benchmark.report.table import Cell, Column, Footnote, Row, Table
from benchmark.statistics import DRAWS, SEEDS_FOR_ORDER, Estimates, confidence_intervals, ranks
from protocols import InputError, get_protocol, unknown_name

#: Not in the leaderboard, to keep it readable; `per_scenario` has it.
_LEFT_OUT = ("acc3",)


def count_text(value: float) -> str:
    """A count for a reader: `0`, `850`, `12.3 k`, `4.50 M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def duration_text(seconds: float) -> str:
    """A duration for a reader: `8.1 s`, `3.5 min`, `2.0 h`."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


_COSTS: dict[str, Callable[[float], str]] = {
    "parameters": count_text,
    "train_seconds": duration_text,
    "inference_ms": lambda value: f"{value:.3g}",
}


class _Notes:
    """Footnotes in order of first use, with a letter each."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, text: str) -> str:
        """The letter of a footnote."""
        return self._marks.setdefault(text, chr(ord("a") + len(self._marks) % 26) * (1 + len(self._marks) // 26))

    def footnotes(self) -> list[Footnote]:
        """All of them."""
        return [Footnote(text, mark) for text, mark in self._marks.items()]


def leaderboard(
    panel: Panel, protocol: str | None = None, *, draws: int = DRAWS, level: float = 0.95, seed: int = 0
) -> Table:
    """The leaderboard of one protocol.

    Args:
        panel: Predictions on one data set, of any number of models.
        protocol: Name; None when the panel has only one.
        draws: Bootstrap draws behind intervals and ranks.
        level: Of the intervals, and of telling models apart.
        seed: Of the draws.

    Raises:
        InputError: if the panel has no such protocol, or nothing was evaluated under it.
    """
    points = protocol_points(panel, protocol)
    scenarios = [str(s) for s in points["scenario"]]
    names = [name for name in metric_names(panel.label_range) if name not in _LEFT_OUT]
    estimates = estimate(panel, scenarios, names, draws=draws, seed=seed)
    table = _lookup(confidence_intervals(estimates, {"mean": scenarios}, level=level), "metric")
    contest = {model: own for model, own in estimates.items() if model != ORACLE}
    places = {str(p["model"]): p for p in ranks(contest, "mae", scenarios, level=level).to_dict("records")}
    costs = _costs(panel)
    notes = _Notes()

    def row(model: str) -> dict[str, Cell]:
        own = estimates[model]
        cells = _identity(panel, own, scenarios, notes)
        place = places.get(model, {"rank": np.nan, "above_next": np.nan})
        rank, above = float(place["rank"]), float(place["above_next"])
        cells["rank"] = Cell("–", np.nan) if np.isnan(rank) else Cell(f"{rank:.0f}", int(rank))
        cells["above_next"] = Cell("" if np.isnan(above) else f"{above:.3f}", above)
        for name in names:
            cells[name] = _number(name, table[model, name]["value"])
        for column, statistic in (("mae_low", "low"), ("mae_high", "high"), ("mae_sd", "sd")):
            cells[column] = _number("mae", table[model, "mae"][statistic])
        _check_f1(panel, cells, notes)
        if "corr" in cells and model in _constant_models(panel, scenarios):
            mark = notes.mark("some of the predictions are constant, where Corr is 0 by definition")
            cells["corr"] = Cell(cells["corr"].text, cells["corr"].value, note=mark)
        return cells | _cost_cells(costs, model)

    columns = _columns(names, level)
    contestants = [row(model) for model in places]
    rows = [_row(cells, columns) for cells in _with_best(contestants, names)]
    if ORACLE in estimates:
        mark = notes.mark("the best possible prediction, known from the generator: a bound, not ranked")
        bound = row(ORACLE)
        bound["model"] = Cell(bound["model"].text, note=",".join(filter(None, (bound["model"].note, mark))))
        rows.append(_row(bound, columns, rule=True))
    name = str(points["protocol"].iloc[0])
    seeds = [len(own.seeds) for own in estimates.values()]
    caption = (
        f"Mean over the scenarios of '{name}' for each seed, then over seeds. {describe(panel, scenarios, seeds)} "
        f"{_tails(level)}: percentiles of {draws} bootstrap draws over videos and seeds. Models share a rank "
        f"unless its best beats them in {100 * (1 + level) / 2:g} % of the paired draws; P(above next): share of draws "
        f"in which a model is better than the next."
    )
    flags = {own.flag for own in estimates.values()} - {""}
    general = [Footnote(f"Intervals: {flag} for models with one seed or data of one video.") for flag in sorted(flags)]
    general += [Footnote(f"Missing: {line}") for line in panel.missing] + [Footnote(line) for line in panel.notes]
    title = f"{dataset_title(panel)}: {name}{_protocol_title(name)}"
    return Table(title, columns, tuple(rows), (*notes.footnotes(), *general), caption)


def summary_tables(panel: Panel, *, draws: int = DRAWS, level: float = 0.95, seed: int = 0) -> dict[str, Table]:
    """The leaderboard of every protocol of the panel, in order."""
    return {name: leaderboard(panel, name, draws=draws, level=level, seed=seed) for name in protocol_names(panel)}


def per_scenario(panel: Panel, protocol: str | None = None, metric: str = "mae") -> Table:
    """One metric under every scenario of a protocol: rows are models, columns the ticks of the axis, then the mean.

    Raises:
        InputError: if the panel has no such protocol, or its label range no such metric.
    """
    known = metric_names(panel.label_range)
    if metric not in known:
        raise unknown_name(f"metric of label range {panel.label_range}", metric, known)
    points = protocol_points(panel, protocol)
    scenarios = [str(s) for s in points["scenario"]]
    estimates = estimate(panel, scenarios, [metric], draws=1)
    groups = {name: (name,) for name in scenarios} | {"mean": tuple(scenarios)}
    values = _lookup(confidence_intervals(estimates, groups), "group")
    notes = _Notes()
    sign = -1.0 if METRICS[metric].higher_is_better else 1.0

    def position(model: str) -> tuple[bool, float, str]:
        mean = values[model, "mean"]["value"]
        return bool(np.isnan(mean)), sign * mean, model

    def row(model: str) -> dict[str, Cell]:
        cells = {group: _number(metric, values[model, group]["value"]) for group in groups}
        return _identity(panel, estimates[model], scenarios, notes) | cells

    contest = [row(model) for model in sorted(estimates, key=position) if model != ORACLE]
    contest = _with_best(contest, list(groups), dict.fromkeys(groups, metric))
    columns = [Column("model", "Model", "left"), Column("seeds", "Seeds")]
    columns += [Column(s, str(t) or s) for s, t in zip(scenarios, points["tick"], strict=True)]
    columns.append(Column("mean", "Mean"))
    name, axis = str(points["protocol"].iloc[0]), str(points["axis"].iloc[0])
    title = f"{dataset_title(panel)}: {METRICS[metric].heading} under {name}{_protocol_title(name)}"
    along = f"Columns: {axis}. " if axis else ""
    seeds = [len(own.seeds) for own in estimates.values()]
    unit = "per cent; " if METRICS[metric].percent else ""
    caption = f"{along}Mean over seeds ({unit}{METRICS[metric].definition}). {describe(panel, scenarios, seeds)}"
    general = [Footnote(f"Missing: {line}") for line in panel.missing] + [Footnote(line) for line in panel.notes]
    body = [_row(cells, columns) for cells in contest]
    body += [_row(row(ORACLE), columns, rule=True)] if ORACLE in estimates else []
    return Table(title, tuple(columns), tuple(body), (*notes.footnotes(), *general), caption)


def _lookup(table: pd.DataFrame, by: str) -> dict[tuple[str, str], dict[str, float]]:
    statistics = ["value", "low", "high", "sd"]
    keys = zip(table["model"].astype(str), table[by].astype(str), strict=True)
    rows = zip(keys, table[statistics].to_numpy(np.float64), strict=True)
    return {key: dict(zip(statistics, (float(v) for v in values), strict=True)) for key, values in rows}


def _columns(names: Sequence[str], level: float) -> tuple[Column, ...]:
    low, high = _tails(level).split(" and ")
    head = [Column("rank", "Rank"), Column("model", "Model", "left"), Column("seeds", "Seeds")]
    mae = [Column("mae", METRICS["mae"].heading), Column("mae_low", low), Column("mae_high", high)]
    rest = [Column(name, METRICS[name].heading) for name in names if name != "mae"]
    tail = [Column("mae_sd", "MAE sd over seeds"), Column("above_next", "P(above next)")]
    costs = [
        Column("parameters", "Parameters"),
        Column("train_seconds", "Training"),
        Column("inference_ms", "ms/sample"),
    ]
    return (*head, *mae, *rest, *tail, *costs)


def _tails(level: float) -> str:
    return f"{50 * (1 - level):.3g} % and {50 * (1 + level):.3g} %"


def _row(cells: Mapping[str, Cell], columns: Sequence[Column], *, rule: bool = False) -> Row:
    return Row(tuple(cells[column.name] for column in columns), rule)


def _identity(panel: Panel, own: Estimates, scenarios: Sequence[str], notes: _Notes) -> dict[str, Cell]:
    marks = []
    if own.model in panel.mask_informed:
        marks.append(notes.mark("is told at test time how much of each modality is missing"))
    holes = own.holes(scenarios)
    if holes:
        seed, scenario = holes[0]
        whole = len(own.seeds) * len(scenarios)
        first = f"such as {scenario} for seed {seed}; run the missing cells"
        marks.append(notes.mark(f"{own.model}: no aggregate; cells missing: {len(holes)} of {whole}, {first}"))
    if len(own.seeds) < SEEDS_FOR_ORDER and own.model != ORACLE:
        marks.append(notes.mark(f"fewer than {SEEDS_FOR_ORDER} seeds: no claim of order"))
    everyone = set(panel.cells.loc[panel.cells["model"] != ORACLE, "seed"])
    if own.model != ORACLE and len(own.seeds) < len(everyone):
        absent = ", ".join(str(s) for s in sorted(everyone - set(own.seeds)))
        marks.append(notes.mark(f"without seed {absent}, which other models have"))
    text = f"{own.model} (mask-informed)" if own.model in panel.mask_informed else own.model
    return {"model": Cell(text, note=",".join(marks)), "seeds": Cell(str(len(own.seeds)), len(own.seeds))}


def _number(metric: str, value: float) -> Cell:
    return Cell("–" if np.isnan(value) else METRICS[metric].format(value), value)


def _with_best(
    rows: list[dict[str, Cell]], names: Sequence[str], metric_of: Mapping[str, str] | None = None
) -> list[dict[str, Cell]]:
    """Embolden the best printed value of every column, when there are at least two to choose from."""
    for name in names:
        metric = METRICS[metric_of[name] if metric_of else name]
        values = [row[name].value for row in rows]
        known = [value for value in values if isinstance(value, float) and np.isfinite(value)]
        if len(known) < 2:
            continue
        best = metric.format(max(known) if metric.higher_is_better else min(known))
        for row in rows:
            if row[name].text == best:
                row[name] = Cell(row[name].text, row[name].value, bold=True, note=row[name].note)
    return rows


def _check_f1(panel: Panel, cells: dict[str, Cell], notes: _Notes) -> None:
    for name in [n for n in cells if n.startswith("f1_")]:
        accuracy, f1 = cells[name.replace("f1_", "acc2_")].value, cells[name].value
        if not isinstance(accuracy, float) or not isinstance(f1, float) or np.isnan(accuracy) or np.isnan(f1):
            continue
        if not f1_is_possible(accuracy, f1, class_counts(panel.label, name, panel.label_range), 0.0):
            mark = notes.mark("impossible: no confusion matrix of these class counts has this accuracy and this F1")
            cells[name] = Cell(cells[name].text, f1, note=mark)


def _constant_models(panel: Panel, scenarios: Sequence[str]) -> set[str]:
    chosen = np.flatnonzero(panel.cells["scenario"].isin(list(scenarios)).to_numpy(dtype=np.bool_))
    constant = chosen[constant_predictions(panel.predictions[chosen])]
    return {str(model) for model in panel.cells["model"].iloc[constant]}


def _costs(panel: Panel) -> dict[str, dict[Hashable, float]]:
    absent = [name for name in ("model", *_COSTS) if name not in panel.runs]
    if absent:
        raise InputError(f"panel: runs have no column '{absent[0]}'; found {', '.join(map(str, panel.runs.columns))}")
    means = panel.runs.groupby("model")[list(_COSTS)].mean()
    return {str(model): row for model, row in means.to_dict("index").items()}


def _cost_cells(costs: Mapping[str, Mapping[Hashable, float]], model: str) -> dict[str, Cell]:
    cells = {}
    for name in _COSTS:
        value = float(costs.get(model, {}).get(name, np.nan))
        cells[name] = Cell(_COSTS[name](value) if np.isfinite(value) else "–", value)
    return cells


def _protocol_title(name: str) -> str:
    try:
        return f" ({get_protocol(name).title})"
    except InputError:  # a protocol of a plugin that is not loaded here: its results are still readable
        return ""
