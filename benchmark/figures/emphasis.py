"""Models that a figure of many models shows in full: all of a few, else the ones that readers compare with."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.evaluation.panel import TOLD
from benchmark.evaluation.protocol_results import ORACLE
from protocols import unknown_name

#: Models that every figure of many models keeps: the paper's model, the floor, the ceiling, and the simple ones.
KEPT = ("senti-ifusion", "constant", "text-only", "audio-only", "vision-only", "late-fusion-dropout", ORACLE)


def emphasised(
    order: Sequence[str], models: Sequence[str] | None = None, *, limit: int = 10, keep: Sequence[str] = KEPT
) -> list[str]:
    """Return the models to show in full, in the given order; one that is told where its gaps are, with those of `keep`.

    Args:
        order: All models, best first.
        models: The reader's choice; by default all if they are at most `limit`, else the best, those of `keep`, and
            the next best.
        limit: Number of models shown by default.
        keep: Names that are included if they have results.

    Raises:
        InputError: for a chosen model without results.
    """
    for name in models or ():
        if name not in order:
            raise unknown_name("model of the figure", name, order)
    if models:
        return [name for name in order if name in models]
    if len(order) <= limit:
        return list(order)
    models_only = [name for name in order if not name.endswith(TOLD)]
    kept = [name for name in keep if name in order]
    best = [name for name in models_only if name != ORACLE][:1]  # the best is always included
    kept = list(dict.fromkeys([*best, *kept]))[:limit]
    others = [name for name in models_only if name not in kept][: limit - len(kept)]
    return [name for name in order if name.removesuffix(TOLD) in kept or name in others]
