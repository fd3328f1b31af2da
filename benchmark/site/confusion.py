"""Confusion matrices of all models under all scenarios of a panel, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.evaluation.confusion import confusions
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
    found = confusions(panel, list(dict.fromkeys(panel.cells["scenario"])))
    scenarios: dict[str, dict[str, list[int]]] = {}
    for (scenario, model), counts in found.counts.items():
        scenarios.setdefault(scenario, {})[str(index[model])] = counts.ravel().tolist()
    return {"metric": found.metric, "classes": list(found.names), "scenarios": scenarios}
