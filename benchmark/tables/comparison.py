"""Paired tests of two models, as `sentibench compare` makes them.

>>> found = compare_models(pair(panel, "lnln", panel, "mult"), protocols=["intra-random"], metrics=["mae", "acc7"])
>>> found.rows["verdict"].tolist()
['lnln is better than mult by 0.021 to 0.064 MAE', 'lnln and mult do not differ significantly in Acc-7']
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import METRICS, Metric, metric_names, usual_metrics
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import dataset_title, protocol_names, protocol_points
from benchmark.evaluation.statistics import DRAWS, SEEDS_FOR_ORDER, Estimates, compare
from benchmark.evaluation.statistics.precision import check_level
from benchmark.tables.cells import NOTHING, Cells, level_text, number, probability, row_of, signed
from benchmark.tables.remarks import caution_lines, settings_lines, training_texts
from benchmark.tables.table import Cell, Column, Footnote, Table
from benchmark.words import plural, sample_sizes
from protocols import InputError, unknown_name

#: Minimum number of digits of a run's id; fewer are read as a name.
_ID = re.compile(r"[0-9a-f]{4,16}")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of paired tests of two models.

    Attributes:
        panel: The predictions of the two.
        a, b: Names of the two models.
        rows: One row per question: `protocol`, `scenario` (empty for a protocol's mean), `tick`, `metric`, `value_a`,
            `value_b`, `difference` (a - b), `low`, `high` (all intervals hold at once at the level), `p` (two-sided, of
            the row alone), `p_corrected` (Bonferroni, over these rows), `winner` (a's or b's name, or empty),
            `verdict`. There is a winner exactly where the interval excludes 0.
        remarks: Remarks on the trainings by model: failed seeds, nearly constant predictions.
        left_out: Protocols and scenarios that are missing from one of them, with the reason.
        seeds: Number of seeds of a and of b.
        videos, samples: Number of videos and samples that both were tested on.
        draws: Number of bootstrap draws.
        level: Confidence level of intervals and verdicts.
    """

    panel: Panel
    a: str
    b: str
    rows: pd.DataFrame
    remarks: Mapping[str, Sequence[str]]
    left_out: tuple[str, ...]
    seeds: tuple[int, int]
    videos: int
    samples: int
    draws: int
    level: float

    @property
    def cautions(self) -> tuple[str, ...]:
        """Return the limits of these numbers, as sentences."""
        few = min(self.seeds) < SEEDS_FOR_ORDER
        said = ["fewer than three seeds: nothing is said about another training"] if few else []
        said += [f"{name}: {text}" for name, texts in self.remarks.items() for text in texts]
        return (*said, *caution_lines(self.panel))

    def table(self) -> Table:
        """Make a table for readers, with one row per question."""
        count = len(self.rows)
        together = ", all rows together" if count > 1 else ""
        columns: tuple[Column, ...] = (
            Column("protocol", "Protocol", "left"),
            Column("scenario", "Scenario", "left"),
            Column("metric", "Metric", "left"),
            Column("value_a", "A"),
            Column("value_b", "B"),
            Column("difference", f"A − B {level_text(self.level)}{together}", interval="shown"),
            Column("p", "p"),
            Column("p_corrected", "p (corrected)"),
            Column("winner", "Better", "left"),
        )
        alike = {name for name in ("protocol", "scenario", "metric") if self.rows[name].nunique() == 1}
        columns = tuple(column for column in columns if column.name not in alike)
        body = [row_of(self._cells(found), columns) for found in self.rows.to_dict("records")]
        samples = sample_sizes(self.samples, self.videos, self.panel.videos)
        sizes = f"{plural(self.seeds[0], 'seed')} of A, {self.seeds[1]} of B, on {samples}"
        corrected = (
            f"Intervals, p (corrected) and Better are corrected for the {count} rows of this table (Bonferroni): all "
            "intervals hold at once"
            if count > 1
            else "There is one question, so nothing to correct"
        )
        caption = (
            f"A is {self.a}, B is {self.b}: {sizes}, under the same masks. Paired bootstrap over videos ({self.draws} "
            f"draws) and spread over seeds, with Student's t; p is two-sided. {corrected}."
        )
        footnotes = tuple(Footnote(text) for text in (*self.cautions, *self.left_out, *settings_lines(self.panel)))
        return Table(
            f"{dataset_title(self.panel.dataset, self.panel.split)}: A = {self.a}, B = {self.b}",
            columns,
            tuple(body),
            footnotes,
            caption,
        )

    def _cells(self, found: Mapping[Hashable, Any]) -> Cells:
        metric = METRICS[found["metric"]]
        return {
            "protocol": Cell(found["protocol"]),
            "scenario": Cell(found["tick"] or found["scenario"], found["scenario"]),
            "metric": Cell(f"{metric.heading} (%)" if metric.percent else metric.heading, metric.name),
            "value_a": number(metric.name, found["value_a"]),
            "value_b": number(metric.name, found["value_b"]),
            "difference": signed(number(metric.name, found["difference"], found["low"], found["high"])),
            **{name: probability(found[name]) for name in ("p", "p_corrected")},
            "winner": Cell({self.a: "A", self.b: "B"}.get(found["winner"], NOTHING), found["winner"]),
        }


