"""Published numbers of `results/reported` below a leaderboard of a study."""

from __future__ import annotations

from dataclasses import replace

from benchmark.data.reference import Reference
from benchmark.papers.below_leaderboards import with_reported
from benchmark.papers.reported import load
from benchmark.papers.reproduce.needs import NEEDS
from benchmark.tables.table import Footnote, Table
from protocols import InputError


def with_published(table: Table, *, dataset: str, published: str, protocol: str) -> Table:
    """Add the published numbers of `results/reported` to a leaderboard; see `with_reported`.

    Args:
        table: Leaderboard of a study.
        dataset: Data set of the study, with or without the split; if it was made from another file than the papers
            used, a footnote says so. A footnote also gives the reason where there can be no published numbers.
        published: Published data set with the same test labels; empty if there is none.
        protocol: Name of the protocol, with or without version.
    """
    need = NEEDS.get(published)
    warning = need.warning(Reference.parse(dataset).name) if need else ""
    try:
        return with_reported(table, load(), dataset=published, protocol=protocol, warning=warning)
    except InputError as error:  # such as a protocol whose plugin is not loaded
        return replace(table, footnotes=(*table.footnotes, Footnote(f"Reported numbers left out: {error}.")))
