"""Confusion matrices of all models under all scenarios of a panel, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.evaluation.confusion import confusion_data
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.scales import scale_of


def confusion_counts(panel: Panel, index: Mapping[str, int]) -> dict[str, Any]:
    """Count true and predicted classes of the finest classes of the labels, all seeds together.

    Returns:
        `metric`, `classes` (names, from most negative to most positive) and `scenarios`: by scenario and position of
        the model in the page's list, counts by true class, then predicted class; empty for labels without classes.
    """
    if not scale_of(panel.label_range).classes:
        return {}
    shown: dict[str, Any] = {}
    scenarios: dict[str, dict[str, list[int]]] = {}
    for scenario in dict.fromkeys(map(str, panel.cells["scenario"])):
        data = confusion_data(panel, scenario)
        shown = {"metric": str(data["metric"].iloc[0]), "classes": list(dict.fromkeys(data["true"].astype(str)))}
        counts = {str(model): own["samples"].astype(int).tolist() for model, own in data.groupby("model", sort=False)}
        scenarios[scenario] = {str(index[model]): own for model, own in counts.items()}
    return {**shown, "scenarios": scenarios}
