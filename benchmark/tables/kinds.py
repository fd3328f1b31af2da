"""Kinds of tables: the choices of `sentibench report --table`.

A plugin, or an installed distribution through the entry point `sentibench.tables`, adds one in a few lines:

>>> @register_table("medians", shows="median absolute error")
... def medians(results: ProtocolResults, settings: TableSettings) -> Table:
...     return Table(results.title, columns, rows)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.evaluation.statistics import DRAWS
from benchmark.tables.table import Table
from protocols import Registry


@dataclass(frozen=True)
class Citation:
    """Printed name of a model or data set in a paper, and its citation key, or an empty text."""

    title: str
    key: str = ""


@dataclass(frozen=True)
class TableSettings:
    """Settings of the tables of a protocol.

    Attributes:
        metric: Metric of every table that shows one.
        against: Baseline of `pairs`: `best`, `all` or the name of a model.
        variants: Rows of the ablation, base first: name and what is different.
        draws: Bootstrap draws behind intervals, ranks and tests.
        level: Confidence level of intervals, ranks and tests.
        at: Point of the protocol at which `optimism` chooses epochs; None for its mean.
        metrics: Metrics of `paper`, which leaves out those that a data set does not have.
        points: Points of the protocols that `paper` shows: coordinates such as `0.5` or `0.5:0.2`, labels of the axis
            such as `text+audio`, or `mean`; none: the mean.
        spread: Number behind the values of `paper`: standard deviation over seeds, or interval.
        models, datasets: Printed names and citation keys in `paper`, by row and by `DATASET/SPLIT`.
    """

    metric: str = "mae"
    against: str = "best"
    variants: Mapping[str, str] = field(default_factory=dict)
    draws: int = DRAWS
    level: float = 0.95
    at: str | None = None
    metrics: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    spread: Literal["sd", "interval"] = "sd"
    models: Mapping[str, Citation] = field(default_factory=dict)
    datasets: Mapping[str, Citation] = field(default_factory=dict)


Make: TypeAlias = Callable[[ProtocolResults, TableSettings], Table]
MakeOfAll: TypeAlias = Callable[[Sequence[ProtocolResults], TableSettings], Table]
WhyNot: TypeAlias = Callable[[ProtocolResults, TableSettings], str]


@dataclass(frozen=True)
class TableKind:
    """A kind of table.

    Attributes:
        name: Name, as `--table` takes it.
        shows: Content of the table, in a few words.
        make: Function that makes the table of a protocol.
        why_not: Function that explains why a protocol has no such table; it returns an empty text if it has one.
        written: True if every report makes the table; otherwise only on request.
        of_all: Function that makes one table of all data sets and protocols of a study; None for a kind with a table
            for each.
    """

    name: str
    shows: str
    make: Make
    why_not: WhyNot
    written: bool = True
    of_all: MakeOfAll | None = None


#: All kinds of tables by name.
TABLES: Registry[TableKind] = Registry(
    "table",
    "sentibench.tables",
    {
        "leaderboard": "benchmark.tables.leaderboard",
        "scenarios": "benchmark.tables.by_scenario",
        "subsets": "benchmark.tables.by_scenario",
        "grid": "benchmark.tables.by_scenario",
        "aggregates": "benchmark.tables.aggregates",
        "pairs": "benchmark.tables.pairs",
        "ablation": "benchmark.tables.ablation",
        "cost": "benchmark.tables.cost",
        "optimism": "benchmark.tables.optimism",
        "paper": "benchmark.tables.paper",
        "seeds": "benchmark.tables.by_seed",
    },
)


def _always(results: ProtocolResults, settings: TableSettings) -> str:
    return ""


def register_table(
    name: str, *, shows: str, why_not: WhyNot = _always, written: bool = True, of_all: MakeOfAll | None = None
) -> Callable[[Make], Make]:
    """Return a decorator that registers a function as the kind of table `name`.

    Arguments are the attributes of `TableKind`.

    Raises:
        InputError: for a name that is registered already.
    """
    return TABLES.decorator(name, lambda make: TableKind(name, shows, make, why_not, written, of_all))
