"""Implausible models: better than the best possible prediction, or than a bound declared with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmark.evaluation.panel import Bound
from benchmark.evaluation.statistics import Estimates, compare, confidence_intervals
from benchmark.evaluation.statistics.comparison import holm

_ADVICE = "check for leaks of test labels"


def implausible(
    estimates: Mapping[str, Estimates],
    oracle: str,
    bound: Bound | None,
    scenarios: Sequence[str],
    *,
    level: float = 0.95,
) -> dict[str, str]:
    """Find models whose mean MAE is significantly below the possible, and describe each.

    Each is compared with the oracle in pairs, on their common scenarios, by `compare`, with Holm's correction
    over the models. With a bound, the upper end of the model's interval is below it.

    Args:
        estimates: Estimates by model, on the draws of one call of `resample`; with the oracle if there is one.
        oracle: Name of the best possible prediction.
        bound: MAE that no model is believed to reach; None if none is known.
        scenarios: Texts of scenarios.
        level: Confidence level of the interval and of the comparisons.
    """
    found: dict[str, str] = {}
    best = estimates.get(oracle)
    models = [own for name, own in estimates.items() if name != oracle and "mae" in own.metrics]
    if best is not None:
        known = [s for s in scenarios if not best.holes([s])]
        against = [(own, [s for s in known if not own.holes([s])]) for own in models]
        compared = [(own.model, compare(own, best, "mae", shared, level=level)) for own, shared in against if shared]
        corrected = holm(np.array([float(one["p"]) for _, one in compared]))
        for (model, one), p in zip(compared, corrected, strict=True):
            if float(one["difference"]) < 0 and p < 1 - level:
                found[model] = f"better than the best possible prediction, beyond chance: {_ADVICE}"
    if bound is not None:
        for own in models:
            there = [s for s in scenarios if not own.holes([s])]
            if not there:
                continue
            rows = confidence_intervals({own.model: own}, {"mean": there}, level=level)
            high = rows.loc[rows["metric"] == "mae", "high"].to_numpy(dtype=np.float64)
            if (high < bound.mae).any():
                found[own.model] = f"MAE below {bound.mae:.3g}, beyond chance, {bound.source}: {_ADVICE}"
    return found
