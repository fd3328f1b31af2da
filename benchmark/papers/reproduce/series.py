"""Comparisons of models of the suite: committed studies of a question, and paired tests of one model and the others.

>>> plans = prepare_series("gaps", seeds=1, epochs=2)
>>> tables = present_series("gaps", plans, Path("results/runs"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.evaluation.statistics import DRAWS
from benchmark.files import replace_text
from benchmark.papers.reported.files import shipped_folder
from benchmark.papers.reproduce.presenting import Reproduction, missing_runs
from benchmark.results.from_runs import panels
from benchmark.results.study_results import StudyResults
from benchmark.study.filing import read_study
from benchmark.study.plan import Plan, prepare
from benchmark.tables.leaderboard import leaderboard_table
from benchmark.tables.pairs import pairs_table
from benchmark.tables.table import Table
from protocols import InputError


@dataclass(frozen=True)
class Series:
    """Comparison of a model with others in several studies, the files `results/studies/NAME*.yaml`.

    Attributes:
        shows: Content, one line.
        against: Model that all others are compared with.
    """

    shows: str
    against: str


#: Comparisons by name.
SERIES: Mapping[str, Series] = {
    "gaps": Series("Senti-iFusion where gaps show, and where they do not", "senti-ifusion"),
}


def prepare_series(
    name: str,
    *,
    dataset: str | None = None,
    models: Sequence[str] = (),
    seeds: int | Sequence[int] | None = None,
    epochs: int | None = None,
    plugins: Sequence[str] = (),
) -> list[Plan]:
    """Resolve the studies of a series; arguments replace their fields, as those of `prepare_item`.

    Raises:
        InputError: if a file of the series is missing or wrong.
    """
    files = sorted(shipped_folder("studies", f"{name}.yaml").glob(f"{name}*.yaml"))
    given: dict[str, Any] = {"datasets": [dataset] if dataset else [], "models": list(models), "plugins": list(plugins)}
    given |= {"seeds": seeds, "optimisation": {"epochs": epochs} if epochs is not None else None}
    fields = {key: value for key, value in given.items() if value}
    return [prepare(read_study(str(file), {**fields, "name": f"reproduce-{file.stem}"})) for file in files]


def present_series(name: str, plans: Sequence[Plan], root: Path, *, draws: int = DRAWS) -> Reproduction:
    """Write leaderboards and paired differences of a series to `root/studies/reproduce-NAME`; nothing is run.

    Raises:
        InputError: if a file cannot be written.
    """
    against = SERIES[name].against
    tables: list[Table] = []
    for plan in plans:
        for results in StudyResults(plan.study.name, tuple(panels(plan, root)), plan, root).by_protocol(draws=draws):
            tables.append(leaderboard_table(results))
            try:
                tables.append(pairs_table(results, against=against, at_once=True))
            except InputError:  # one model only, or not yet the one that others are compared with
                continue
    place = root / "studies" / f"reproduce-{name}"
    place.mkdir(parents=True, exist_ok=True)
    files = [replace_text(place / "reproduced.md", "\n".join(table.markdown() for table in tables))]
    notes = [note for plan in plans for note in missing_runs(plan, root)]
    return Reproduction(tuple(tables), tuple(tables), tuple(files), tuple(notes))
