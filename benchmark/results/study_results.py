"""Results of a study as one object: opened once, read once, resampled once.

>>> results = find_results("demo", Path("demo"))
>>> results.select(models=["lnln", "senti-ifusion"], protocols=["inter-drop"]).to_frame()
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from shlex import quote

import numpy as np
import pandas as pd

from benchmark.data.reference import Reference
from benchmark.evaluation.panel import Panel
from benchmark.evaluation.protocol_results import ProtocolResults, protocol_names, protocols_called
from benchmark.evaluation.statistics import DRAWS, confidence_intervals
from benchmark.results.statements import Diagnostics, read_diagnostics
from benchmark.results.test_oracle import optimism_panels
from benchmark.runs.record import EPOCHS, RunRecord
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import RunStore
from benchmark.study.filing import study_folder
from benchmark.study.plan import Plan
from benchmark.words import plural
from protocols import Displayed, InputError, unknown_name

#: Columns of `StudyResults.to_frame`; stable from version 0.2 on, new ones are added at the end.
COLUMNS = (
    "dataset", "split", "regime", "model", "seed", "protocol", "scenario", "axis", "x", "axis2", "y", "metric",
    "value", "low", "high", "n",
)  # fmt: skip


#: Columns of `StudyResults.predictions`; stable as `COLUMNS`.
PREDICTION_COLUMNS = (
    "dataset", "split", "regime", "model", "seed", "scenario", "sample_id", "video_id", "label", "prediction",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class StudyResults(Displayed):
    """Results of a study: panels of predictions, and everything computed from them.

    Attributes:
        name: Name of the study.
        panels: One panel per data set and split, in the order of the study.
        plan: The resolved study; None if only panels are known, as for a published folder.
        root: Folder of the run store; None in the same case.
    """

    name: str
    panels: tuple[Panel, ...]
    plan: Plan | None = None
    root: Path | None = None
    _oracles: dict[tuple[str, str | None], list[tuple[Panel, dict[str, Panel]]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __repr__(self) -> str:
        data = ", ".join(self.datasets)
        models, protocols = plural(len(self.models), "model"), plural(len(self.protocols), "protocol")
        return f"<results of study '{self.name}': {models} under {protocols} on {data}>"

    def facts(self) -> tuple[str, Mapping[str, object]]:
        """Return names of data sets, models and protocols."""
        facts = {"data sets": self.datasets, "models": self.models, "protocols": self.protocols}
        return f"results of study '{self.name}'", {name: ", ".join(names) for name, names in facts.items()}

    @property
    def datasets(self) -> tuple[str, ...]:
        """Data sets with their splits, such as `mosi/official`."""
        return tuple(f"{panel.dataset}/{panel.split}" for panel in self.panels)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the rows that have any result."""
        return tuple(dict.fromkeys(m for panel in self.panels for m in panel.models))

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of the protocols of the study."""
        return tuple(dict.fromkeys(name for panel in self.panels for name in protocol_names(panel)))

    @property
    def folder(self) -> Path:
        """Folder of the tables and figures of the study.

        Raises:
            InputError: if only panels are known.
        """
        if self.plan is None or self.root is None:
            raise InputError(f"study '{self.name}': not from a run store; name a folder for the files (`plot --into`)")
        return study_folder(self.plan.study, self.root)

    def select(
        self, *, datasets: Sequence[str] = (), models: Sequence[str] = (), protocols: Sequence[str] = ()
    ) -> StudyResults:
        """Return the results restricted to some data sets, models and protocols (none given: all).

        Raises:
            InputError: for a name that the study does not have.
        """
        data = _named("data set of the study", datasets, self.datasets, _data_called)
        rows = _named("model of the study", models, self.models)
        plans = _named("protocol of the study", protocols, self.protocols, protocols_called)
        chosen = (panel for panel, title in zip(self.panels, self.datasets, strict=True) if title in data)
        kept = (_restricted(panel, rows, plans) for panel in chosen)
        return StudyResults(self.name, tuple(panel for panel in kept if len(panel.cells)), self.plan, self.root)

    def by_protocol(self, *, draws: int = DRAWS, level: float = 0.95) -> Iterator[ProtocolResults]:
        """Return the results of every protocol of every data set under which anything was evaluated."""
        for panel in self.panels:
            yield from self.protocols_of(panel, draws=draws, level=level)

    def protocols_of(self, panel: Panel, *, draws: int = DRAWS, level: float = 0.95) -> Iterator[ProtocolResults]:
        """Return the results of every protocol of one of the `panels` under which anything was evaluated."""
        for protocol in protocol_names(panel):
            found = ProtocolResults.of(
                panel,
                protocol,
                draws=draws,
                level=level,
                add_models=self.add_models,
                test_oracle=partial(self._oracle, panel, protocol),
            )
            if set(found.scenarios) & set(panel.cells["scenario"]):
                yield found

    def to_frame(
        self,
        metrics: Sequence[str] | None = None,
        *,
        by_seed: bool = True,
        draws: int = DRAWS,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Return one row per data set, model, seed, protocol, scenario and metric.

        Args:
            metrics: Names of metrics; default: all of each data set.
            by_seed: True for a row per seed, with an interval over videos; else one row for all seeds (`seed` is
                missing), with an interval over videos and seeds.
            draws: Number of bootstrap draws behind the intervals.
            level: Confidence level of the intervals.

        Returns:
            `COLUMNS`: `dataset`, `split`, `regime`, `model`, `seed`, `protocol`, `scenario`; position of the scenario
                on
            the protocol's axes (`axis`, `x`, `axis2`, `y`; empty and NaN without one); `metric`, `value` (shares
            between 0 and 1, not per cent; NaN if a seed is missing), `low`, `high` (NaN without an interval),
            `n` (number of test samples).

        Raises:
            InputError: for a metric that a data set does not have.
        """
        frames = [_frame(panel, metrics, by_seed=by_seed, draws=draws, level=level) for panel in self.panels]
        return pd.concat(frames, ignore_index=True)[list(COLUMNS)]

    def predictions(self) -> pd.DataFrame:
        """Return one row per data set, model, seed, scenario and test sample.

        Returns:
            `PREDICTION_COLUMNS`: `dataset`, `split`, `regime`, `model`, `seed`, `scenario`, `sample_id`, `video_id`,
            `label` and `prediction`.
        """
        frames = []
        for panel in self.panels:
            cells, n = len(panel.cells), len(panel.label)
            table = panel.cells[["model", "seed", "scenario"]].iloc[np.repeat(np.arange(cells), n)]
            samples = {"sample_id": panel.sample_ids, "video_id": panel.video_ids, "label": panel.label}
            table = table.assign(**{name: np.tile(column, cells) for name, column in samples.items()})
            table = table.assign(prediction=panel.predictions.ravel())
            frames.append(table.assign(dataset=panel.dataset, split=panel.split, regime=panel.regime))
        return pd.concat(frames, ignore_index=True)[list(PREDICTION_COLUMNS)]

    @cached_property
    def statements(self) -> list[Diagnostics]:
        """Diagnostics that models predict: estimated integrity and dominant modality; read on first use."""
        if self.plan is None or self.root is None:
            return []
        return read_diagnostics(self.plan, self.root)

    @cached_property
    def records(self) -> dict[str, RunRecord]:
        """Stored records of the study's runs, by id."""
        return {record.id: record for record in self.records_of(self._specs)}

    def records_of(self, ids: Iterable[str]) -> list[RunRecord]:
        """Read the stored records of some of the study's runs."""
        if self.root is None:
            return []
        store = RunStore(self.root)
        found = (store.find(self._specs[run]) for run in ids if run in self._specs)
        return [record for record in found if record is not None]

    @property
    def has_epochs(self) -> bool:
        """True if a run of the study has predictions of every epoch, from which `test_oracle` chooses."""
        if self.root is None:
            return False
        store = RunStore(self.root)
        return any((store.folder(spec) / EPOCHS).is_file() for spec in self._specs.values())

    @cached_property
    def _specs(self) -> dict[str, RunSpec]:
        return {run.spec.id: run.spec for run in self.plan.runs} if self.plan else {}

    def test_oracle(self, protocol: str, *, at: str | None = None) -> list[tuple[Panel, dict[str, Panel]]]:
        """Return, by data set, the results and, by metric, those of epochs chosen on the test set (not results).

        Args:
            protocol: Name of the protocol.
            at: Choose epochs at this point of the protocol only; see `optimism_panels`.
        """
        if (protocol, at) not in self._oracles:
            if self.plan is None or self.root is None:
                return []
            self._oracles[protocol, at] = optimism_panels(self.plan, self.root, protocol, at=at)
        return self._oracles[protocol, at]

    def add_test_oracle(self, protocol: str, panel: Panel, chosen: dict[str, Panel]) -> None:
        """Add what `test_oracle` returns for one data set, for results that are not from a run store."""
        self._oracles.setdefault((protocol, None), []).append((panel, chosen))

    def _oracle(self, panel: Panel, protocol: str, at: str | None) -> Mapping[str, Panel]:
        for honest, chosen in self.test_oracle(protocol, at=at):
            if (honest.dataset, honest.split) == (panel.dataset, panel.split):
                return chosen
        return {}

    def add_models(self, models: Sequence[str], everyone: Sequence[str]) -> str:
        """Describe how to add models to this study: by a command, or in its file if entries have settings."""
        if any(panel.external for panel in self.panels):
            return "evaluating the predictions `--beside STUDY`, a study that has them"
        if self.plan is None or self.root is None:
            return f"`sentibench run study.yaml --models {','.join((*everyone, *models))}`"
        study = self.plan.study
        file = quote(str(study_folder(study, self.root) / "study.yaml"))
        out = f"--out {quote(str(self.root))}"
        if not models:
            return f"`sentibench run {file} {out}`"
        if not any(entry.config or entry.label for entry in study.models):
            names = ",".join((*(entry.name for entry in study.models), *models))
            return f"`sentibench run {file} --models {names} {out}`"
        return f"naming {'it' if len(models) == 1 else 'them'} in {file} and `sentibench run {file} {out}`"


