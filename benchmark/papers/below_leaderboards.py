"""Published numbers below a leaderboard: only those that match its data set, protocol and aggregation.

>>> table = with_reported(leaderboard_table(results), load(), dataset="mosi", protocol="intra-random")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from benchmark.data.reference import Reference
from benchmark.evaluation.metrics import METRICS
from benchmark.papers.reported import aggregate_of, load_sources, same, wanted_aggregate
from benchmark.papers.reported.schema import DATASETS, UNKNOWN_CONVENTION
from benchmark.tables.table import Cell, Footnote, Notes, Row, Table
from protocols import InputError

#: Split of the published numbers.
OFFICIAL = "official"
_PAPER = ["source", "table", "method"]


def with_reported(
    table: Table,
    rows: pd.DataFrame,
    *,
    dataset: str,
    protocol: str,
    sources: pd.DataFrame | None = None,
    warning: str = "",
) -> Table:
    """Add the published numbers of the same quantities to a leaderboard, below a rule.

    Reported rows take no part in ranks or bold. A footnote of each gives its source, how the checkpoint was
    selected, and the number of seeds; invalid numbers are struck through, with the reason. Numbers that were published
    for this data set under another protocol or another aggregation are not shown, but listed in a footnote.

    Args:
        table: Leaderboard with columns `model` and, by name, metrics.
        rows: Rows from `benchmark.papers.reported.load`.
        dataset: Data set of the published numbers, with or without the split: `mosi`, `mosi/official`; empty if the
            table is about none (`papers.reported.published_as` finds it by the test labels, since a store may have any
            name).
        protocol: Name of the protocol, with or without version.
        sources: Sources; default: those of `benchmark.papers.reported.load_sources`.
        warning: Further remark on the comparison, such as that other features were used.

    Raises:
        InputError: if the table has no column `model`, or the protocol is unknown.
    """
    columns = [column.name for column in table.columns]
    if "model" not in columns:
        raise InputError(f"table '{table.title}' has no column 'model'; give a leaderboard")
    papers = _papers(load_sources() if sources is None else sources)
    given = Reference.parse(dataset)
    name = given.name
    if not name:
        return _noted(table, "Reported numbers: none, as these test labels are those of no published data set.")
    if name not in DATASETS or given.split not in ("", OFFICIAL):
        return _noted(table, f"Reported numbers: there are none for {dataset}.")
    own = rows[rows["dataset"].eq(name)]
    fitting = own[fits(own, protocol)]
    notes = Notes(table.footnotes)
    metrics = [column for column in columns if column in METRICS]
    groups = [group for _, group in fitting[fitting["metric"].isin(metrics)].groupby(_PAPER, sort=False)]
    shown = [_row(columns, group, papers[str(group["source"].iloc[0])], notes) for group in sorted(groups, key=_order)]
    shown += _awaited(columns, own, papers, f"{name}/{protocol.partition('@')[0]}", notes)
    table = _with_asked(table, [name for name in metrics if fitting["metric"].eq(name).any()])
    if shown:
        shown[0] = replace(shown[0], rule=True)
    footnotes = (*table.footnotes, *notes.footnotes())
    result = replace(table, rows=(*table.rows, *shown), footnotes=footnotes)
    if shown and warning:
        result = _noted(result, f"{warning}.")
    rest = own.drop(fitting.index[fitting["metric"].isin(metrics)])
    others = _others(rest, papers)
    if not fitting["metric"].isin(metrics).any():
        result = _noted(result, f"Reported numbers: none for {name} under {protocol} in this aggregation.")
    return _noted(result, f"Reported for {name}, not comparable with this table: {others}.") if others else result


def _with_asked(table: Table, metrics: Sequence[str]) -> Table:
    """Return the table with these columns shown to readers as well, beside those shown by default."""
    hidden = [column.name for column in table.columns if column.name in metrics and not column.by_default]
    columns = tuple(replace(c, by_default=True) if c.name in hidden else c for c in table.columns)
    return replace(table, columns=columns, paper=(*table.paper, *hidden) if table.paper else ())


def fits(rows: pd.DataFrame, protocol: str) -> pd.Series:
    """Find rows about the scenarios of a protocol's leaderboard, with the same aggregation."""
    wanted = wanted_aggregate(protocol)
    verdicts = [
        bool(p) and aggregation != "one model a rate" and same(aggregate_of(str(p), str(point)), wanted)
        for p, point, aggregation in zip(rows["protocol"], rows["point"], rows["aggregation"], strict=True)
    ]
    return pd.Series(verdicts, index=rows.index, dtype=bool)


