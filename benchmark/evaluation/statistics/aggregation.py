"""Aggregates of a protocol for every model, with intervals from the shared draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.statistics.formulas import auilc, relative_error, retention, skill, worst
from benchmark.evaluation.statistics.intervals import at_boundary, on_scale, t_interval
from benchmark.evaluation.statistics.precision import Formula, check_level, mean_of_curve, quantity
from benchmark.evaluation.statistics.resampling import Estimates, FloatArray
from protocols import InputError, unknown_name

#: Columns of the table that `aggregates` returns.
COLUMNS = ("model", "aggregate", "value", "low", "high", "flag")

#: Aggregates on the scale of the metric, whose intervals end at the ends of that scale.
_ON_THE_SCALE = ("mean", "auilc", "worst")


def aggregates(
    estimates: Mapping[str, Estimates],
    metric: str,
    scenarios: Sequence[str],
    *,
    x: npt.ArrayLike | None = None,
    complete: str | None = None,
    constant: str | None = None,
    baseline: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Aggregate one metric of every model over a protocol's scenarios.

    Seeds are averaged first, in the values and in every draw, so that an aggregate can be recomputed from a printed
    table. Ratios of two models or two scenarios are taken draw by draw, on the same videos.

    Args:
        estimates: Estimates from one call of `resample`.
        metric: Name of the metric.
        scenarios: J different scenarios.
        x: `(J,)`: rates of the scenarios; needed for `auilc`.
        complete: Scenario with nothing missing; needed for `retention`.
        constant: Model that always predicts the same; needed for `skill`.
        baseline: Model whose error others are divided by; needed for `relative_error`.
        level: Confidence level of the interval.

    Returns:
        Columns `model`, `aggregate`, `value`, `low`, `high`, `flag`, in the order of `estimates`. Aggregates, where
        their argument is given:

        - `mean`: over the scenarios.
        - `auilc`: area under the curve over `x` by the trapezoid, divided by the length of the axis.
        - `worst`: value of the worst scenario, which may be another one in each draw.
        - `retention`: mean over the scenarios divided by the value under `complete`, which is the mean of the
          retentions of the scenarios (itself among them if it is one); above 1 is worse for an error.
        - `skill`: of the mean; 0 for `constant`, 1 for perfect predictions.
        - `relative_error`: mean over the scenarios of error divided by the baseline's error (mCE). Where higher is
          better, the error is the distance from the perfect value: 1 - accuracy.

        `flag` is as in `Estimates.flag`, with `boundary` as in `confidence_intervals`; `hole` (no value) if a
        scenario or seed is missing; `undefined` (no value) for a division by 0; `k of B draws left out`
        if the metric or a quotient is not defined in some draws.

    Raises:
        InputError: for an unknown metric, scenario or model, or `x` that does not fit.
    """
    _check(estimates, metric, scenarios, x, constant, baseline)
    check_level(level)
    recipes = _recipes(metric, scenarios, x, complete, constant, baseline)
    rows: list[dict[str, object]] = []
    for model, own in estimates.items():
        for name, (formula, others) in recipes.items():
            parts = [(own, scenarios), *((estimates[other or model], wanted) for other, wanted in others)]
            row: dict[str, object] = {"model": model, "aggregate": name, "value": np.nan, "low": np.nan, "high": np.nan}
            if any(part.holes(wanted) for part, wanted in parts):
                rows.append({**row, "flag": "hole"})
                continue
            known = quantity(formula, parts, metric)
            if not np.isfinite(known.value):
                rows.append({**row, "flag": "undefined"})
                continue
            scaled = name in _ON_THE_SCALE
            if own.flag != "no interval":
                row["low"], row["high"] = on_scale(known, metric, level) if scaled else t_interval(known, level)
            notes = (
                own.flag,
                "boundary" if scaled and own.flag != "no interval" and at_boundary(known, metric) else "",
                f"{known.lost} of {len(own.draws)} draws left out" if known.lost else "",
            )
            rows.append({**row, "value": known.value, "flag": "; ".join(note for note in notes if note)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _recipes(
    metric: str,
    scenarios: Sequence[str],
    x: npt.ArrayLike | None,
    complete: str | None,
    constant: str | None,
    baseline: str | None,
) -> dict[str, tuple[Formula, tuple[tuple[str | None, Sequence[str]], ...]]]:
    """Return by aggregate a formula of the model's curve and its other inputs: (model, None for itself; scenarios)."""
    recipes: dict[str, tuple[Formula, tuple[tuple[str | None, Sequence[str]], ...]]] = {}
    recipes["mean"] = (mean_of_curve, ())
    if x is not None:
        recipes["auilc"] = (lambda own: auilc(x, own), ())
    recipes["worst"] = (lambda own: worst(own, metric), ())
    if complete is not None:
        recipes["retention"] = (lambda own, whole: retention(own.mean(axis=-1), whole[..., 0]), ((None, (complete,)),))
    if constant is not None:
        recipes["skill"] = (
            lambda own, start: skill(own.mean(axis=-1), start.mean(axis=-1), metric),
            ((constant, scenarios),),
        )
    if baseline is not None:
        recipes["relative_error"] = (
            lambda own, other: relative_error(_errors(own, metric), _errors(other, metric)),
            ((baseline, scenarios),),
        )
    return recipes


def _errors(values: FloatArray, metric: str) -> FloatArray:
    return np.abs(METRICS[metric].perfect - values)


def _check(
    estimates: Mapping[str, Estimates],
    metric: str,
    scenarios: Sequence[str],
    x: npt.ArrayLike | None,
    constant: str | None,
    baseline: str | None,
) -> None:
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if not scenarios:
        raise InputError("scenarios are empty, expected at least one to aggregate")
    for name in (constant, baseline):
        if name is not None and name not in estimates:
            raise unknown_name("model", name, estimates)
    if x is not None and np.shape(x) != (len(scenarios),):
        raise InputError(f"x has shape {np.shape(x)}, expected ({len(scenarios)},), one rate per scenario")
