"""One way to measure any entry that `reproduce` knows: a table or figure of a paper, or a series of the suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.papers.reproduce.presenting import Reproduction, present
from benchmark.papers.reproduce.series import SERIES, prepare_series, present_series
from benchmark.papers.reproduce.setup import prepare_item
from benchmark.study.plan import Plan


@dataclass(frozen=True)
class Prepared:
    """Studies of an entry, and its tables and figures.

    Attributes:
        plans: Resolved studies; empty if nothing is trained.
        present: Writes the tables and figures of the runs in a folder, without running anything.
    """

    plans: tuple[Plan, ...]
    present: Callable[[Path], Reproduction]


def prepare(name: str, **given: Any) -> Prepared:
    """Resolve the studies of an entry; nothing is trained.

    Args:
        name: One of `sentibench reproduce list`.
        given: Arguments of `prepare_item`.

    Raises:
        InputError: for an unknown name, wrong arguments, or data that are not available.
    """
    if name in SERIES:
        plans = prepare_series(name, **given)
        return Prepared(tuple(plans), lambda out: present_series(name, plans, out))
    setup = prepare_item(name, **given)
    return Prepared((setup.plan,) if setup.plan else (), lambda out: present(setup, out))
