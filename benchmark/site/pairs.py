"""Paired differences between all models of a protocol, as in the table `pairs --against all`."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.site.rounding import number
from benchmark.tables.pairs import compare_pairs, difference_cells, whole_models

#: Significant digits, which keep pages of many models small.
_DIGITS = 4
#: Verdicts as numbers: significant, not significant, no claim.
_VERDICTS = {"yes": 1, "no": 0}


def pair_values(results: ProtocolResults, metric: str, models: Sequence[str]) -> list[list[float | None]]:
    """Compare every pair of a list of models.

    Returns:
        One entry per pair (i, j) with i < j, in the order (0, 1), (0, 2), ...: difference i - j of the means over the
        scenarios, half the width of its interval, p corrected for all pairs, and the verdict: 1 significant,
        0 not, None if there is no claim. Empty for a pair with an oracle or a model with a hole.
    """
    whole = set(whole_models(results, metric))
    pairs = [(a, b) for i, a in enumerate(models) for b in models[i + 1 :]]
    known = [pair for pair in pairs if whole.issuperset(pair)]
    if not known:
        return []
    table = compare_pairs(results, metric, known, chosen=False)
    found: dict[tuple[str, str], list[float | None]] = {}
    for pair, row in zip(known, table.to_dict("records"), strict=True):
        verdict = _VERDICTS.get(difference_cells(results, metric, row)["apart"].text)
        reach = number((float(row["high"]) - float(row["low"])) / 2, _DIGITS)
        found[pair] = [number(row["difference"], _DIGITS), reach, number(row["p_corrected"], _DIGITS), verdict]
    return [found.get(pair, []) for pair in pairs]
