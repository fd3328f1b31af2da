"""Lowest plausible test MAE on well-known data: half of the lowest published one.

Data are recognised by the sha256 of their source file, never by their name; other data have no bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.evaluation.panel import Bound

#: Lowest MAE in `results/reported` with nothing missing, and its paper, by the first word of the titles in `OFFICIAL`.
_LOWEST = {
    "MOSI": (0.657, "SemMSA"),
    "MOSEI": (0.516, "SemMSA"),
    "SIMS": (0.408, "SemMSA"),
}


def mae_bound(source_sha256: str) -> Bound | None:
    """Return the bound for data from the source file with this sha256; None for an unknown file."""
    from benchmark.data.importers.meaning import OFFICIAL  # and all importers with it
    from benchmark.evaluation.panel import Bound  # and the statistics, which workers do without

    published = OFFICIAL.get(source_sha256)
    known = _LOWEST.get(published.title.partition(" ")[0]) if published else None
    if known is None:
        return None
    value, paper = known
    return Bound(value / 2, f"half of the lowest published MAE of these data, {value:g} ({paper})")
