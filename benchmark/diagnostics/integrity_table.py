"""Calibration of estimated integrity, and dominant modality, as tables for readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.diagnostics.placing import table_rows
from benchmark.tables.cells import NOTHING, level_text, ratio
from benchmark.tables.table import Cell, Column, Interval, Row, Table
from benchmark.words import plural, sample_sizes
from protocols import MODALITIES


def calibration_table(data: pd.DataFrame, subject: str, protocol: str | None = None) -> Table:
    """Make a table of the error and rank correlation of estimated integrity, by modality.

    Rows are protocols or, with `protocol`, its points; `data` is made by `integrity_points`.

    Raises:
        InputError: for an unknown protocol.
    """

    more = {"net": ("net ρ ↑", False), "auc": ("AUC ↑", False)} if data[["net", "auc"]].notna().to_numpy().any() else {}
    columns = {"mae": ("MAE ↓", True), "spearman": ("ρ ↑", False), **more}

    def cells(row: pd.Series[Any]) -> list[Cell]:
        error = ratio(*(float(row[c]) for c in ("mae", "mae_low", "mae_high")))
        return [error, *(ratio(float(row[c])) for c in ("spearman", *more))]

    caption = (
        f"{_seeds(data)} Estimated against true integrity (the share of positions observed): mean absolute error with "
        "its interval over videos and seeds, and Spearman's ρ over samples (of all scenarios of a protocol together "
        f"where a row is over all; mean over seeds). {NOTHING}: the true or the estimated integrity of some seed does "
        "not vary, there is no estimate, or the modality is not in the data."
    )
    if more:
        caption += (
            " Net ρ: ρ of the shares of the positions that the data set has, so that its own gaps, which show, do not "
            "count. AUC: how well scores separate erased or filled positions from those left (0.5: chance), without "
            "gaps of the data."
        )
    return _by_modality(data, "Calibration of estimated integrity", subject, protocol, columns, cells, caption)


def dominance_table(data: pd.DataFrame, subject: str, protocol: str | None = None) -> Table:
    """Make a table of the share of samples that each modality leads, beside its mean true integrity.

    Rows are protocols or, with `protocol`, its points; `data` is made by `integrity_points`.

    Raises:
        InputError: for an unknown protocol.
    """

    def cells(row: pd.Series[Any]) -> list[Cell]:
        leads = _share(*(float(row[c]) for c in ("leads", "leads_low", "leads_high")))
        return [ratio(float(row["true"])), leads]

    columns = {"true": ("integrity", False), "leads": ("leads (%)", True)}
    caption = (
        f"{_seeds(data)} Share of the test samples that a modality leads, with its interval over videos and seeds, and "
        f"its mean true integrity ({NOTHING}: the modality is not in the data)."
    )
    return _by_modality(data, "Dominant modality", subject, protocol, columns, cells, caption)


def _by_modality(
    data: pd.DataFrame,
    what: str,
    subject: str,
    protocol: str | None,
    columns: Mapping[str, tuple[str, bool]],
    cells: Callable[[pd.Series[Any]], list[Cell]],
    caption: str,
) -> Table:
    """Make a table with a group of columns per modality: by name, the title and whether an interval is shown."""
    level = level_text(float(data["level"].iloc[0]))
    first, rows = table_rows(data, protocol)
    heads = [
        Column(f"{m}_{name}", f"{title} {level}", group=m, interval="shown")
        if shown
        else Column(f"{m}_{name}", title, group=m)
        for m in MODALITIES
        for name, (title, shown) in columns.items()
    ]
    made = []
    for name, part, rule in rows:
        own = [cell for m in MODALITIES for cell in cells(part[part["modality"] == m].iloc[0])]
        made.append(Row((Cell(name), *own), rule))
    under = f" under {protocol}" if protocol else ""
    return Table(f"{what}{under}: {subject}", (first, *heads), tuple(made), (), caption)


def _share(value: float, low: float, high: float) -> Cell:
    if not np.isfinite(value):
        return Cell(NOTHING, np.nan)
    if not np.isfinite(low) or not np.isfinite(high):
        return Cell(f"{100 * value:z.1f}", value)
    return Cell(f"{100 * value:z.1f}", value, interval=Interval(low, high, f"[{100 * low:z.1f}, {100 * high:z.1f}]"))


def _seeds(data: pd.DataFrame) -> str:
    seeds, samples, videos = (int(data[name].max()) for name in ("seeds", "samples", "videos"))
    return f"{sample_sizes(samples, videos)}, {plural(seeds, 'seed')}."
