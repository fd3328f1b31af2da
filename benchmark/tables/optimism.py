"""Optimism of selection on the test set: test-oracle minus honest, in a separate table marked as not a result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import (
    ORACLE,
    ProtocolResults,
    constant_cells,
    dataset_title,
    describe,
    protocol_names,
    protocol_points,
)
from benchmark.evaluation.statistics import DRAWS, SEEDS_FOR_ORDER, Estimates, compare
from benchmark.tables.cells import MODEL, NOTHING, SEEDS, level_text, number, signed
from benchmark.tables.kinds import TableSettings, register_table
from benchmark.tables.remarks import caution_lines, corr_text, settings_lines, training_texts
from benchmark.tables.table import Cell, Column, Footnote, Notes, Row, Table
from benchmark.words import plural
from protocols import InputError, unknown_name

#: Printed in title and caption, so that every rendering shows it.
MARK = "not a result: selected on the test set"
#: Number of metrics that fit on a page.
_IN_PRINT = 4


def optimism(
    honest: Panel, oracles: Mapping[str, Panel], *, draws: int = DRAWS, level: float = 0.95, seed: int = 0
) -> Table:
    """Make a table of results, values with epochs chosen on the test set, and their differences, by model and metric.

    Differences are paired: the same runs, videos and draws on both sides. The chosen epochs stay the same in all draws,
    so that the intervals describe the uncertainty for these choices, not the variation between choices.

    Args:
        honest: Panel of results.
        oracles: Panels of `benchmark.results.test_oracle.optimism_panels` by metric, all of one protocol.
        draws: Number of bootstrap draws.
        level: Confidence level of the intervals.
        seed: Seed of the draws.

    Raises:
        InputError: if no panel was chosen on the test set, one is of another protocol or data set, or a panel is
            on the wrong side.
    """
    protocol, scenarios = _check(honest, oracles)
    pairs = {metric: _pair(honest, panel, metric, scenarios, draws, seed) for metric, panel in oracles.items()}
    order = _models(honest, pairs, scenarios)
    notes = Notes()
    columns = [MODEL, SEEDS]
    for metric in oracles:
        group = f"{METRICS[metric].heading}{' (%)' if METRICS[metric].percent else ''}"
        columns += [
            Column(f"{metric}_honest", "honest", group=group),
            Column(f"{metric}_oracle", "test-oracle", group=group),
            Column(f"{metric}_optimism", f"optimism {level_text(level)}", group=group, interval="shown"),
        ]
    constant = [constant_cells(panel, scenarios) for panel in (honest, oracles.get("corr", honest))]
    rows = []
    for model in order:
        seeds = max((len(sides[0][model].seeds) for sides in pairs.values() if model in sides[0]), default=0)
        cells = [_model_cell(honest, model, seeds, notes), Cell(str(seeds), seeds)]
        for metric, sides in pairs.items():
            made = _cells(sides, model, metric, scenarios, level)
            for side, found in enumerate(constant if metric == "corr" else ()):
                text = corr_text(honest, any((model, name) in found for name in scenarios))
                made[side] = notes.on(made[side], text)
            cells += made
        rows.append(Row(tuple(cells)))
    seeds_of = [len(own.seeds) for sides in pairs.values() for own in sides[0].values()]
    title = f"Optimism ({MARK}). {dataset_title(honest.dataset, honest.split)}: {protocol}"
    caption = (
        f"Test-oracle values are not results: they are selected on the test set. Honest: the epoch chosen by "
        f"validation MAE, one for all metrics. Test-oracle: for each metric, the epoch of the same training that is "
        f"best on the test set. Optimism: test-oracle minus honest, what selecting on the test set is worth; by "
        f"construction, no run is worse off where its epoch is chosen. Mean over the scenarios, then over seeds. "
        f"{describe(honest, scenarios, seeds_of)} Intervals: "
        f"{100 * level:g} %, paired bootstrap over videos ({draws} draws) and spread over seeds, with Student's t, in "
        f"which the chosen epochs are kept fixed."
    )
    shared = [note for note in next(iter(oracles.values())).notes if all(note in p.notes for p in oracles.values())]
    general = [Footnote(line) for line in (*caution_lines(honest), *settings_lines(honest), *shared)]
    general += [Footnote(line) for line in _order_lines(rank_changes(pairs, scenarios))]
    general += _missing(oracles)
    shown = [f"{metric}_{side}" for metric in list(oracles)[:_IN_PRINT] for side in ("honest", "optimism")]
    return Table(title, tuple(columns), tuple(rows), (*notes.footnotes(), *general), caption, (MODEL.name, *shown))


#: By model, of results and of epochs chosen on the test set, on the same runs.
Sides = tuple[dict[str, Estimates], dict[str, Estimates]]


def rank_changes(pairs: Mapping[str, Sides], scenarios: Sequence[str]) -> pd.DataFrame:
    """Changes of order that choosing every metric's epoch on the test set would bring.

    Returns:
        One row a metric and model that both sides have without holes: `metric`, `model`, `honest`, `oracle` (values:
        means over scenarios, then seeds), `honest_place`, `oracle_place` (1 is best, equal values share the better
        place), and `tau`: Kendall's tau-b of the two orders of that metric (Biometrika 1945), NaN for a single model
        and where either order is all ties.
    """
    from scipy.stats import kendalltau

    rows: list[dict[str, object]] = []
    for metric, (honest, oracle) in pairs.items():
        models = [
            m for m in honest if m in oracle and not honest[m].holes(scenarios) and not oracle[m].holes(scenarios)
        ]
        values = np.array(
            [[float(side[m].by_seed(metric, scenarios).mean()) for m in models] for side in (honest, oracle)]
        )
        losses = values * (-1.0 if METRICS[metric].higher_is_better else 1.0)
        places = (losses[:, None, :] < losses[:, :, None]).sum(axis=2) + 1 if models else losses
        tau = float(kendalltau(losses[0], losses[1]).statistic) if len(models) > 1 else np.nan
        rows += [
            {
                "metric": metric,
                "model": model,
                "honest": values[0, i],
                "oracle": values[1, i],
                "honest_place": int(places[0, i]),
                "oracle_place": int(places[1, i]),
                "tau": tau,
            }
            for i, model in enumerate(models)
        ]
    return pd.DataFrame(rows, columns=["metric", "model", "honest", "oracle", "honest_place", "oracle_place", "tau"])


def _check(honest: Panel, oracles: Mapping[str, Panel]) -> tuple[str, list[str]]:
    if not oracles:
        raise InputError(
            f"{honest.dataset}: no epoch has been evaluated on the test set; run the study with --optimism first"
        )
    if honest.selection != "valid":
        raise InputError(f"first panel: selection is '{honest.selection}', expected 'valid': give results first")
    found = {}
    for metric, panel in oracles.items():
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
        if panel.selection != "test-oracle":
            raise InputError(f"panel of '{metric}': selection is '{panel.selection}', expected 'test-oracle'")
        if panel.dataset != honest.dataset or not np.array_equal(panel.sample_ids, honest.sample_ids):
            raise InputError(f"panel of '{metric}': other test samples than those of the results on {honest.dataset}")
        names = protocol_names(panel)
        if len(names) != 1:
            raise InputError(f"panel of '{metric}': has protocols {', '.join(names)}, expected one")
        found[names[0]] = [str(s) for s in protocol_points(panel)["scenario"]]
    if len(found) != 1:
        raise InputError(f"panels are of several protocols ({', '.join(found)}), expected one; make a table of each")
    return next(iter(found.items()))


def _pair(honest: Panel, oracle: Panel, metric: str, scenarios: Sequence[str], draws: int, seed: int) -> Sides:
    """Return estimates of both sides on the cells that both have, with seeds paired: a seed is the same training."""
    keys = ["model", "seed", "scenario"]
    common = pd.MultiIndex.from_frame(honest.cells[keys]).intersection(pd.MultiIndex.from_frame(oracle.cells[keys]))
    sides = []
    for panel in (honest, oracle):
        kept = pd.MultiIndex.from_frame(panel.cells[keys]).isin(common)
        kept &= (panel.cells["model"] != ORACLE).to_numpy(dtype=np.bool_)
        own = dataclasses.replace(
            panel, cells=panel.cells[kept].reset_index(drop=True), predictions=panel.predictions[kept]
        )
        sides.append(own.estimates(scenarios, [metric], draws=draws, seed=seed, paired_seeds=True))
    return sides[0], sides[1]


def _models(honest: Panel, pairs: Mapping[str, Sides], scenarios: Sequence[str]) -> list[str]:
    """Order models by the honest value of the first metric, the best first; those without a value last."""
    metric, (first, _) = next(iter(pairs.items()))
    sign = -1.0 if METRICS[metric].higher_is_better else 1.0
    models = dict.fromkeys(m for sides in pairs.values() for m in sides[0])

    def place(model: str) -> tuple[bool, float, str]:
        hole = model not in first or bool(first[model].holes(scenarios))
        return hole, 0.0 if hole else sign * float(first[model].by_seed(metric, scenarios).mean()), model

    return sorted(models, key=place)


def _cells(sides: Sides, model: str, metric: str, scenarios: Sequence[str], level: float) -> list[Cell]:
    honest, oracle = (side.get(model) for side in sides)
    if honest is None or oracle is None or honest.holes(scenarios) or oracle.holes(scenarios):
        return [Cell(NOTHING, np.nan)] * 3
    found = compare(oracle, honest, metric, scenarios, level=level)
    optimism = signed(number(metric, *(float(found[name]) for name in ("difference", "low", "high"))))
    return [number(metric, float(found["value_b"])), number(metric, float(found["value_a"])), optimism]


def _model_cell(honest: Panel, model: str, seeds: int, notes: Notes) -> Cell:
    informed = model in honest.mask_informed
    said = ["is told at test time how much of each modality is missing"] if informed else []
    said += training_texts(honest, model)
    if seeds < SEEDS_FOR_ORDER:
        said.append(f"fewer than {SEEDS_FOR_ORDER} seeds")
    everyone = honest.cells.loc[honest.cells["model"] == model, "seed"].nunique()
    if seeds < everyone:
        said.append(f"both sides on {seeds} of {everyone} seeds: the others' epochs were not evaluated")
    return Cell(model, note=notes.mark(*said))


def _order_lines(changes: pd.DataFrame) -> list[str]:
    """Describe the similarity of the two orders, and the models that change place."""
    taus, moves = [], []
    for name, rows in changes.groupby("metric", sort=False):
        title, tau = METRICS[str(name)].title, float(rows["tau"].iloc[0])
        if np.isnan(tau):
            continue
        taus.append(f"{title} {tau:.2f}")
        moved = rows[rows["honest_place"] != rows["oracle_place"]].sort_values("oracle_place")
        places = zip(moved["model"], moved["honest_place"], moved["oracle_place"], strict=True)
        line = ", ".join(f"{model} from {before} to {after}" for model, before, after in places)
        moves += [f"{title}: {line}"] if line else []
    if not taus:
        return []
    lines = [f"Kendall's tau between the honest and the test-oracle order of models: {', '.join(taus)}."]
    return lines + ([f"Change of place. {'; '.join(moves)}."] if moves else [])


def _missing(oracles: Mapping[str, Panel]) -> list[Footnote]:
    gaps = list(dict.fromkeys(gap for panel in oracles.values() for gap in panel.missing))
    if not gaps:
        return []
    runs = ", ".join(dict.fromkeys(f"{g.model} seed {g.seed}{f' split {g.split}' if g.split else ''}" for g in gaps))
    text = f"Missing: {plural(len(gaps), 'run')} without test-oracle ({runs})."
    return [Footnote(text, remedy=f"filled by `{gaps[0].command}`")]


def _no_epochs(results: ProtocolResults, settings: TableSettings) -> str:
    if results.test_oracle(settings.at):
        return ""
    return f"protocol '{results.protocol}': no epoch was evaluated on the test set; run the study with --optimism"


@register_table("optimism", shows="what selection on the test set would be worth", why_not=_no_epochs, written=False)
def _optimism(results: ProtocolResults, settings: TableSettings) -> Table:
    return optimism(results.panel, results.test_oracle(settings.at), draws=results.draws, level=results.level)
