"""The tables by name: what `sentibench report --table` chooses from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.statistics import DRAWS
from benchmark.tables.ablation import ablation_table, has_ablation
from benchmark.tables.aggregates import aggregates_table
from benchmark.tables.by_scenario import grid_table, has_grid, has_subsets, scenarios_table, subsets_table
from benchmark.tables.cost import cost_table
from benchmark.tables.leaderboard import leaderboard_table
from benchmark.tables.pairs import BEST, pairs_table, whole_models
from benchmark.tables.table import Table
from protocols import unknown_name

#: Name -> what it shows.
TABLES: Mapping[str, str] = {
    "leaderboard": "every metric, ranks",
    "scenarios": "one metric under every scenario",
    "subsets": "one metric by available modalities",
    "grid": "one metric over two rates",
    "aggregates": "mean, AUILC, worst, retention, skill, relative error",
    "pairs": "which models differ",
    "ablation": "a model and its variants",
    "cost": "parameters, times, memory",
}


@dataclass(frozen=True)
class TableSettings:
    """What the tables of a protocol depend on beside its results.

    Attributes:
        metric: Of every table that shows one.
        against: Whom `pairs` compares with: `best`, `all` or a model.
        variants: Rows of the ablation, base first: name and what is different.
        draws: Bootstrap draws behind intervals, ranks and tests.
        level: Of the intervals, and of telling models apart.
    """

    metric: str = "mae"
    against: str = BEST
    variants: Mapping[str, str] = field(default_factory=dict)
    draws: int = DRAWS
    level: float = 0.95


def why_not(name: str, results: ProtocolResults, settings: TableSettings) -> str:
    """Why a protocol has no table of this name; empty when it has.

    Raises:
        InputError: for a name that is no table's.
    """
    if name not in TABLES:
        raise unknown_name("table", name, TABLES)
    protocol = f"protocol '{results.protocol}'"
    if name == "subsets" and not has_subsets(results):
        return f"{protocol} has no subsets of modalities; run inter-subsets"
    if name == "grid" and not has_grid(results):
        return f"{protocol} has no grid of two axes; run uncertain"
    if name == "aggregates" and len(results.scenarios) < 2:
        return f"{protocol} has one scenario, which needs no summing up"
    if name == "pairs" and len(whole_models(results, settings.metric)) < 2:
        return f"{protocol} has no two models without missing cells"
    if name == "ablation" and not (settings.variants and has_ablation(results, settings.variants)):
        base, *others = settings.variants or ("a model",)
        variants = f" such as {others[0]}" if others else ""
        return f"the study has no {base} with a variant{variants}; add both to its models"
    return ""


def make_table(name: str, results: ProtocolResults, settings: TableSettings) -> Table:
    """The table of this name.

    Raises:
        InputError: for an unknown name or metric, or a protocol that has no such table (see `why_not`).
    """
    metric = settings.metric
    if name == "leaderboard":
        return leaderboard_table(results)
    if name == "scenarios":
        return scenarios_table(results, metric)
    if name == "subsets":
        return subsets_table(results, metric)
    if name == "grid":
        return grid_table(results, metric)
    if name == "aggregates":
        return aggregates_table(results, metric)
    if name == "pairs":
        return pairs_table(results, metric, settings.against)
    if name == "ablation":
        return ablation_table(results, settings.variants, metric)
    if name == "cost":
        return cost_table(results, metric)
    raise unknown_name("table", name, TABLES)
