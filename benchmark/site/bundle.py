"""Bundle: all data of the page, as one JSON-ready mapping."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, TypeAlias

from benchmark.evaluation.metrics import METRICS, metric_names
from benchmark.evaluation.panel import TOLD, Gap, Panel
from benchmark.evaluation.protocol_results import dataset_title, protocol_names
from benchmark.evaluation.statistics import DRAWS
from benchmark.figures.emphasis import KEPT
from benchmark.results.candidates import TEST_ORACLE, VALID
from benchmark.results.parallel import LARGE, each
from benchmark.runs.record import RunRecord
from benchmark.site.colours import model_styles
from benchmark.site.confusion import confusion_counts
from benchmark.site.labels import KINDS, kind_of, visible
from benchmark.site.numbers import costs, is_bound, protocol_table
from benchmark.site.published import published_rows
from benchmark.site.runs import joined, run_ids, run_tables
from benchmark.tables.remarks import caution_lines, settings_lines
from benchmark.words import sample_sizes
from protocols import InputError, unknown_name

#: Version of the bundle; raised when a field changes its meaning.
SCHEMA_VERSION = 3

Bundle: TypeAlias = dict[str, Any]
#: Function of (done, total).
Progress: TypeAlias = Callable[[int, int], None]
#: Panels by data set and split, protocol and metric, as every metric chooses its own epochs.
Oracles: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Panel]]]
#: One panel of a table, and all by protocol and metric.
_Shown: TypeAlias = tuple[Panel, Mapping[str, Mapping[str, Panel]]]

_SELECTIONS = {
    VALID: {
        "title": "validation",
        "text": "One checkpoint per run, chosen by validation MAE under the training regime, serves all metrics "
        "and all scenarios. The test split is not read before training has ended.",
        "honest": True,
    },
    TEST_ORACLE: {
        "title": "test oracle",
        "text": "For each run, metric and protocol, the epoch that is best on the test set itself. It cannot be "
        "chosen honestly: compare these numbers only with papers that selected so, as a measure of the effect.",
        "honest": False,
    },
}


def make_bundle(
    name: str,
    panels: Sequence[Panel],
    *,
    oracles: Oracles | None = None,
    models: Mapping[str, Mapping[str, Any]] | None = None,
    records: Callable[[Collection[str]], Iterable[RunRecord]] = lambda ids: (),
    absent: Sequence[str] = (),
    command: str = "",
    version: str = "",
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Bundle:
    """Gather the data of a page.

    `oracles` are results of epochs chosen on the test set: by data set and split, such as `mosi/official`, then
    protocol, then metric. `models` are descriptions from `labels.describe_models`; `records` returns those of runs by
    id. Other arguments are those of `build`.

    Raises:
        InputError: if there is no panel, two are of one data set, split and regime, or one has another
            selection than stated.
    """
    chosen = {key: by for key, by in (oracles or {}).items() if any(by.values())}
    compared = [panel for by in chosen.values() for own in by.values() for panel in own.values()]
    _check(name, panels, compared, chosen)
    everything = [*panels, *compared]
    told = [m for panel in panels if panel.told is not None for m in panel.told.models if m.endswith(TOLD)]
    names = list(dict.fromkeys([*(m for panel in everything for m in panel.models), *told]))
    index = {model: i for i, model in enumerate(names)}
    described = models or {}
    used = list(dict.fromkeys(m for panel in everything for m in metric_names(panel.label_range)))
    informed = frozenset().union(*(panel.mask_informed for panel in everything))
    external = frozenset().union(*(panel.external for panel in everything))
    shown: list[_Shown] = [(panel, _results(panel)) for panel in panels]
    shown += [(_any(by), by) for by in chosen.values()]
    large = draws * sum(len(panel.cells) for panel, _ in shown) >= LARGE
    parts = [(number, name, by) for number, (_, own) in enumerate(shown) for name, by in own.items() if by]
    done = count(1)

    def protocol(part: tuple[int, str, Mapping[str, Panel]]) -> dict[str, Any]:
        _, name, by = part
        made: dict[str, Any] = visible(protocol_table(by, name, index, level=level, draws=draws, seed=seed))
        return made

    def table(one: _Shown) -> tuple[dict[str, Any], dict[str, Any]]:
        panel, sources = one
        every = {id(own): own for by in sources.values() for own in by.values()}.values()
        ids = list(dict.fromkeys(run for own in every for of in run_ids(own).values() for run in of))
        made = _table(panel, sources, index, _data_name(panel, panels))
        return visible(made), visible(run_tables(records(ids), ids))

    tell = progress or (lambda done, total: None)
    protocols = each(protocol, parts, large=large, ended=lambda part: tell(next(done), len(parts)))
    tables = each(table, shown, large=large)
    for (number, _, _), made in zip(parts, protocols, strict=True):
        tables[number][0]["protocols"].append(made)
    bundle: Bundle = {
        "schema_version": SCHEMA_VERSION,
        "study": name,
        "sentibench": version,
        "level": level,
        "draws": draws,
        "absent": {"datasets": list(absent), "command": command},
        "kinds": list(KINDS),
        "metrics": {m: _metric(m) for m in used},
        "selections": {s: dict(_SELECTIONS[s]) for s in (VALID, *([TEST_ORACLE] if chosen else []))},
        "models": [
            {
                **described.get(model.removesuffix(TOLD), {}),
                "name": model,
                "kind": kind_of(model.removesuffix(TOLD), described, external),
                "bound": is_bound(model),
                "kept": model in KEPT,
                "external": model in external,
                "mask_informed": model in informed,
                "style": style,
            }
            for model, style in zip(names, model_styles(names), strict=True)
        ],
    }
    return {**visible(bundle), "tables": [made for made, _ in tables], **joined([runs for _, runs in tables])}


def _check(name: str, panels: Sequence[Panel], compared: Sequence[Panel], keys: Iterable[str]) -> None:
    if not panels:
        raise InputError(f"study '{name}': no results to show; run it first")
    titles = [_key(panel) for panel in panels]
    trained = [(_key(panel), panel.regime) for panel in panels]
    twice = next((one for one in trained if trained.count(one) > 1), None)
    if twice:
        raise InputError(f"study '{name}': data set {twice[0]} has two panels trained under '{twice[1]}'; give one")
    for wanted, own in ((VALID, panels), (TEST_ORACLE, compared)):
        wrong = next((panel for panel in own if panel.selection != wanted), None)
        if wrong:
            raise InputError(f"panel of {_key(wrong)}: selection is '{wrong.selection}', expected '{wanted}'")
    unknown = next((key for key in keys if key not in titles), None)
    if unknown:
        raise unknown_name("data set with results", unknown, titles)


def _key(panel: Panel) -> str:
    return f"{panel.dataset}/{panel.split}"


def _data_name(panel: Panel, panels: Sequence[Panel]) -> str:
    """Return the name of a table: data set and split, after the training regime where that is needed."""
    alone = sum(_key(other) == _key(panel) for other in panels) == 1
    return _key(panel) if alone else f"{panel.regime}: {_key(panel)}"


def _any(by: Mapping[str, Mapping[str, Panel]]) -> Panel:
    return next(panel for own in by.values() for panel in own.values())


def _results(panel: Panel) -> dict[str, dict[str, Panel]]:
    """Use one checkpoint for all metrics of all protocols."""
    return {name: dict.fromkeys(metric_names(panel.label_range), panel) for name in protocol_names(panel)}


def _table(
    panel: Panel,
    sources: Mapping[str, Mapping[str, Panel]],
    index: Mapping[str, int],
    data: str,
) -> dict[str, Any]:
    """Describe one data set under one selection; `panel` is any of the sources, which share data, runs and costs."""
    every = [own for by in sources.values() for own in by.values()]
    honest = panel.selection == VALID
    gaps = list(dict.fromkeys(gap for own in every for gap in own.missing))
    # printed once on the page
    notes = (*caution_lines(panel), *settings_lines(panel), *panel.notes) if honest else ()
    return {
        "selection": panel.selection,
        "data": data,
        "title": dataset_title(panel.dataset, panel.split),
        "dataset": panel.dataset,
        "split": panel.split,
        "regime": panel.regime,
        "synthetic": panel.generated,
        "samples": len(panel.label),
        "videos": len(set(panel.video_ids.tolist())),
        "label_range": list(panel.label_range),
        "metrics": list(dict.fromkeys(m for by in sources.values() for m in by)),
        "notes": [*notes, *_one_each(panel)],
        "missing": [_gap(gap) for gap in gaps],
        "costs": costs(panel, index),
        "runs": {str(index[m]): ids for m, ids in run_ids(panel).items() if m in index},
        "confusion": confusion_counts(panel, index) if honest else {},
        "published": {name: found for name in sources if (found := published_rows(panel, name))} if honest else {},
        "protocols": [],
    }


def _metric(name: str) -> dict[str, Any]:
    metric = METRICS[name]
    return {
        "title": metric.title,
        "higher_is_better": metric.higher_is_better,
        "percent": metric.percent,
        "definition": metric.definition,
        "usual": metric.usual,
    }


def _one_each(panel: Panel) -> list[str]:
    sizes = sample_sizes(len(panel.label), len(set(panel.video_ids.tolist())), panel.videos)
    return [f"{sizes}."] if "independent" in sizes else []


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "model": gap.model,
        "seed": gap.seed,
        "split": gap.split,
        "reason": gap.reason,
        "scenarios": len(gap.scenarios),
        "first": gap.scenarios[0] if gap.scenarios else "",
        "command": gap.command,
    }
