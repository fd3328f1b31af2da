"""Plan of a study: runs (one training each) and cells (one run under one scenario)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from baselines import load_plugin
from baselines.declaration import Optimisation
from baselines.facts import known_operations, model_info, model_names, model_plugin, model_settings
from benchmark.data.encoder_files import encoder_revision
from benchmark.data.reference import Reference
from benchmark.data.samples import PARTS
from benchmark.data.sources import DatasetHeader, dataset_header, load_samples
from benchmark.data.synthetic import is_synthetic
from benchmark.evaluation.panel import Bound
from benchmark.evaluation.protocol_results import CONSTANT
from benchmark.runs.spec import ORACLE, ORACLE_VERSION, RunSpec
from benchmark.study.study import ModelEntry, Study
from benchmark.words import shortened, trained_and_tested
from protocols import InputError, Protocol, Scenario, get_protocol, get_regime, unknown_name

#: Entry of a study that stands for all models.
ALL = "all"


@dataclass(frozen=True)
class PlannedRun:
    """Run of a plan, with its names.

    Attributes:
        spec: Identity of the run.
        dataset: Name of the data set in the study (with the family of splits): runs of one name are one panel.
        label: Name of the model in tables.
        label_range: Lowest and highest label of the data set, which determine the metrics.
        bound: MAE that no model is believed to reach on the data set; None if none is known.
        videos: Origin of the video ids of the data set, see `Panel.videos`.
        notes: Remarks on the data set for every table.
    """

    spec: RunSpec
    dataset: str
    label: str
    label_range: tuple[float, float] = (-3.0, 3.0)
    bound: Bound | None = None
    videos: str = ""
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Title for readers, unique in its study: `mosi lnln seed 0 split official`."""
        return f"{self.dataset} {self.label} seed {self.spec.seed} split {self.spec.split}"

    @property
    def operations(self) -> int | None:
        """Operations of one prediction at default settings, from which the length of a run is guessed; else None."""
        return 0 if self.spec.model == ORACLE else known_operations(self.spec.model)


@dataclass(frozen=True)
class Plan:
    """Resolved study.

    Attributes:
        study: The study.
        runs: Every training, ordered so that runs that share corrupted samples come together.
        protocols: The protocols in order.
        scenarios: The scenarios of all protocols, each once.
    """

    study: Study
    runs: tuple[PlannedRun, ...]
    protocols: tuple[Protocol, ...]
    scenarios: tuple[Scenario, ...]

    def scenarios_of(self, run: PlannedRun) -> tuple[Scenario, ...]:
        """Return the scenarios of a run; for the oracle, only those in which it is known: `Scenario.ignorable`."""
        if run.spec.model != ORACLE:
            return self.scenarios
        return tuple(s for s in self.scenarios if s.ignorable)

    def shard(self, number: int, count: int) -> Plan:
        """Return one of `count` parts of the plan, for machines that share no work; `number` counts from 1.

        Runs of one model on one data set, which cost about the same, are dealt evenly; those that are hardly trained
        (the constant, the oracle) come last. The parts depend on the plan only.
        """
        order = sorted(
            range(len(self.runs)),
            key=lambda i: (
                self.runs[i].label in (CONSTANT, ORACLE), self.runs[i].dataset, self.runs[i].label, i
            ),
        )  # fmt: skip
        chosen = sorted(order[number - 1 :: count])
        return replace(self, runs=tuple(self.runs[i] for i in chosen))


def plan(study: Study) -> Plan:
    """Resolve names, configs, data and encoder of a study; trains nothing.

    Raises:
        InputError: for anything unknown or misspelt, before anything runs.
    """
    study = _with_all_models(study)
    protocols = tuple(get_protocol(name) for name in study.protocols)
    if len({p.name for p in protocols}) < len(protocols):
        raise InputError("protocols: one is listed twice; list each once")
    scenarios = tuple(dict.fromkeys(s for p in protocols for s in p.scenarios))
    regime = get_regime(study.regime)
    entries = _resolve_models(study)
    runs: list[PlannedRun] = []
    named: dict[tuple[str, ...], str] = {}
    for reference in study.datasets:
        header, splits = resolve_dataset(reference)
        same = (header.fingerprint, *splits)
        if same in named:
            raise InputError(f"datasets: '{named[same]}' and '{reference}' are the same data; list it once")
        named[same] = reference
        encoder = study.encoder if header.text_is_tokens else None
        revision = encoder_revision(encoder.name) if encoder else None
        for entry, _, _ in entries:
            _check_tuned_here(entry, header, splits)
            if encoder is None and model_info(entry.name).needs_encoder:
                raise InputError(
                    f"model '{entry.name}' works inside a text encoder, and the text of '{header.name}' is word "
                    "vectors; leave one of the two out"
                )
        for seed in dict.fromkeys(study.seeds):
            for split in splits:
                shared: dict[str, Any] = {
                    "dataset": header.name,
                    "split": split,
                    "data_sha256": header.fingerprint,
                    "regime": regime.name,
                    "regime_fingerprint": regime.fingerprint,
                    "encoder": encoder,
                    "encoder_revision": revision,
                    "scaling": study.scaling,
                    "seed": seed,
                }
                for entry, version, config in entries:
                    source = model_plugin(entry.name)
                    spec = RunSpec(
                        model=entry.name, model_version=version, config=config, plugin_sha256=source, **shared
                    )
                    of = (header.label_range, header.bound, header.videos, header.notes)
                    runs.append(PlannedRun(spec, reference, entry.title, *of))
                known = any(s.ignorable for s in scenarios)
                if is_synthetic(trained_and_tested(header.name)[1]) and seed == study.seeds[0] and known:
                    spec = RunSpec(model=ORACLE, model_version=ORACLE_VERSION, config={}, **shared)
                    runs.append(PlannedRun(spec, reference, ORACLE, *of))
    return Plan(study, tuple(runs), protocols, scenarios)


