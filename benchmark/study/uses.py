"""Studies of a store that use its runs."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from benchmark.study.filing import load_filed
from benchmark.study.plan import prepare
from protocols import InputError


def studies_by_run(root: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Resolve every study of a run store.

    Returns:
        Names of studies by the id of each run that they use; and the reason by the name of each study that cannot be
        resolved, for example as its data set was removed.
    """
    uses: dict[str, list[str]] = defaultdict(list)
    unknown = {}
    for path in sorted(root.glob("studies/*/study.yaml")):
        name = path.parent.name
        try:
            for run in prepare(load_filed(path)).runs:
                uses[run.spec.id].append(name)
        except InputError as error:
            unknown[name] = str(error)
    return dict(uses), unknown