def _named(
    what: str,
    wanted: Sequence[str],
    known: Sequence[str],
    called: Callable[[str, Sequence[str]], list[str]] = lambda name, known: [name] if name in known else [],
) -> Collection[str]:
    """The known names that are wanted, in full or in short; all where none is."""
    chosen: list[str] = []
    for name in wanted:
        found = called(name, known)
        if not found:
            raise unknown_name(what, name, known)
        chosen += found
    return chosen if wanted else known


def _data_called(name: str, known: Sequence[str]) -> list[str]:
    return [full for full in known if name in (full, Reference.parse(full).name)]


def _restricted(panel: Panel, models: Collection[str], protocols: Collection[str]) -> Panel:
    points = panel.points[panel.points["protocol"].isin(protocols)].reset_index(drop=True)
    rows = panel.cells["model"].isin(models) & panel.cells["scenario"].isin(points["scenario"])
    if rows.all() and len(points) == len(panel.points):
        return panel  # keeps its draws
    own: Mapping[str, str] = {model: text for model, text in panel.settings.items() if model in models}
    return replace(
        panel,
        cells=panel.cells[rows].reset_index(drop=True),
        predictions=panel.predictions[rows.to_numpy()],
        points=points,
        runs=panel.runs[panel.runs["model"].isin(models)].reset_index(drop=True),
        missing=tuple(gap for gap in panel.missing if gap.model in models),
        settings=own,
    )