def pair(first: Panel, a: str, second: Panel, b: str, names: tuple[str, str] | None = None) -> Panel:
    """Join the rows of two models into a panel, from one panel or from two on the same samples.

    Args:
        first: Panel of a.
        a: Name of a row, or the first digits (at least four) of a run's id, which selects that one seed.
        second: Panel of b; may be the same panel.
        b: Likewise.
        names: Names to use for the two if both have the same name.

    Raises:
        InputError: for an unknown name, the same rows twice, or panels of different samples, labels or videos.
    """
    for what, one, two in (
        ("data set and split", f"{first.dataset}/{first.split}", f"{second.dataset}/{second.split}"),
        ("test samples", first.sample_ids.tolist(), second.sample_ids.tolist()),
        ("labels", first.label.tolist(), second.label.tolist()),
        ("videos", first.video_ids.tolist(), second.video_ids.tolist()),
    ):
        if one != two:
            shown = f": {one} and {two}" if isinstance(one, str) else ""
            raise InputError(f"'{a}' and '{b}' have different {what}{shown}; only models on the same data are compared")
    picked = [_pick(panel, reference) for panel, reference in ((first, a), (second, b))]
    titles = [title for title, _ in picked]
    if first is second and len(np.intersect1d(picked[0][1], picked[1][1])):
        raise InputError(f"'{a}' and '{b}' share runs; name two models, or two runs")
    if names is not None and len(set(titles)) < 2:
        titles = list(names)
    if len(set(titles)) < 2:
        raise InputError(f"'{a}' and '{b}' have the same name; tell them apart with STUDY:MODEL")
    cells = [
        panel.cells.iloc[rows].assign(model=title)
        for panel, title, (_, rows) in zip((first, second), titles, picked, strict=True)
    ]
    both = set(second.points["protocol"])
    return replace(
        first,
        cells=pd.concat(cells, ignore_index=True),
        predictions=np.concatenate([p.predictions[r] for p, (_, r) in zip((first, second), picked, strict=True)]),
        points=first.points[first.points["protocol"].isin(both)].reset_index(drop=True),
        missing=tuple(
            replace(g, model=t)
            for p, n, t in zip((first, second), (a, b), titles, strict=True)
            for g in p.missing
            if g.model == n
        ),
        settings={
            title: found.settings[owner]
            for found, title, (_, rows) in zip((first, second), titles, picked, strict=True)
            if (owner := str(found.cells["model"].iloc[rows[0]])) in found.settings
        },
        notes=(),
    )


def _pick(panel: Panel, reference: str) -> tuple[str, npt.NDArray[np.int64]]:
    """Return the name and the cells of a reference."""
    models = panel.cells["model"].to_numpy(dtype=object)
    rows = np.flatnonzero(models == reference)
    if len(rows):
        return reference, rows
    owners = [
        (str(run["model"]), int(run["seed"]))
        for run in panel.runs.to_dict("records")
        if _ID.fullmatch(reference) and any(i.startswith(reference) for i in str(run["runs"]).split(","))
    ]
    if len(owners) > 1:
        shown = ", ".join(f"{model} seed {seed}" for model, seed in owners[:4])
        raise InputError(f"run '{reference}' may be {shown}; give more digits of its id")
    if not owners:
        hint = "(or give the first digits of a run's id)"
        raise unknown_name(f"model of {panel.dataset}/{panel.split}", reference, set(models.tolist()), hint=hint)
    model, seed = owners[0]
    return f"{model} (seed {seed})", np.flatnonzero((models == model) & (panel.cells["seed"] == seed).to_numpy())