def provenance(row: Mapping[str, object], paper: Mapping[str, str], point: str = "") -> str:
    """Describe the source of a reported row in one line: paper, table, point, setting, selection, seeds, encoder."""
    when = " ".join(part for part in (paper["venue"], paper["year"]) if part and part != "not recorded")
    seeds = row["seeds"]
    at = f", at {point}" if point else ""
    parts = [
        f"reported by {paper['name']}{f' ({when})' if when else ''}, {_table_name(str(row['table']))}{at}",
        paper["setting"],
        f"checkpoint selection '{row['selection']}': {paper['selection']}",
        f"{seeds:.0f} seeds" if isinstance(seeds, float) and seeds == seeds else "number of seeds not recorded",
        f"text encoder {paper['encoder']}",
        str(row["note"]),
    ]
    return "; ".join(part for part in parts if part)


def awaited_note(source: str, paper: Mapping[str, str]) -> str:
    """Explain why a paper's row is empty, and how to fill it."""
    where = f"{paper['venue']} {paper['year']}, {paper['url']}"
    return (
        f"{paper['name']} ({where}): its result tables have not been read; fill in results/reported/{source}.csv, as "
        "README.md there says"
    )


def reported_cell(row: Mapping[str, object], notes: Notes) -> Cell:
    """Return a published number as printed; struck through with the reason if it is not valid."""
    value = float(str(row["value"]))
    metric = str(row["metric"])
    share = metric in UNKNOWN_CONVENTION or METRICS[metric].percent
    note = "" if row["valid"] else notes.mark(f"not valid: {str(row['validity']).removeprefix('invalid: ')}")
    return Cell(str(row["printed"]), value / 100 if share else value, note=note, struck=not row["valid"])


def _papers(sources: pd.DataFrame) -> dict[str, dict[str, str]]:
    return {str(row["source"]): {str(k): str(v) for k, v in row.items()} for row in sources.to_dict("records")}


def _order(group: pd.DataFrame) -> tuple[str, float]:
    mae = group.loc[group["metric"].str.startswith("mae"), "value"]
    return str(group["source"].iloc[0]), float(mae.iloc[0]) if len(mae) else float("inf")


def _row(columns: Sequence[str], group: pd.DataFrame, paper: Mapping[str, str], notes: Notes) -> Row:
    first = {str(k): v for k, v in group.iloc[0].items()}
    name = f"{first['method']} (reported)"
    cells = {
        str(row["metric"]): reported_cell({str(k): v for k, v in row.items()}, notes) for _, row in group.iterrows()
    }
    identity = f"{first['method']} (reported: {first['source']}, {first['table']})"
    cells["model"] = Cell(name, identity, note=notes.mark(provenance(first, paper, str(first["point"]))))
    if first["seeds"] == first["seeds"]:
        cells["seeds"] = Cell(f"{first['seeds']:.0f}", int(first["seeds"]))
    return _filled(columns, cells)


def _filled(columns: Sequence[str], cells: Mapping[str, Cell]) -> Row:
    return Row(tuple(cells.get(column, Cell("–", float("nan"))) for column in columns))


def _awaited(
    columns: Sequence[str], own: pd.DataFrame, papers: Mapping[str, Mapping[str, str]], place: str, notes: Notes
) -> list[Row]:
    """Return an empty row for every paper whose numbers of this data set and protocol have not been entered yet."""
    rows = []
    for source, paper in papers.items():
        filled = own[own["source"].eq(source) & own["protocol"].eq(place.partition("/")[2])]
        if place in paper["awaits"].split() and filled.empty:
            text = awaited_note(source, paper)
            identity = f"{paper['name']} (reported: {source})"
            cell = Cell(f"{paper['name']} (reported)", identity, note=notes.mark(text))
            rows.append(_filled(columns, {"model": cell}))
    return rows


def _others(rows: pd.DataFrame, papers: Mapping[str, Mapping[str, str]]) -> str:
    """Return the protocols and aggregations of rows that are not shown, with their sources."""
    kinds: dict[str, dict[str, None]] = {}
    for row in rows.to_dict("records"):
        point = str(row["point"])
        form = point if point.startswith(("mean", "auilc")) else f"by {point.partition('=')[0]}"
        where = f"{row['protocol'] or 'a protocol of its own'}, {form}"
        where += ", one model trained for each rate" if row["aggregation"] == "one model a rate" else ""
        where += ", neutral samples not said" if row["metric"] in UNKNOWN_CONVENTION else ""
        kinds.setdefault(where, {})[papers[str(row["source"])]["name"]] = None
    return "; ".join(f"{where} ({', '.join(names)})" for where, names in kinds.items())


def _table_name(table: str) -> str:
    return table if table[:1].isupper() or table.startswith("corrigendum") else f"its table '{table}'"


def _noted(table: Table, text: str) -> Table:
    return replace(table, footnotes=(*table.footnotes, Footnote(text)))
