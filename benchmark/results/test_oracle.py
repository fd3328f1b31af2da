"""Results of a study if every metric chose its epoch on the test set, to measure optimism; never a result."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from benchmark.evaluation.metrics import METRICS, metric_names, usual_metrics
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import protocols_called
from benchmark.results.candidates import TEST_ORACLE, Candidates
from benchmark.results.from_runs import ValidSelection, make_panel, protocol_table, runs_by_dataset
from benchmark.runs.record import RunRecord
from benchmark.runs.spec import ORACLE
from benchmark.runs.store import RunStore
from benchmark.study.plan import Plan, PlannedRun
from protocols import InputError, Protocol, unknown_name


def optimism_panels(
    plan: Plan,
    root: Path,
    protocol: str | None = None,
    *,
    metrics: Sequence[str] | None = None,
    at: str | None = None,
) -> list[tuple[Panel, dict[str, Panel]]]:
    """Return the results of a study under one protocol, and beside them those of epochs chosen on the test set.

    For each run and metric, the chosen epoch is the one with the best mean of the metric over the protocol's scenarios
    on the run's own test part; folds are pooled afterwards, as for results. The second panels state in `selection` and
    `notes` that they are not results.

    Args:
        plan: The study, run with `optimism`.
        root: Folder of the run store.
        protocol: Name, with or without version; None if the study has only one.
        metrics: Names of metrics; default: the usual ones of the data set.
        at: Choose at this point of the protocol only: the text of a scenario or its place on the axis, such as `0.5`,
            the rate at which LNLN's code chooses.

    Returns:
        For every data set with results, in order: the panel of results, and the other panels by metric, with the
            scenarios
        of this protocol only; none if no epoch has been evaluated.

    Raises:
        InputError: for an unknown protocol, metric or point.
    """
    points = protocol_table([_named(plan, protocol)])
    where = _choose_at(points, at)
    store = RunStore(root)
    results = ValidSelection(plan, store)
    found = []
    for runs in runs_by_dataset(plan).values():
        honest = make_panel(plan, runs, results)
        if honest is None:
            continue
        known = metric_names(honest.label_range)
        for name in metrics or ():
            if name not in known:
                raise unknown_name(f"metric of {honest.dataset}", name, known)
        names = metrics or usual_metrics(honest.label_range)
        contest = [run for run in runs if run.spec.model != ORACLE]
        choices = _Choices(store, names, tuple(points["scenario"]), where, honest.label_range)
        made = {}
        for name in names:
            panel = make_panel(plan, contest, _TestOracle(plan, choices, name, points, where, at is not None))
            if panel is not None:
                made[name] = panel
        found.append((honest, made))
    return found


class _Choices:
    """Return by run the epoch that each metric chooses, and its predictions, reading every run once."""

    def __init__(
        self,
        store: RunStore,
        metrics: Sequence[str],
        scenarios: tuple[str, ...],
        where: tuple[str, ...],
        label_range: tuple[float, float],
    ) -> None:
        self.store, self._metrics, self._scenarios = store, metrics, scenarios
        self._where, self._range = where, label_range
        self._found: dict[str, Mapping[str, tuple[int, pd.DataFrame]]] = {}

    def of(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> Mapping[str, tuple[int, pd.DataFrame]]:
        """Return, by metric, the epoch, and rows of scenarios with a column per sample."""
        if run.spec.id not in self._found:
            table = self.store.epochs(run.spec, self._scenarios)
            try:
                found = Candidates.of(table, samples, record.best_epoch, self._scenarios, self._range)
            except InputError as error:
                raise InputError(f"{run.spec.title}: {error}") from error
            tables: dict[int, pd.DataFrame] = {}
            own = {}
            for metric in self._metrics:
                epoch = found.best(metric, self._where)
                if epoch not in tables:
                    tables[epoch] = pd.DataFrame(
                        found.of_epoch(epoch), index=list(self._scenarios), columns=samples["sample_id"]
                    )
                own[metric] = epoch, tables[epoch]
            self._found[run.spec.id] = own
        return self._found[run.spec.id]


class _TestOracle:
    """Source of predictions: the epoch that one metric chooses on the test set."""

    selection = TEST_ORACLE
    lacking = "epochs not evaluated"

    def __init__(
        self,
        plan: Plan,
        choices: _Choices,
        metric: str,
        points: pd.DataFrame,
        where: tuple[str, ...],
        single: bool,
    ) -> None:
        self.points, self.store = points, choices.store
        self.options = "" if plan.study.optimism else " --optimism"
        self._choices, self._metric = choices, metric
        known = {str(s): s.fingerprint for s in plan.scenarios}
        self._scenarios = {known[s]: s for s in points["scenario"]}
        place = (
            f"under {where[0]} alone" if single else f"by the mean over the scenarios of '{points['protocol'].iloc[0]}'"
        )
        title = METRICS[metric].title
        self.notes: tuple[str, ...] = (
            f"Not a result: selected on the test set, each run's epoch by the best {title} there.",
            f"Epochs are chosen on the test set {place}.",
        )

    def scenarios(self, run: PlannedRun) -> dict[str, str]:
        """Return the scenarios of the protocol."""
        return self._scenarios

    def there(self, record: RunRecord) -> Collection[str]:
        """Return the scenarios under which every epoch was evaluated."""
        return record.tested_epochs.fingerprints if record.tested_epochs else ()

    def read(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> tuple[int, pd.DataFrame]:
        """Return the predictions of the chosen epoch; none if any scenario is missing: the mean is undefined."""
        if set(self._scenarios) - set(self.there(record)):
            return record.best_epoch, pd.DataFrame(columns=samples["sample_id"], dtype="float64")
        return self._choices.of(run, record, samples)[self._metric]

    def told(self, run: PlannedRun, record: RunRecord, samples: pd.DataFrame) -> pd.DataFrame:
        """Return none: no epoch but the chosen one is told anything."""
        return pd.DataFrame()


def _named(plan: Plan, name: str | None) -> Protocol:
    by_name = {p.name: p for p in plan.protocols}
    if name is None:
        if len(by_name) != 1:
            raise InputError(f"protocol not given; the study has {', '.join(by_name)}: choose one")
        return plan.protocols[0]
    full = {str(p): p for p in plan.protocols}
    called = protocols_called(name, list(full))
    if len(called) != 1:
        raise unknown_name("protocol of the study", name, by_name)
    return full[called[0]]


def _choose_at(points: pd.DataFrame, at: str | None) -> tuple[str, ...]:
    """Return the scenarios on which epochs are chosen."""
    scenarios = tuple(str(s) for s in points["scenario"])
    if at is None:
        return scenarios
    ticks = [str(t) for t in points["tick"]]
    try:
        places = [float(at) == x for x in points["x"]]
    except ValueError:
        places = [False] * len(ticks)
    fit = [
        i for i in range(len(ticks)) if at in (scenarios[i], ticks[i]) or (places[i] and not points["axis2"].iloc[i])
    ]
    if len(fit) != 1:
        raise unknown_name(f"point of protocol '{points['protocol'].iloc[0]}'", at, [*filter(None, ticks), *scenarios])
    return (scenarios[fit[0]],)
