"""Aggregates of the values along a protocol's axis, as functions of arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.statistics.resampling import FloatArray
from protocols import InputError


def auilc(x: npt.ArrayLike, values: npt.ArrayLike) -> FloatArray:
    """Compute the area under `values (..., J)` over rates `x (J,)` by the trapezoid, divided by the axis' length."""
    rates, curve = np.asarray(x, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if rates.ndim != 1 or len(rates) < 2 or curve.shape[-1] != len(rates) or len(np.unique(rates)) != len(rates):
        raise InputError(f"x has shape {rates.shape}, expected at least 2 different rates for values {curve.shape}")
    order = np.argsort(rates)
    widths, heights = np.diff(rates[order]), curve[..., order]
    area: FloatArray = ((heights[..., 1:] + heights[..., :-1]) / 2 * widths).sum(axis=-1)
    return np.asarray(area / widths.sum())


def retention(values: npt.ArrayLike, complete: npt.ArrayLike) -> FloatArray:
    """Divide a value (at a rate, or a mean over rates) by the value with nothing missing; NaN where that is 0.

    The retention of a mean over rates is the mean of the retentions at each rate.
    """
    return _quotient(np.asarray(values, dtype=np.float64), np.asarray(complete, dtype=np.float64))


def skill(values: npt.ArrayLike, constant: npt.ArrayLike, metric: str) -> FloatArray:
    """Compute the share of the way from the constant predictor (0) to perfection (1); negative if worse."""
    start = np.asarray(constant, dtype=np.float64)
    return _quotient(np.asarray(values, dtype=np.float64) - start, METRICS[metric].perfect - start)


def worst(values: npt.ArrayLike, metric: str) -> FloatArray:
    """Return the worst of `values (..., J)`."""
    curve = np.asarray(values, dtype=np.float64)
    return np.asarray(curve.min(axis=-1) if METRICS[metric].higher_is_better else curve.max(axis=-1))


def relative_error(errors: npt.ArrayLike, baseline: npt.ArrayLike) -> FloatArray:
    """Average error over the baseline's error over scenarios, both `(..., J)` (the mCE of corruption benchmarks)."""
    quotient = _quotient(np.asarray(errors, dtype=np.float64), np.asarray(baseline, dtype=np.float64))
    return np.asarray(quotient.mean(axis=-1))


def _quotient(above: FloatArray, below: FloatArray) -> FloatArray:
    result: FloatArray = np.where(below != 0, above / np.where(below != 0, below, 1.0), np.nan)
    return result + 0.0  # no -0
