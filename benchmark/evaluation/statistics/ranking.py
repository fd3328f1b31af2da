"""Order of a table: shared ranks, and the models not significantly different from the best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.metrics import METRICS
from benchmark.evaluation.statistics.comparison import contestants, corrected
from benchmark.evaluation.statistics.resampling import SEEDS_FOR_ORDER, Estimates


def ranks(
    estimates: Mapping[str, Estimates],
    metric: str,
    scenarios: Sequence[str],
    *,
    level: float = 0.95,
    p: Mapping[tuple[str, str], float] | None = None,
) -> pd.DataFrame:
    """Rank models from best to worst with shared ranks.

    A rank ends before the first model that differs significantly from one of its models, by p `corrected` for all
    pairs: no two models of a rank differ significantly. Comparing with all models of the rank, not only with its best,
    finds differences that an imprecise best model would hide; and comparing with more than the neighbour keeps a chain
    of small steps from putting clearly different models on one rank. Models with fewer than three seeds have no rank
    (NaN), nor does any model with a single video; models with a hole come last and have no value. `p` is the result of
    `corrected`, if it is known.

    Returns:
        One row per model: `model`, `value`, `rank` (float; as in sport, 1, 2, 2, 4), `p_next`: p of the model and the
        next row, corrected for all pairs (NaN where either has no rank).
    """
    known, values, order = _ordered(estimates, metric, scenarios)
    place = dict.fromkeys(order, np.nan)
    rest = _with_order(known, metric, scenarios, order)
    if not rest:
        p = {}  # no order is claimed
    elif p is None:
        p = corrected(known, metric, scenarios)
    rank = 1
    while rest:
        shared = len(_alike(rest, p, level))
        place |= dict.fromkeys(rest[:shared], float(rank))
        rank, rest = rank + shared, rest[shared:]
    next_of = dict(itertools.pairwise(order))
    rows: list[dict[str, object]] = [
        {"model": m, "value": values[m], "rank": place[m], "p_next": p.get((m, next_of.get(m, "")), np.nan)}
        for m in order
    ]
    rows += [{"model": m, "value": np.nan, "rank": np.nan, "p_next": np.nan} for m in estimates if m not in known]
    return pd.DataFrame(rows, columns=["model", "value", "rank", "p_next"])


def tied_with_best(
    estimates: Mapping[str, Estimates],
    metric: str,
    scenarios: Sequence[str],
    *,
    level: float = 0.95,
    p: Mapping[tuple[str, str], float] | None = None,
) -> frozenset[str]:
    """Return the best model and those after it, up to the first that differs from one of them: the bold of a table.

    This is the first rank of `ranks`. If all models are equal, it contains all of them in about 95 % of studies (see
    `docs/statistics.md`). A model behind one that differs is never in it, even if its own comparisons are too
    uncertain to tell. A model with a hole, or with an undefined value, is never in it either.

    Models with fewer than three seeds support no claim of order: where others have three or more, the best is the best
    of those, and the others stay out of the set even with a better printed value. If no model has three, the
    set is the one best printed value, and the table must say that no order is claimed. With one video there is no
    best. Rows that do not compete (an oracle, published numbers) have to be left out of `estimates` beforehand. `p` is
    the result of `corrected`, if it is known.

    Returns:
        Names of models; empty if no model has a value, or with a single video.
    """
    known, values, order = _ordered(estimates, metric, scenarios)
    valued = [m for m in order if np.isfinite(values[m]) and known[m].videos > 1]
    rest = _with_order(known, metric, scenarios, order)
    if not rest:
        return frozenset(valued[:1])
    return frozenset(_alike(rest, corrected(known, metric, scenarios) if p is None else p, level))


def _with_order(
    known: Mapping[str, Estimates], metric: str, scenarios: Sequence[str], order: Sequence[str]
) -> list[str]:
    """Return the models that have a rank, best first."""
    chosen = set(contestants(known, metric, scenarios))
    return [m for m in order if m in chosen and len(known[m].seeds) >= SEEDS_FOR_ORDER and known[m].videos > 1]


def _alike(order: Sequence[str], p: Mapping[tuple[str, str], float], level: float) -> list[str]:
    """Return the first model and those after it, up to the first that differs from one of them."""
    group: list[str] = []
    for model in order:
        if any(p[other, model] <= 1 - level for other in group):
            break
        group.append(model)
    return group


def _ordered(
    estimates: Mapping[str, Estimates], metric: str, scenarios: Sequence[str]
) -> tuple[dict[str, Estimates], dict[str, float], list[str]]:
    """Return models without holes, their values, and their names from best to worst (by name if equal, NaN last)."""
    known = {m: e for m, e in estimates.items() if not e.holes(scenarios)}
    values = {m: float(e.curve(metric, scenarios).mean()) for m, e in known.items()}
    sign = -1.0 if METRICS[metric].higher_is_better else 1.0
    return known, values, sorted(known, key=lambda m: (bool(np.isnan(values[m])), sign * values[m], m))
