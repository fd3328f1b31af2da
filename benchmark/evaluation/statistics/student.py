"""Student's t distribution with any number of degrees of freedom; NumPy has none, and scipy is not a dependency."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from benchmark.evaluation.statistics.resampling import FloatArray

#: More degrees of freedom than these count as these (p is off by less than 1 % at |t| = 4).
_MOST = 10_000.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(128)


def two_sided_p(t: npt.ArrayLike, df: npt.ArrayLike) -> FloatArray:
    """Probability of a value at least as far from 0 as `t`; both arguments broadcast, df is at least 1.

    With t = sqrt(df) / tan(a), it is the integral of sin^(df - 1) from 0 to a, divided by that from 0 to pi / 2.
    """
    distance, freedom = np.broadcast_arrays(np.abs(np.asarray(t, dtype=np.float64)), np.asarray(df, dtype=np.float64))
    known = np.minimum(freedom, _MOST)
    angle = np.arctan2(np.sqrt(known), distance)
    result: FloatArray = np.asarray(_integral(angle, known) / _integral(np.full_like(known, np.pi / 2), known))
    return result


def t_quantile(level: float, df: npt.ArrayLike) -> FloatArray:
    """The t that is exceeded in size with probability `1 - level`, such as 1.96 for 0.95 and infinite `df`."""
    freedom = np.minimum(np.asarray(df, dtype=np.float64), _MOST)
    t = np.full(freedom.shape, NormalDist().inv_cdf((1 + level) / 2))
    whole = _integral(np.full_like(freedom, np.pi / 2), freedom)
    for _ in range(60):  # Newton from below: the probability is concave in t, so that no step goes too far
        missing = _integral(np.arctan2(np.sqrt(freedom), t), freedom) / whole - (1 - level)
        t = t + missing * whole * np.sqrt(freedom) * (1 + t * t / freedom) ** ((freedom + 1) / 2)
        if (np.abs(missing) < 1e-12).all():
            break
    return np.asarray(t)


def _integral(angle: FloatArray, df: FloatArray) -> FloatArray:
    """Of sin^(df - 1) from 0 to `angle`; squared nodes take the root out of the integrand at 0."""
    nodes = (1 + _NODES) / 2
    at = angle[..., None] * nodes * nodes
    with np.errstate(under="ignore"):
        heights = np.sin(at) ** (df[..., None] - 1)
    result: FloatArray = (heights * nodes) @ _WEIGHTS * angle
    return result