def compare_models(
    panel: Panel,
    protocols: Sequence[str] = (),
    metrics: Sequence[str] = (),
    *,
    by_scenario: bool = False,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
    remarks: Mapping[str, Sequence[str]] | None = None,
) -> Comparison:
    """Test the differences of the two models of a panel.

    The draws are those of the leaderboard: a difference here equals the difference of two of its rows.

    Args:
        panel: Panel made by `pair`.
        protocols: Names of protocols; default: all of the panel.
        metrics: Names of metrics; default: MAE, or every usual one for the mean over a single protocol.
        by_scenario: Compare under every scenario instead of the mean over a protocol.
        draws: Number of bootstrap draws.
        level: Confidence level of all intervals and verdicts together, each at `1 - (1 - level) / questions`, so that
            a verdict and the interval beside it never disagree.
        seed: Seed of the draws.

    Raises:
        InputError: for an unknown protocol or metric, or if the two have no whole protocol (scenario) in common.
    """
    a, b = dict.fromkeys(panel.cells["model"])
    points = [protocol_points(panel, name) for name in dict.fromkeys(protocols or protocol_names(panel))]
    if not points:
        raise InputError(f"'{a}' and '{b}' have no protocol in common; run both under one")
    known = metric_names(panel.label_range)
    several = len(points) == 1 and not by_scenario
    chosen = list(dict.fromkeys(metrics)) or (list(usual_metrics(panel.label_range)) if several else ["mae"])
    for name in chosen:
        if name not in known:
            raise unknown_name("metric", name, known)
    scenarios = list(dict.fromkeys(str(s) for frame in points for s in frame["scenario"]))
    estimates = panel.estimates(scenarios, chosen, draws=draws, seed=seed)
    questions = [
        (str(frame["protocol"].iloc[0]), *group)
        for frame in points
        for group in (
            [(str(s), str(t), (str(s),)) for s, t in zip(frame["scenario"], frame["tick"], strict=True)]
            if by_scenario
            else [("", "", tuple(str(s) for s in frame["scenario"]))]
        )
    ]
    check_level(level)
    reasons = [_holes(estimates, (a, b), group, panel) for *_, group in questions]
    left_out = [f"{s or p}: {reason}" for (p, s, *_), reason in zip(questions, reasons, strict=True) if reason]
    asked = [question for question, reason in zip(questions, reasons, strict=True) if not reason]
    if not asked:
        raise InputError(f"'{a}' and '{b}' cannot be compared; {left_out[0]}")
    count = len(asked) * len(chosen)
    each = 1 - (1 - level) / count
    rows = []
    for protocol, scenario, tick, group in asked:
        for metric in chosen:
            found = compare(estimates[a], estimates[b], metric, group, level=each)
            rows.append({"protocol": protocol, "scenario": scenario, "tick": tick, **found.drop(["a", "b"]).to_dict()})
    table = pd.DataFrame(rows)
    table["p_corrected"] = np.minimum(count * table["p"].to_numpy(np.float64), 1.0)
    told = [_verdict(row, a, b, level, len(table)) for row in table.to_dict("records")]
    table["winner"], table["verdict"] = [winner for winner, _ in told], [text for _, text in told]
    return Comparison(
        panel=panel,
        a=a,
        b=b,
        rows=table,
        remarks={name: (*training_texts(panel, name), *(remarks or {}).get(name, ())) for name in (a, b)},
        left_out=tuple(left_out),
        seeds=(len(estimates[a].seeds), len(estimates[b].seeds)),
        videos=estimates[a].videos,
        samples=len(panel.label),
        draws=draws,
        level=level,
    )


def _holes(estimates: Mapping[str, Estimates], models: Sequence[str], group: Sequence[str], panel: Panel) -> str:
    for model in models:
        if model not in estimates:
            return f"{model} was not evaluated under it"
        holes = estimates[model].holes(group)
        if holes:
            fill = next((f"; fill it with `{g.command}`" for g in panel.missing if g.model == model), "")
            return (
                f"{model}: {plural(len(holes), 'cell')} missing, such as seed {holes[0][0]} under {holes[0][1]}{fill}"
            )
    return ""


def _verdict(row: Mapping[Hashable, Any], a: str, b: str, level: float, questions: int) -> tuple[str, str]:
    """Return the better model (or an empty text), and a sentence."""
    metric = METRICS[row["metric"]]
    unit = f"points of {metric.title}" if metric.percent else metric.title
    if not np.isfinite(row["p_corrected"]):
        return "", f"{a} and {b} cannot be tested in {metric.title}: one video"
    if row["low"] > 0 or row["high"] < 0:
        low, high = sorted(abs(row[name]) for name in ("low", "high"))
        winner, loser = (a, b) if (row["difference"] > 0) == metric.higher_is_better else (b, a)
        text = f"{winner} is better than {loser} by {_amount(metric, low)} to {_amount(metric, high)} {unit}"
        text += " on these trainings" if "few seeds" in row["flag"] else ""
        return winner, text + (f" (corrected for {questions} questions)" if questions > 1 else "")
    text = f"{a} and {b} do not differ significantly in {metric.title}"
    if row["p"] <= 1 - level:
        text += f" once corrected for {questions} questions (p {row['p']:.3f}, corrected {row['p_corrected']:.3f})"
    return "", text


def _amount(metric: Metric, value: float) -> str:
    """Format a size, with more digits if the usual ones would all be 0."""
    usual = metric.format(value)
    return usual if float(usual) else metric.format(value, 6)
