"""Plan of a search: everything that it depends on, resolved before anything is trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from baselines import load_plugin, resolve_config
from baselines.standin import parameter_count
from benchmark.data.config import EncoderConfig, Scaling
from benchmark.data.folds import check_folds, fold_names, whole_split
from benchmark.data.sources import forget_samples, load_samples
from benchmark.runs.spec import ORACLE, RunSpec
from benchmark.study.plan import PlannedRun, plan
from benchmark.study.settings_file import TunedOn, TuningNote
from benchmark.study.study import make_study
from benchmark.tuning.journal import Key, key_of
from benchmark.tuning.space import Fields, Space, read, replaced, search_space, space_content
from benchmark.words import plural
from protocols import InputError

#: Version of the meaning of a search; raised so that older searches are not continued.
SEARCH_VERSION = 3

#: Fields of a run that come from its data set.
_OF_DATA = {"split", "data_sha256", "encoder", "encoder_revision"}


class Tuning(BaseModel):
    """Search to run.

    Attributes:
        model: Registered name.
        datasets: Data sets, each `mosi` (its first split), `mosi/official` or `synthetic:size=tiny`: every trial is
            judged on all, by the mean of errors in units of the labels. One split of each: settings found with the
            validation part of one must not be used on another, whose test part it may contain.
        regime, encoder, scaling: As in a study.
        folds: Number of folds of the videos of the training and validation part, each fold validating what
            the others train; None: the validation part validates, as in a study.
        seeds: Seeds of the trainings of every trial on every data set and fold.
        config: Fields that the search starts from, instead of the model's defaults.
        begun_at: Search that found these, if any: the settings of this one have seen its data, too.
        optimisation: Settings of the trainings, such as `{patience: 10}`, in place of the config's.
        epochs: Maximum number of epochs of a training, in place of the config's; several are searched, from the first.
        fields: Searchable fields of the model that vary, the others staying fixed; empty: all of them.
        plugins: Python files that register models.
        prune: True to end trials early that are unlikely to win.
        search_seed: Seed of the suggestions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    datasets: tuple[str, ...] = Field(min_length=1)
    regime: str = "uncertain"
    encoder: EncoderConfig = EncoderConfig()
    scaling: Scaling = "log"
    folds: int | None = Field(None, ge=2)
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    config: dict[str, Any] = {}
    begun_at: TuningNote | None = None
    optimisation: dict[str, Any] = {}
    epochs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    fields: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    prune: bool = True
    search_seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class TuningPlan:
    """Resolved search.

    Attributes:
        tuning: The search.
        specs: The runs of the first settings, one per data set, fold and seed; the first ones are of the first data
            set and fold.
        space: Fields that vary, with their ranges.
        first: Initial values of these fields.
    """

    tuning: Tuning
    specs: tuple[RunSpec, ...]
    space: Space
    first: Fields

    @cached_property
    def datasets(self) -> tuple[RunSpec, ...]:
        """Run of each data set, and fold of it, with the first seed."""
        return tuple(spec for spec in self.specs if spec.seed == self.specs[0].seed)

    @cached_property
    def tuned_on(self) -> tuple[TunedOn, ...]:
        """Data of this search, folds of one split as one."""
        own = (TunedOn(dataset=s.dataset, split=whole_split(s.split), data_sha256=s.data_sha256) for s in self.datasets)
        return tuple({(seen.data_sha256, seen.split): seen for seen in own}.values())

    @cached_property
    def begun_on(self) -> tuple[TunedOn, ...]:
        """Data that the initial settings have seen."""
        return self.tuning.begun_at.seen if self.tuning.begun_at else ()

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the trainings of every trial on every data set and fold."""
        return tuple(dict.fromkeys(spec.seed for spec in self.specs))

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Return the trainings of a trial, in order."""
        return tuple(key_of(spec) for spec in self.specs)

    @property
    def encoder(self) -> EncoderConfig | None:
        """Text encoder; None if all data has word vectors."""
        return next((spec.encoder for spec in self.specs if spec.encoder), None)

    @property
    def shape(self) -> str:
        """Trainings of a trial: `3 seeds`, `2 data sets x 5 folds x 1 seed`."""
        counts = {"data set": len(self.tuning.datasets), "fold": self.tuning.folds or 1}
        several = "".join(f"{plural(count, what)} x " for what, count in counts.items() if count > 1)
        return several + plural(len(self.seeds), "seed")

    @cached_property
    def content(self) -> dict[str, Any]:
        """Return everything that the search depends on; neither budget nor workers are part of it."""
        return {
            "search_version": SEARCH_VERSION,
            "run": self.specs[0].model_dump(mode="json", exclude={"regime", "dataset", "seed", *_OF_DATA}),
            "data": [spec.model_dump(mode="json", include=_OF_DATA) for spec in self.datasets],
            "space": space_content(self.space),
            "begun_on": sorted((seen.data_sha256, seen.split) for seen in self.begun_on),
            "seeds": list(self.seeds),
            "prune": self.tuning.prune,
            "search_seed": self.tuning.search_seed,
        }

    @property
    def id(self) -> str:
        """16 hexadecimal digits that identify the content."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()[:16]

    def folder(self, root: Path) -> Path:
        """Return the folder of the search, which need not exist."""
        return root / f"{self.tuning.model}-{self.id}"

    def config(self, fields: Fields) -> dict[str, Any]:
        """Return the resolved config of a trial; raises InputError for settings that the model does not accept."""
        values = replaced(self.specs[0].config, fields)
        return resolve_config(self.tuning.model, values).model_dump(mode="json")


def plan_tuning(tuning: Tuning) -> TuningPlan:
    """Load the plugins of a search and resolve it; trains nothing.

    Raises:
        InputError: for anything unknown or misspelt, several splits of one data set, or a model without parameters to
            train.
    """
    for plugin in tuning.plugins:
        load_plugin(plugin)
    study = make_study(
        {
            "datasets": list(tuning.datasets),
            "models": [{"name": tuning.model, "config": _first_config(tuning)}],
            "protocols": ["complete"],
            "seeds": list(dict.fromkeys(tuning.seeds)),
            "regime": tuning.regime,
            "encoder": tuning.encoder,
            "scaling": tuning.scaling,
        },
        "search",
    )
    runs = [run for run in plan(study).runs if run.spec.model != ORACLE]
    _check_splits(tuning.datasets, runs)
    specs = tuple(run.spec for run in runs)
    _check_begun(tuning.begun_at.seen if tuning.begun_at else (), specs)
    if tuning.folds is not None:
        specs = _in_folds(specs, tuning.folds)
    base = resolve_config(tuning.model, specs[0].config)
    forget_samples()  # the model's code is called
    if parameter_count(tuning.model, config=base) == 0:
        raise InputError(
            f"model '{tuning.model}' has no parameters to train, so its hyper-parameters cannot be searched"
        )
    finetune = any(spec.encoder is not None and spec.encoder.mode == "finetune" for spec in specs)
    space = search_space(tuning.model, base, finetune, tuning.epochs, tuning.fields)
    first = {name: read(specs[0].config, name) for name in space}
    return TuningPlan(tuning, specs, space, first)


def _first_config(tuning: Tuning) -> dict[str, Any]:
    """Return the fields that a search starts from, with the settings of all its trainings."""
    own = tuning.config.get("optimisation", {})
    if not isinstance(own, dict):  # the study reports the error
        return tuning.config
    first = {"epochs": tuning.epochs[0]} if tuning.epochs else {}
    return {**tuning.config, "optimisation": {**own, **tuning.optimisation, **first}}


def _in_folds(specs: Sequence[RunSpec], folds: int) -> tuple[RunSpec, ...]:
    """Return every run once per fold."""
    for dataset, split in {(spec.dataset, spec.split) for spec in specs}:
        check_folds(load_samples(dataset), split, folds)
    return tuple(spec.model_copy(update={"split": fold}) for spec in specs for fold in fold_names(spec.split, folds))


def _check_splits(datasets: Iterable[str], runs: Sequence[PlannedRun]) -> None:
    """Refuse several splits of one data set."""
    reason = "as the validation part of one may be the test part of another"
    named: dict[str, str] = {}
    for reference in datasets:
        specs = [run.spec for run in runs if run.dataset == reference]
        spec, splits = specs[0], sorted({spec.split for spec in specs})
        if len(splits) > 1:
            raise InputError(
                f"dataset '{reference}': {len(splits)} splits; name one, such as {spec.dataset}/{splits[0]}, {reason}"
            )
        before = named.setdefault(spec.data_sha256, reference)
        if before != reference:
            raise InputError(
                f"datasets: '{before}' and '{reference}' are two splits of one data set; name one, {reason}"
            )


def _check_begun(begun_on: Iterable[TunedOn], specs: Sequence[RunSpec]) -> None:
    """Refuse initial settings found on another split, as a study would refuse to use them here."""
    for seen in begun_on:
        spec = next((s for s in specs if seen.conflicts_with(s.data_sha256, s.split)), None)
        if spec is not None:
            raise InputError(
                f"config: its settings were found on {seen.dataset}/{seen.split}, whose training and validation parts "
                f"may hold test samples of {spec.dataset}/{spec.split}; tune on that split, or begin with others"
            )
