"""Schema of published numbers, and the error line for a row that breaks it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from benchmark.evaluation.metrics import METRICS, metric_names
from benchmark.papers.reported.points import aggregate_of
from protocols import InputError, unknown_name

#: Columns of every file. Shares are in per cent; MAE and Corr as they are. `value` keeps the printed decimals.
COLUMNS = (
    "source", "table", "dataset", "method", "model", "metric", "value", "protocol", "point", "aggregation", "selection",
    "seeds", "f1_bound", "validity", "note",
)  # fmt: skip

#: Columns of `sources.csv`. `awaits` lists `dataset/protocol` pairs whose numbers have not been entered yet.
SOURCE_COLUMNS = (
    "source", "name", "title", "venue", "year", "url", "setting", "selection", "encoder", "awaits",
)  # fmt: skip

DATASETS: dict[str, tuple[float, float]] = {"mosi": (-3.0, 3.0), "mosei": (-3.0, 3.0), "sims": (-1.0, 1.0)}
AGGREGATIONS = ("one model", "one model a rate", "unknown")
SELECTIONS = ("test-oracle", "valid", "unknown")
F1_BOUNDS = ("", "possible", "impossible")
#: Two-class metrics of papers that do not state whether neutral samples take part: never compared with ours.
UNKNOWN_CONVENTION = ("acc2_unknown", "f1_unknown")

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]*")


def is_share(metric: str) -> bool:
    """Return True for a metric that is printed in per cent."""
    return metric in UNKNOWN_CONVENTION or METRICS[metric].percent


def check_row(row: Mapping[str, str], where: str, sources: set[str]) -> None:
    """Raise InputError, one line that begins with `where`, for a row that breaks the schema."""

    def wrong(column: str, expected: str) -> InputError:
        return InputError(f"{where}: {column} is '{row[column]}', expected {expected}")

    if row["source"] not in sources:
        raise InputError(f"{where}: source '{row['source']}' is not in sources.csv; add a line there first")
    for column in ("table", "method"):
        if not row[column].strip():
            raise wrong(column, "the name that the paper prints")
    if row["dataset"] not in DATASETS:
        raise wrong("dataset", f"one of {', '.join(DATASETS)}")
    if row["model"] and not _IDENTIFIER.fullmatch(row["model"]):
        raise wrong("model", "the name of a model of this suite such as self-mm, or nothing")
    _check_value(row, where)
    if row["protocol"]:
        try:
            aggregate_of(row["protocol"], row["point"])
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    elif not row["note"]:
        raise InputError(f"{where}: protocol is empty; say in note what was missing")
    for column, allowed in (("aggregation", AGGREGATIONS), ("selection", SELECTIONS), ("f1_bound", F1_BOUNDS)):
        if row[column] not in allowed:
            raise wrong(column, f"one of {', '.join(name or 'nothing' for name in allowed)}")
    if row["seeds"] and not (row["seeds"].isdigit() and int(row["seeds"]) > 0):
        raise wrong("seeds", "a number above 0, or nothing where the paper does not say")
    reason = row["validity"].removeprefix("invalid: ")
    if row["validity"] != "valid" and (reason == row["validity"] or not reason.strip()):
        raise wrong("validity", "'valid' or 'invalid: ' and the reason")
    if row["f1_bound"] and not row["metric"].startswith("f1_"):
        raise wrong("f1_bound", f"nothing for metric {row['metric']}")
    if row["f1_bound"] == "impossible" and row["validity"] == "valid":
        raise wrong("validity", "'invalid: ' and the reason, as f1_bound is 'impossible'")


def _check_value(row: Mapping[str, str], where: str) -> None:
    metric = row["metric"]
    known = (*metric_names(DATASETS[row["dataset"]]), *UNKNOWN_CONVENTION)
    if metric not in known:
        raise InputError(f"{where}: {unknown_name('metric of ' + row['dataset'], metric, known)}")
    if not _NUMBER.fullmatch(row["value"]):
        raise InputError(f"{where}: value is '{row['value']}', expected a number as the paper prints it, such as 85.20")
    value, (low, high) = float(row["value"]), DATASETS[row["dataset"]]
    least, most = (0.0, 100.0) if is_share(metric) else (0.0, high - low) if metric.startswith("mae") else (-1.0, 1.0)
    if not least <= value <= most:
        unit = " (per cent)" if is_share(metric) else ""
        raise InputError(f"{where}: {metric} is {row['value']}, expected {least:g} to {most:g}{unit}")
