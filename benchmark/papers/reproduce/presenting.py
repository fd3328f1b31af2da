"""Tables, figures and files of a reproduction, from finished runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TypeAlias

import pandas as pd

from benchmark.evaluation.metrics import METRICS, metric_names
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import constant_cells
from benchmark.evaluation.statistics import DRAWS
from benchmark.files import csv_frame, replace_text
from benchmark.papers.reported import Aggregate, load, load_sources, metric_title, plain_scenario
from benchmark.papers.reported.schema import DATASETS, UNKNOWN_CONVENTION
from benchmark.papers.reproduce.catalogue import Item
from benchmark.papers.reproduce.comparison import (
    COLUMNS,
    compare_numbers,
    item_aggregates,
    point_key,
    published,
    shown_metrics,
)
from benchmark.papers.reproduce.counting import count
from benchmark.papers.reproduce.measuring import measure
from benchmark.papers.reproduce.needs import NEEDS, data_facts, same_test_set
from benchmark.papers.reproduce.setup import Setup
from benchmark.papers.reproduce.tables import ReportedAndMeasured, TableColumn, stacked
from benchmark.results.from_runs import panels
from benchmark.study.plan import Plan
from benchmark.study.running import pending
from benchmark.tables.remarks import corr_text, settings_lines, training_texts
from benchmark.tables.table import Table
from protocols import get_protocol
from senti_ifusion.ablation import ABLATION

FIGURE_FORMATS = ("png", "pdf")
#: Lines of `sources.csv` by id.
Papers: TypeAlias = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Reproduction:
    """Outcome of a reproduction.

    Attributes:
        tables: All tables.
        first: Tables that a terminal shows; the files have all.
        files: Written files.
        notes: Notes, a line each: missing data and runs.
        ablation: True if the study has Senti-iFusion and variants of it, whose paired differences `sentibench report
            STUDY --table ablation` shows.
    """

    tables: tuple[Table, ...]
    first: tuple[Table, ...]
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    ablation: bool = False


def present(
    setup: Setup, root: Path, *, draws: int = DRAWS, formats: Sequence[str] = FIGURE_FORMATS, folder: Path | None = None
) -> Reproduction:
    """Write `reproduced.md`, `reproduced.csv` and the figures of an item; nothing is run.

    The files are in `folder`, by default `root/studies/reproduce-NAME`.

    Raises:
        InputError: if a file cannot be written, or the published numbers are damaged.
    """
    from benchmark.papers.reproduce.drawing import draw  # imports matplotlib

    if setup.plan is None:
        place = folder or root / "studies" / f"reproduce-{setup.item.name}"
        place.mkdir(parents=True, exist_ok=True)
        tables, files = count(setup, place, formats)
        files = [replace_text(place / "reproduced.md", "\n".join(t.markdown() for t in tables)), *files]
        return Reproduction(tuple(tables), tuple(tables), tuple(files), setup.absent)
    plan = setup.plan
    place = folder or root / "studies" / plan.study.name
    place.mkdir(parents=True, exist_ok=True)
    tables, first, frames, figures = [], [], [], []
    ablation = False
    for measured_on, published_on in setup.data:
        own = replace(plan, runs=tuple(r for r in plan.runs if r.dataset == measured_on))
        panel = next(iter(panels(own, root)), None)
        part = _compare(setup, panel, measured_on, published_on, draws)
        tables += part.tables
        first += part.first
        frames.append(part.frame)
        if panel is not None:
            ablation |= _has_ablation(panel)
            figures += draw(setup.item, panel, place, formats)
    files = [
        replace_text(place / "reproduced.md", "\n".join(t.markdown() for t in tables)),
        replace_text(place / "reproduced.csv", csv_frame(pd.concat(frames, ignore_index=True))),
    ]
    notes = (*setup.absent, *missing_runs(plan, root))
    begun = (root / "studies" / plan.study.name / "study.yaml").is_file()
    return Reproduction(tuple(tables), tuple(first), (*files, *figures), notes, ablation and begun)


def _has_ablation(panel: Panel) -> bool:
    base, *others = ABLATION
    models = set(panel.cells["model"])
    return base in models and not models.isdisjoint(others)


@dataclass(frozen=True)
class _Part:
    """Present one data set of an item."""

    tables: list[Table]
    first: list[Table]
    frame: pd.DataFrame


def _compare(setup: Setup, panel: Panel | None, measured_on: str, published_on: str, draws: int) -> _Part:
    from benchmark.figures.curves import default_metrics  # imports matplotlib

    item, label_range = setup.item, DATASETS[published_on]
    papers = {str(r["source"]): {str(k): str(v) for k, v in r.items()} for r in load_sources().to_dict("records")}
    rows = published(item, published_on, load())
    known, default = metric_names(label_range), default_metrics(label_range)
    aggregates = item_aggregates(item, published_on)
    names = shown_metrics(item, rows, known, default)
    wanted = [m for m in known if m in names or set(names) & set(UNKNOWN_CONVENTION)]
    measured = measure(panel, aggregates, wanted, draws=draws) if panel else _nothing_measured()
    comparable = same_test_set(measured_on, published_on)
    sides = ReportedAndMeasured(
        rows, measured, papers, _awaited(item, published_on, rows, papers), comparable,
        panel.mask_informed if panel else frozenset(), len(setup.plan.study.seeds) if setup.plan else 0,
        {m: training_texts(panel, m) for m in map(str, panel.cells["model"].unique())} if panel else {},
        _undefined(panel, aggregates) if panel else {},
    )  # fmt: skip
    frame = compare_numbers(
        item, rows, measured, published_on=published_on, measured_on=measured_on, comparable=comparable
    )
    caption = _caption(setup, panel, measured_on, published_on, comparable)
    notes = [*_notes(setup, rows, papers), *(settings_lines(panel) if panel else ())]
    tables = []
    for heads, what in _layouts(item, published_on, names):
        title = f"{NEEDS[published_on].title}, {what}"
        if not comparable:
            title = f"{what}: reported on {NEEDS[published_on].title}, measured on {measured_on}"
        tables.append((heads, stacked(title, heads, sides, caption, notes)))
    first = [
        t for heads, t in tables if item.layout == "metrics" or heads[0].metric.removesuffix("_clipped") in default
    ]
    return _Part([t for _, t in tables], first or [t for _, t in tables], frame.reindex(columns=list(COLUMNS)))


def _undefined(panel: Panel, aggregates: Mapping[str, Aggregate]) -> dict[tuple[str, str], str]:
    """Return, by model and key of a point, the reason why its correlation is 0 by definition."""
    cells = constant_cells(panel, list(dict.fromkeys(map(str, panel.cells["scenario"]))))
    constant = {(model, plain_scenario(scenario)) for model, scenario in cells}
    texts = {
        (model, key): corr_text(panel, any((model, name) in constant for name in aggregate.scenarios))
        for model in map(str, panel.cells["model"].unique())
        for key, aggregate in aggregates.items()
    }
    return {place: text for place, text in texts.items() if text}


def _nothing_measured() -> pd.DataFrame:
    texts = dict.fromkeys(("model", "point", "metric", "flag"), "object")
    numbers = dict.fromkeys(("measured", "low", "high", "sd", "seeds"), "float64")
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in (texts | numbers).items()})


def _layouts(item: Item, dataset: str, names: Sequence[str]) -> list[tuple[list[TableColumn], str]]:
    """Return the columns of every table, with its subject."""
    points = item.points_of(dataset)
    if item.layout == "metrics":
        return [
            (
                [TableColumn(point_key(protocol, point), m, METRICS[m].heading) for m in names],
                _point_title(protocol, point),
            )
            for protocol, point in points
        ]
    axes = ", ".join(get_protocol(points[0][0]).axes)
    return [
        (
            [TableColumn(point_key(protocol, point), m, _tick(point)) for protocol, point in points],
            f"{METRICS[m].heading if m in METRICS else metric_title(m)} under {points[0][0]}, columns: {axes}",
        )
        for m in names
    ]


def _point_title(protocol: str, point: str) -> str:
    words = {"complete": "nothing is missing", "mean": "mean over all scenarios"}.get(point, point)
    words = re.sub(r"^auilc (\S+)\.\.(\S+)", r"area under the curve over rates \1 to \2", words)
    words = re.sub(r"^mean (\d\S*)\.\.(\S+)", r"mean over rates \1 to \2", words)
    return words if protocol == "complete" else f"{protocol}, {words}"


def _tick(point: str) -> str:
    return "mean of the incomplete" if point == "mean incomplete" else point.partition("=")[2] or point


def _awaited(item: Item, dataset: str, rows: pd.DataFrame, papers: Papers) -> tuple[str, ...]:
    here = {f"{dataset}/{protocol}" for protocol in item.protocols}
    there = set(rows["source"])
    return tuple(s for s, paper in papers.items() if here & set(paper["awaits"].split()) and s not in there)


def _caption(setup: Setup, panel: Panel | None, measured_on: str, published_on: str, comparable: bool) -> str:
    study = setup.plan.study if setup.plan else None
    lines = [f"{setup.item.paper}.", f"Measured on {data_facts(measured_on)}."]
    if panel is None:
        lines.append("Nothing has been measured yet.")
    elif study is not None:
        lines.append(
            f"Measured: {_seeds_text(study.seeds)}; "
            "difference: measured less reported, in percentage points for shares."
        )
    if not comparable:
        lines.append(f"These are not the data of the published numbers ({published_on}): no difference is taken.")
    return " ".join(lines)


def _seeds_text(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}; 95 %: bootstrap over videos"
    return f"mean over seeds {', '.join(map(str, seeds))}; 95 %: bootstrap over videos and seeds"


def _notes(setup: Setup, rows: pd.DataFrame, papers: Papers) -> list[str]:
    """Describe the differences between the papers' conventions and ours."""
    study = setup.plan.study if setup.plan else None
    if study is None or rows.empty:
        return (
            ["No published number that these could be compared with is filled in yet (see results/reported/README.md)."]
            if rows.empty
            else []
        )
    kind = "fine-tuned" if study.encoder.mode == "finetune" else "frozen"
    here = (
        f"Conventions here: one checkpoint for all metrics and scenarios, by validation MAE; one model for "
        f"all rates, trained under '{study.regime}'; text encoder {study.encoder.name} ({kind})."
    )
    differs = []
    for selection, words in (("test-oracle", "on the test set"), ("unknown", "in a way not recorded")):
        names = dict.fromkeys(papers[s]["name"] for s in rows.loc[rows["selection"].eq(selection), "source"])
        if names:
            differs.append(f"selection ({', '.join(names)}: {words}; here on validation data)")
    if "one model a rate" in set(rows["aggregation"]):
        differs.append("training (one model for each rate, here one for all)")
    if set(rows["metric"]) & set(UNKNOWN_CONVENTION):
        differs.append("perhaps the metric (whether neutral samples take part is not said, so no difference is taken)")
    differs.append(f"text encoder (that of each paper stands in its footnote, here {study.encoder.name})")
    return [here, f"Conventions differ from the papers' in {'; '.join(differs)}."]


def missing_runs(plan: Plan, root: Path) -> list[str]:
    """Return a line with the number of missing runs and how to run them; no line if no run is missing."""
    todo = pending(plan, root)
    if not todo:
        return []
    study = quote(str(root / "studies" / plan.study.name / "study.yaml"))
    where = (
        f"; once it was begun, `sentibench run {study} --out {quote(str(root))}` continues it, too"
        if Path(root / "studies" / plan.study.name / "study.yaml").is_file()
        else ""
    )
    return [f"{len(todo)} of {len(plan.runs)} runs are missing; leave --no-run out to run them{where}"]
