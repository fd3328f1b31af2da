"""Figures of a reproduction, beside its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import protocol_names
from benchmark.figures.curves import curve_data, default_metrics, plot_curves, plottable
from benchmark.figures.subsets import has_names, plot_subsets, subset_data
from benchmark.papers.reproduce.catalogue import Item


def draw(item: Item, panel: Panel, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Draw curves of protocols with a numeric axis, or heat maps of subsets; each with the CSV it is drawn from."""
    files: list[Path] = []
    for protocol in protocol_names(panel):
        stem = "".join(c if c.isalnum() or c in "-_=,." else "_" for c in f"{panel.dataset}-{protocol}")
        title = f"{panel.dataset}, split {panel.split}: {protocol}"
        if item.figure == "curves" and plottable(panel, protocol):
            files += plot_curves(curve_data(panel, protocol), folder / stem, title, formats=formats)
        elif item.figure == "heat map" and has_names(panel, protocol):
            for metric in default_metrics(panel.label_range)[::2]:  # the error, and the F1 of most papers
                data = subset_data(panel, protocol, metric)
                files += plot_subsets(data, folder / f"{stem}-{metric}", title, formats=formats)
    return files
