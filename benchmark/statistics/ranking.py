"""The order of a table: shared ranks, and the models that cannot be told from the best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmark.metrics import METRICS
from benchmark.statistics.comparison import compare, holm, share_ahead
from benchmark.statistics.resampling import SEEDS_FOR_ORDER, Estimates


def ranks(
    estimates: Mapping[str, Estimates], metric: str, scenarios: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Models from best to worst with shared ranks.

    The best model of a rank is compared with every model after it (`compare`, p corrected by Holm over these); the
    first one that can be told from it opens the next rank. Comparing with the best, not the neighbour, keeps a chain
    of small steps from putting clearly different models on one rank. Models with fewer than three seeds have no rank
    (NaN), models with a hole come last and have no value.

    Returns:
        One row a model: `model`, `value`, `rank` (float; as in sport, 1, 2, 2, 4), `ahead_of_next`: share
        of the draws in which the model is better than the next row that has a value (`ahead` of `compare`).
    """
    known, values, order = _ordered(estimates, metric, scenarios)
    place = dict.fromkeys(order, np.nan)
    rest = [m for m in order if len(known[m].seeds) >= SEEDS_FOR_ORDER and np.isfinite(values[m])]
    rank = 1
    while rest:
        apart = _apart(known, rest, metric, scenarios, level)
        shared = next((i for i, model in enumerate(rest) if model in apart), len(rest))
        place |= dict.fromkeys(rest[:shared], float(rank))
        rank, rest = rank + shared, rest[shared:]
    next_of = dict(itertools.pairwise(order))
    rows: list[dict[str, object]] = []
    for model in order:
        ahead = np.nan
        if model in next_of:
            ahead = share_ahead(known[model], known[next_of[model]], metric, scenarios)
        rows.append({"model": model, "value": values[model], "rank": place[model], "ahead_of_next": ahead})
    nothing = {"value": np.nan, "rank": np.nan, "ahead_of_next": np.nan}
    rows += [{"model": m, **nothing} for m in estimates if m not in known]
    return pd.DataFrame(rows, columns=["model", "value", "rank", "ahead_of_next"])


def tied_with_best(
    estimates: Mapping[str, Estimates], metric: str, scenarios: Sequence[str], *, level: float = 0.95
) -> frozenset[str]:
    """The best model and those after it up to the first that can be told from it: what a table prints in bold.

    Every model is compared with the best by `compare`, and p is corrected by Holm over these comparisons: this is the
    first rank of `ranks`. A model behind one that can be told from the best is never in the set, even where its own
    comparison is too uncertain to say so. A model with a hole, or whose value is not defined, never is either.

    Models with fewer than three seeds support no claim of order: where others have three or more, the best is the best
    of those, and the rest stays out of the set even when a printed value looks better. Where no model has three, the
    set is the one best printed value, and the table must say that nothing was told apart. Rows that do not compete
    (an oracle, published numbers) have to be left out of `estimates` beforehand.

    Args:
        estimates: From one call of `resample`.
        metric: Name.
        scenarios: Those whose mean is compared.
        level: 1 minus the share of false claims.

    Returns:
        Names of models; empty when no model has a value.
    """
    known, values, order = _ordered(estimates, metric, scenarios)
    contestants = [m for m in order if np.isfinite(values[m])]
    if not contestants:
        return frozenset()
    with_order = [m for m in contestants if len(known[m].seeds) >= SEEDS_FOR_ORDER]
    if not with_order:
        return frozenset(contestants[:1])
    apart = _apart(known, with_order, metric, scenarios, level)
    return frozenset(itertools.takewhile(lambda model: model not in apart, with_order))


def _ordered(
    estimates: Mapping[str, Estimates], metric: str, scenarios: Sequence[str]
) -> tuple[dict[str, Estimates], dict[str, float], list[str]]:
    """Models without holes, their values, and their names from best to worst (by name where equal, NaN last)."""
    known = {m: e for m, e in estimates.items() if not e.holes(scenarios)}
    values = {m: float(e.curve(metric, scenarios).mean()) for m, e in known.items()}
    sign = -1.0 if METRICS[metric].higher_is_better else 1.0
    return known, values, sorted(known, key=lambda m: (bool(np.isnan(values[m])), sign * values[m], m))


def _apart(
    estimates: Mapping[str, Estimates], names: Sequence[str], metric: str, scenarios: Sequence[str], level: float
) -> frozenset[str]:
    """Those of `names` that can be told from the first of them."""
    first, others = names[0], names[1:]
    p = holm([compare(estimates[first], estimates[m], metric, scenarios, level=level)["p"] for m in others])
    return frozenset(m for m, value in zip(others, p, strict=True) if value <= 1 - level)