def _with_all_models(study: Study) -> Study:
    """Replace the entry `all` by every model that is not an ablation, not listed, and can read the text of all data."""
    if all(entry.name != ALL for entry in study.models):
        return study
    words = all(dataset_header(Reference.parse(name).name).text_is_tokens for name in study.datasets)
    listed = {entry.name for entry in study.models}
    infos = {name: model_info(name) for name in model_names() if name not in listed}
    others = [n for n, info in infos.items() if not info.variant_of and (words or not info.needs_encoder)]
    models: list[ModelEntry] = []
    for entry in study.models:
        models += [entry] if entry.name != ALL else [ModelEntry(name=name) for name in others]
    return study.model_copy(update={"models": models})


def _resolve_models(study: Study) -> list[tuple[ModelEntry, int, dict[str, Any]]]:
    titles = [entry.title for entry in study.models]
    twice = next((t for t in titles if titles.count(t) > 1), None)
    if twice:
        raise InputError(f"models: '{twice}' is listed twice; give one of them a distinct label")
    for field in study.optimisation:
        if field not in Optimisation.model_fields:
            raise unknown_name("field of 'optimisation'", field, Optimisation.model_fields)
    resolved = []
    taken = {ORACLE, *(model_names() if any(entry.title != entry.name for entry in study.models) else ())}
    for entry in study.models:
        if entry.title in taken - {entry.name}:
            raise InputError(f"models: '{entry.title}' is the name of another row; give {entry.name} another label")
        own = entry.config.get("optimisation", {})
        if not isinstance(own, dict):
            raise InputError(
                f"model '{entry.name}', config field 'optimisation': expected fields, found {shortened(own)}"
            )
        values = {**entry.config, "optimisation": {**study.optimisation, **own}}
        resolved.append((entry, model_info(entry.name).version, model_settings(entry.name, values)))
    return resolved


def _check_tuned_here(entry: ModelEntry, header: DatasetHeader, splits: list[str]) -> None:
    """Refuse settings found on another split of a data set, which have seen labels of the test part."""
    tested = trained_and_tested(header.name)[1]
    for seen in entry.tuning.seen if entry.tuning else ():
        found = header if tested == header.name else dataset_header(tested)
        other = next((s for s in splits if seen.conflicts_with(found.fingerprint, s)), None)
        if other:
            raise InputError(
                f"model '{entry.title}': its settings were found on {seen.dataset}/{seen.split}, whose training and "
                f"validation parts may hold test samples of {header.name}/{other}; tune on that split, or leave it out"
            )


def resolve_dataset(reference: str) -> tuple[DatasetHeader, list[str]]:
    """Find the data set that a study names, and its chosen splits.

    Raises:
        InputError: for an unknown data set or split, or a family of splits whose test parts overlap: they are pooled,
            and no sample may count twice.
    """
    given = Reference.parse(reference)
    name, pattern = given.name, given.split
    header = dataset_header(name)
    if not pattern:
        return header, [header.splits[0]]
    splits = [s for s in header.splits if fnmatchcase(s, pattern)]
    if not splits:
        raise unknown_name(f"split of {name}", pattern, header.splits)
    if len(splits) > 1:
        samples = load_samples(name)
        tested = np.sum([samples.splits[split] == PARTS["test"] for split in splits], axis=0)
        if (tested > 1).any():
            raise InputError(
                f"{reference}: sample '{samples.ids[tested.argmax()]}' is in the test part of two of the splits "
                f"{', '.join(splits)}; name one split, such as {header.name}/{splits[0]}, or those of one "
                "cross-validation"
            )
    return header, splits


def prepare(study: Study) -> Plan:
    """Load the plugins of a study and resolve it; raises InputError for anything unknown or misspelt."""
    for plugin in study.plugins:
        if not Path(plugin).is_file():
            moved = f"if it has moved: sentibench run OUT/studies/{study.name}/study.yaml --plugin FILE"
            raise InputError(f"plugin {plugin}: no such file; {moved}")
        load_plugin(plugin)
    return plan(study)