def _frame(panel: Panel, metrics: Sequence[str] | None, *, by_seed: bool, draws: int, level: float) -> pd.DataFrame:
    chosen = None if metrics is None else panel.check_metrics(metrics)
    cells = panel.cells.assign(row=panel.cells["model"])
    if by_seed:  # resample every training as a model of one seed
        cells["row"] = cells["model"] + "\n" + cells["seed"].astype(str)
    source = (
        panel if not by_seed else replace(panel, cells=cells.assign(model=cells["row"])[["model", "seed", "scenario"]])
    )
    scenarios = list(dict.fromkeys(panel.points["scenario"]))
    estimates = source.estimates(scenarios, chosen, draws=draws)
    table = confidence_intervals(estimates, {s: (s,) for s in scenarios}, level=level)
    if by_seed:
        table = table[table["flag"] != "hole"]
    names = table["model"].str.partition("\n")
    seeds = names[2] if by_seed else pd.NA
    table = table.assign(model=names[0], seed=pd.Series(seeds, table.index).astype("Int64"))
    places = panel.points[["protocol", "scenario", "axis", "x", "axis2", "y", "order"]]
    table = table.rename(columns={"group": "scenario"}).merge(places, on="scenario")
    models = {model: i for i, model in enumerate(panel.models)}
    protocols = {name: i for i, name in enumerate(protocol_names(panel))}
    keys = {"protocol": protocols, "model": models}
    table = table.sort_values(
        ["protocol", "model", "seed", "order"],
        key=lambda c: c.map(keys[str(c.name)]) if c.name in keys else c,
        kind="stable",
    )
    return table.assign(dataset=panel.dataset, split=panel.split, regime=panel.regime, n=len(panel.label))
