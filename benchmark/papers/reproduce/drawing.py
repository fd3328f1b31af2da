"""Figures of a reproduction, beside its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import protocol_names, shape_of
from benchmark.figures.curves import curve_data, default_metrics, plot_curves
from benchmark.figures.subsets import plot_subsets, subset_data
from benchmark.files import safe_name
from benchmark.papers.reproduce.catalogue import Item


def draw(item: Item, panel: Panel, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Draw curves of protocols with a numeric axis, or heat maps of subsets; each with the CSV it is drawn from."""
    files: list[Path] = []
    for protocol in protocol_names(panel):
        stem = safe_name(f"{panel.dataset}-{protocol}")
        title = f"{panel.dataset}, split {panel.split}: {protocol}"
        if item.figure == "curves" and shape_of(panel, protocol).curves:
            files += plot_curves(curve_data(panel, protocol), folder / stem, title, formats=formats)
        elif item.figure == "heat map" and shape_of(panel, protocol).named:
            for metric in default_metrics(panel.label_range)[::2]:  # the error, and the F1 that papers show
                data = subset_data(panel, protocol, metric)
                files += plot_subsets(data, folder / f"{stem}-{metric}", title, formats=formats)
    return files
