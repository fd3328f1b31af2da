"""Published numbers beside ours, as a long table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.kinds import with_sign
from benchmark.evaluation.metrics import METRICS
from benchmark.papers.reported import Aggregate, aggregate_of, same
from benchmark.papers.reported.schema import UNKNOWN_CONVENTION
from benchmark.papers.reproduce.catalogue import Item

#: Columns of `reproduced.csv`. Shares are in per cent.
COLUMNS = (
    "published_on", "measured_on", "protocol", "point", "metric", "model", "method", "source", "table", "aggregation",
    "selection", "validity", "printed", "reported", "measured", "low", "high", "sd", "seeds", "flag", "difference",
)  # fmt: skip


def point_key(protocol: str, point: str) -> str:
    """Return the name of a point that is distinct across protocols."""
    return f"{protocol}: {point}"


def item_aggregates(item: Item, dataset: str) -> dict[str, Aggregate]:
    """Return the aggregates of the points of an item, by key."""
    return {point_key(protocol, point): aggregate_of(protocol, point) for protocol, point in item.points_of(dataset)}


def published(item: Item, dataset: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the reported rows that an item shows for a data set, with their `key`.

    Rows of a protocol other than ours, or with another aggregation, have no key and are left out.
    """
    own = rows[rows["dataset"].eq(dataset)]
    if item.sources:
        own = own[own["source"].isin(item.sources)]
    if item.tables:
        own = own[own["table"].isin(item.tables)]
    if item.layout == "metrics":
        own = own[~own["metric"].isin(UNKNOWN_CONVENTION)]
    aggregates = item_aggregates(item, dataset)

    def key_of(protocol: str, point: str) -> str:
        if not protocol:
            return ""
        own_aggregate = aggregate_of(protocol, point)
        return next((key for key, wanted in aggregates.items() if same(own_aggregate, wanted)), "")

    keys = [key_of(str(a), str(b)) for a, b in zip(own["protocol"], own["point"], strict=True)]
    found = own.assign(key=pd.Series(keys, index=own.index, dtype=object))
    return found[found["key"].ne("")].reset_index(drop=True)


def compare_numbers(
    item: Item, rows: pd.DataFrame, measured: pd.DataFrame, *, published_on: str, measured_on: str, comparable: bool
) -> pd.DataFrame:
    """Make the long table of reported and measured numbers.

    Args:
        item: Table or figure to reproduce.
        rows: Rows from `published`.
        measured: Numbers from `measure`, with points named by key.
        published_on: Data set of the published numbers.
        measured_on: Data set of our numbers.
        comparable: True if these are the same; otherwise no difference is computed.

    Returns:
        `COLUMNS`. A reported number without a measured one, and a measured number without a reported one,
        each have a row. `difference` is measured less reported, for valid numbers only.
    """
    factor = [100.0 if METRICS[str(m)].percent else 1.0 for m in measured["metric"]]
    ours = measured.assign(**{name: measured[name] * factor for name in ("measured", "low", "high", "sd")})
    ours = ours.rename(columns={"point": "key"})
    theirs = rows.drop(columns=["seeds", "note", "f1_bound", "decimals", "protocol", "point"]).rename(
        columns={"value": "reported"}
    )
    both = theirs.merge(ours, on=["key", "metric", "model"], how="outer", sort=False)
    where = {point_key(protocol, point): (protocol, point) for protocol, point in item.points_of(published_on)}
    both["protocol"], both["point"] = zip(*both["key"].map(where), strict=True) if len(both) else ([], [])
    both["published_on"], both["measured_on"] = published_on, measured_on
    usable = both["valid"].eq(True) if comparable else pd.Series(False, index=both.index)
    both["difference"] = (both["measured"].astype("float64") - both["reported"].astype("float64")).where(usable)
    order = {key: i for i, key in enumerate(where)}
    both = both.sort_values("key", key=lambda c: c.map(order), kind="stable")
    return both.reindex(columns=list(COLUMNS)).reset_index(drop=True)


def difference_text(metric: str, value: float) -> str:
    """Format a number with its sign, in the unit of the metric (percentage points for shares); a dash for none."""
    if not np.isfinite(value):
        return "–"
    return with_sign(f"{value:z.{2 if METRICS[metric].percent else 3}f}")


def shown_metrics(item: Item, rows: pd.DataFrame, known: Sequence[str], default: Sequence[str]) -> list[str]:
    """Return the metrics of an item's tables or columns: all, or for tables by metric those that were reported."""
    reported = set(rows["metric"])
    if item.layout == "metrics":
        return [name for name in known if (METRICS[name].usual and name != "acc3") or name in reported]
    chosen = [name for name in (*known, *UNKNOWN_CONVENTION) if name in reported]
    return chosen or list(default)
