"""Positions of scenarios: the axis of a curve, panels for points off one axis, the rows of a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmark.tables.table import Column
from protocols import unknown_name

#: Columns of `Panel.points` with the position of a point.
PLACE = ("axis", "x", "axis2", "y", "tick", "order")
#: Order of a row over all points of a protocol: after them.
LAST = 1_000_000


def place_of(points: pd.DataFrame, scenario: str) -> dict[str, object]:
    """Return the position of a scenario of one protocol; for an empty scenario, that of a mean over all points."""
    if not scenario:
        return dict(zip(PLACE, ("", np.nan, "", np.nan, "all", LAST), strict=True))
    row = points[points["scenario"] == scenario].iloc[0]
    return {name: row[name] for name in PLACE}


def along_axes(data: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that lie on a numeric axis, with their position in a figure.

    Args:
        data: Rows of one protocol with the columns of `PLACE`.

    Returns:
        The same rows with `panel` (a label; of a grid, the value on its first axis) and `at` (on the axis `along`);
        rows off every numeric axis, and panels with fewer than two places, are left out.
    """
    grid = data["axis2"].ne("")
    at = data["y"].where(grid, data["x"])
    kept = data[at.notna() & data["x"].notna() & data["axis"].ne("")]
    on_grid = kept["axis2"].ne("")
    values = kept["x"].map(lambda v: f"{v:g}").astype("str")
    placed = kept.assign(
        at=at[kept.index].astype("float64"),
        along=kept["axis2"].where(on_grid, kept["axis"]),
        panel=(kept["axis"].astype("str") + " " + values).where(on_grid, kept["axis"]),
    )
    counts = placed.groupby("panel")["at"].transform("nunique")
    return placed[counts > 1].reset_index(drop=True)


def table_rows(data: pd.DataFrame, protocol: str | None) -> tuple[Column, list[tuple[str, pd.DataFrame, bool]]]:
    """Return the rows of a table: the protocols, or the points of one protocol and all of them.

    Args:
        data: Rows with `protocol`, `scenario` (empty: all points) and the columns of `PLACE`.
        protocol: None for a row per protocol.

    Returns:
        The column that names the rows; for each row its name, its part of the data, and True for a rule above.

    Raises:
        InputError: for an unknown protocol.
    """
    if protocol is None:
        whole = data[data["scenario"] == ""]
        return Column("protocol", "Protocol", "left"), [(str(n), own, False) for n, own in _groups(whole, "protocol")]
    own = data[data["protocol"] == protocol]
    if own.empty:
        raise unknown_name("protocol that was examined", protocol, list(dict.fromkeys(data["protocol"])))
    names = [name for column in ("axis", "axis2") for name in dict.fromkeys(own[column]) if name]
    rows: list[tuple[str, pd.DataFrame, bool]] = []
    for order, part in _groups(own.sort_values("order", kind="stable"), "order"):
        first = part.iloc[0]
        rows.append((str(first["tick"]) or str(first["scenario"]), part, order == LAST and bool(rows)))
    return Column("point", ", ".join(names).capitalize() or "Scenario", "left"), rows


def _groups(data: pd.DataFrame, column: str) -> list[tuple[object, pd.DataFrame]]:
    return [(name, part) for name, part in data.groupby(column, sort=False)]


def skipped(data: pd.DataFrame, drawn: pd.DataFrame) -> str:
    """State, in a sentence, which points a figure leaves to the table; empty if it shows all."""
    absent = [str(s) for s in dict.fromkeys(data["scenario"]) if s and s not in set(drawn["scenario"])]
    return f"Not shown: {', '.join(absent)}." if absent else ""
