"""Recovery error relative to leaving the gap, as a table for readers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmark.diagnostics.placing import table_rows
from benchmark.diagnostics.recovery_data import CONSTANT, DEPTHS, FEATURE, FEWEST_VIDEOS, SEMANTIC
from benchmark.tables.cells import NOTHING, level_text, ratio
from benchmark.tables.table import Cell, Column, Notes, Row, Table
from benchmark.words import plural
from protocols import MODALITIES

#: Goal of the ratio: at most this, three tenths of the distance from incomplete to complete features are recovered.
GOAL = 0.7
_HEADS = {"part": "a part lost", "whole": "all lost"}
_DISTANCES = {
    FEATURE: "feature level: smooth L1 between tokens in standard deviations of the complete token",
    CONSTANT: "constant: the same with the mean complete tokens of the test part in place of the completed ones",
    SEMANTIC: "semantic level: difference between what the shared sentiment head reads in them",
}


def recovery_table(data: pd.DataFrame, subject: str, protocol: str | None = None) -> Table:
    """Make a table of the distance of completed features to complete ones, relative to that of incomplete ones.

    One row per depth, those of one protocol or point below each other.

    Rows are protocols or, with `protocol`, its points; `data` is made by `recovery_data`.

    Raises:
        InputError: for an unknown protocol.
    """
    level = float(data["level"].iloc[0])
    first, rows = table_rows(data, protocol)
    shown = [part for _, part, _ in rows]
    there = {(str(m), str(e)) for part in shown for m, e in zip(part["modality"], part["lost"], strict=True)}
    pairs = [(m, e) for m in MODALITIES for e in _HEADS if (m, e) in there]
    columns = (
        first,
        Column("depth", "Depth", "left"),
        *(Column(f"{m}_{e}", f"{_HEADS[e]} {level_text(level)}", group=m, interval="shown") for m, e in pairs),
    )
    made: list[Row] = []
    notes = Notes()
    several = data["depth"].nunique() > 1
    for name, part, rule in rows:
        for i, depth in enumerate(depths_of(part)):
            cells = [Cell("" if i else name, name), Cell(depth)]
            for modality, extent in pairs:
                chosen = (part["depth"] == depth) & (part["modality"] == modality) & (part["lost"] == extent)
                cells.append(_cell(part[chosen], notes))
            made.append(Row(tuple(cells), rule and not i, space=several and not i and not rule and bool(made)))
    seeds = int(data["seeds"].max())
    caption = (
        f"Geometric mean over {plural(seeds, 'seed')}. Distance of completed features to those of the complete input, "
        "divided by the distance of the incomplete features: 1 is as good as leaving the gap, and below 1 completion "
        f"helps; at {GOAL:.2f} it recovers {100 * (1 - GOAL):.0f} %. Over the samples that lost a part of the "
        "modality, and over those that lost all of it; intervals over videos and seeds. Bold: the interval is below 1 "
        f"(not for {CONSTANT}). {depth_caption(data)}"
    )
    under = f" under {protocol}" if protocol else ""
    title = f"Recovery error relative to leaving the gap{under}: {subject}"
    return Table(title, columns, tuple(made), tuple(notes.footnotes()), caption)


def depths_of(data: pd.DataFrame) -> list[str]:
    """Return the existing depths, in their order."""
    there = set(data["depth"])
    return [depth for depth in DEPTHS if depth in there]


def depth_caption(data: pd.DataFrame) -> str:
    """Explain the distance at each depth of `recovery_data`, as a sentence."""
    said = "; ".join(_DISTANCES[depth] for depth in depths_of(data))
    return f"{said[0].upper()}{said[1:]}."


def _cell(own: pd.DataFrame, notes: Notes) -> Cell:
    if own.empty:
        return Cell(NOTHING, np.nan)
    row = own.iloc[0]
    cell = ratio(float(row["ratio"]), float(row["low"]), float(row["high"]))
    cell = replace(cell, bold=bool(row["high"] < 1 and row["depth"] != CONSTANT))
    return notes.on(cell, f"of fewer than {FEWEST_VIDEOS} videos: no interval" if row["flag"] == "few videos" else "")
