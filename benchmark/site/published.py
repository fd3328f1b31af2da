"""Published numbers beside the measured ones, as `sentibench report --with-reported` shows them."""

from __future__ import annotations

from typing import Any

from benchmark.evaluation.metrics import metric_names
from benchmark.evaluation.panel import Panel
from benchmark.papers.beside_measured import with_published
from benchmark.papers.reported import published_as
from benchmark.site.rounding import number
from benchmark.tables.cells import MODEL, NOTHING, SEEDS, metric_column
from benchmark.tables.table import Cell, Table


def published_rows(panel: Panel, protocol: str) -> dict[str, Any]:
    """Return the published numbers of a protocol, for a panel with the test labels of a published data set.

    Returns:
        `rows`, each with `name`, `note` (mark of its source), `seeds` and `cells` (by metric: `value`, `text` as
        printed, `struck`, `note`), and `notes`, pairs of mark and text; empty for other data sets.
    """
    published = published_as(panel.label, panel.label_range)
    if not published:
        return {}
    columns = (MODEL, SEEDS, *map(metric_column, metric_names(panel.label_range)))
    dataset = f"{panel.dataset}/{panel.split}"
    table = with_published(Table("published", columns, ()), dataset=dataset, published=published, protocol=protocol)
    rows = [dict(zip((column.name for column in columns), row.cells, strict=True)) for row in table.rows]
    return {"rows": [_row(cells) for cells in rows], "notes": [[note.mark, note.text] for note in table.footnotes]}


def _row(cells: dict[str, Cell]) -> dict[str, Any]:
    model, seeds = cells.pop("model"), cells.pop("seeds")
    shown = {
        name: {"value": number(cell.value), "text": cell.text, "struck": cell.struck, "note": cell.note}
        for name, cell in cells.items()
        if cell.text != NOTHING
    }
    return {"name": model.text, "note": model.note, "seeds": number(seeds.value), "cells": shown}
