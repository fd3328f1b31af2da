"""Confusion matrices of a classified sentiment, such as the seven classes of Acc-7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import scale_of
from benchmark.evaluation.panel import Panel
from protocols import InputError, leaves_everything, unknown_name

CONFUSION_COLUMNS = (
    "model",
    "metric",
    "scenario",
    "true",
    "predicted",
    "samples",
    "share",
    "accuracy",
    "seeds",
    "mask_informed",
)
#: Names of classes that are not numbers, by metric.
_NAMES = {
    "acc5_sims": ("negative", "weakly negative", "neutral", "weakly positive", "positive"),
    "acc3_sims": ("negative", "neutral", "positive"),
}


def class_metrics(label_range: tuple[float, float]) -> tuple[str, ...]:
    """Return the metrics that have a confusion matrix of more than two classes, the finest first.

    Raises:
        InputError: for a label range without classes.
    """
    classes = tuple(scale_of(label_range).classes)
    if not classes:
        low, high = label_range
        raise InputError(f"labels from {low:g} to {high:g} have no classes; map them at import with --map-labels -3 3")
    return classes


@dataclass(frozen=True)
class Confusions:
    """Confusion matrices of models, seeds pooled.

    Attributes:
        metric: Metric of these classes.
        names: Names of the K classes, from most negative to most positive.
        counts: `(K, K)` samples by true, then predicted class; by scenario and model.
    """

    metric: str
    names: tuple[str, ...]
    counts: Mapping[tuple[str, str], npt.NDArray[np.int64]]


def confusions(panel: Panel, scenarios: Sequence[str], metric: str | None = None) -> Confusions:
    """Count true and predicted classes of all models under some scenarios.

    Args:
        panel: Predictions.
        scenarios: As in `Panel.cells`.
        metric: One of `class_metrics`; default: the finest.

    Raises:
        InputError: for an unknown metric, or labels without classes.
    """
    metrics = class_metrics(panel.label_range)
    name = metric or metrics[0]
    if name not in metrics:
        raise unknown_name(f"metric with classes of label range {panel.label_range}", name, metrics)
    bins = scale_of(panel.label_range).classes[name]
    limit = int(panel.label_range[1])
    codes = np.unique(bins(np.linspace(-limit, limit, 8 * limit + 401)))
    names = _NAMES.get(name) or tuple(f"{code:+g}" if code else "0" for code in codes)
    rows = np.flatnonzero(panel.cells["scenario"].isin(list(scenarios)).to_numpy(dtype=np.bool_))
    chosen = panel.cells.iloc[rows]
    keys = list(zip(chosen["scenario"].astype(str), chosen["model"].astype(str), strict=True))
    place = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    group = np.array([place[key] for key in keys], dtype=np.int64)[:, None]
    true, said = (np.searchsorted(codes, bins(values)) for values in (panel.label, panel.predictions[rows]))
    k = len(codes)
    counts = np.bincount(((group * k + true) * k + said).ravel(), minlength=len(place) * k * k).reshape(-1, k, k)
    return Confusions(name, names, {key: counts[i] for key, i in place.items()})


def confusion_data(panel: Panel, scenario: str | None = None, metric: str | None = None) -> pd.DataFrame:
    """Compute the predicted classes of each true class, seeds pooled.

    Args:
        panel: Predictions.
        scenario: As in `Panel.cells`; default: `complete` or the like, else the first one.
        metric: One of `class_metrics`; default: the finest.

    Returns:
        One row per (model, true class, predicted class), models with the highest accuracy first: `model`, `metric`,
        `scenario`, `true`, `predicted` (names of classes, from most negative to most positive), `samples` (all seeds
        together), `share` (of the true class, NaN where it is empty), `accuracy` (of the model), `seeds`,
        `mask_informed`.

    Raises:
        InputError: for a scenario or metric without results, or labels without classes.
    """
    known = [str(s) for s in dict.fromkeys(panel.cells["scenario"])]
    chosen = scenario or min(known, key=lambda name: (name != "complete", not leaves_everything(name)))
    if chosen not in known:
        raise unknown_name("scenario that was evaluated", chosen, known)
    here = panel.cells[panel.cells["scenario"] == chosen]
    found = confusions(panel, [chosen], metric)
    rows: list[dict[str, object]] = []
    for model in map(str, dict.fromkeys(here["model"])):
        counts = found.counts[chosen, model]
        common = {
            "model": model,
            "metric": found.metric,
            "scenario": chosen,
            "accuracy": float(np.trace(counts) / counts.sum()),
            "seeds": int(here.loc[here["model"] == model, "seed"].nunique()),
            "mask_informed": model in panel.mask_informed,
        }
        for i, true in enumerate(found.names):
            total = counts[i].sum()
            for j, predicted in enumerate(found.names):
                share = counts[i, j] / total if total else np.nan
                rows.append(
                    {**common, "true": true, "predicted": predicted, "samples": int(counts[i, j]), "share": share}
                )
    table = pd.DataFrame(rows, columns=list(CONFUSION_COLUMNS))
    return table.sort_values("accuracy", ascending=False, kind="stable").reset_index(drop=True)
