"""Studies: data sets x models x seeds under one training regime, evaluated under protocols.

A study is a small validated file (YAML) or the same as arguments. `plan` resolves it into runs (one training each) and
cells (one run under one scenario).

    name: demo
    datasets: [synthetic]
    models: [constant, text-only, {name: senti-ifusion, config: {width: 64}}, lnln=results/tuning/lnln-.../best.yaml]
    protocols: [complete, intra-random]
    seeds: 3
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from baselines import model_class, models, resolve_config
from benchmark.data.config import EncoderConfig, Scaling
from benchmark.data.encoder_files import encoder_revision
from benchmark.data.samples import PARTS
from benchmark.data.sources import DatasetHeader, dataset_header, load_samples
from benchmark.data.synthetic import is_synthetic
from benchmark.evaluation.panel import Bound
from benchmark.runs.spec import ORACLE, ORACLE_VERSION, RunSpec
from benchmark.study.plain_yaml import read_yaml
from benchmark.study.settings_file import TuningNote, read_tuned
from protocols import InputError, Protocol, Scenario, get_protocol, get_regime, plugin_sha256, unknown_name


class ModelEntry(BaseModel):
    """A model of a study.

    Attributes:
        name: Registered name.
        config: The fields that differ from its defaults, or a file of them, as `sentibench tune` leaves it.
        label: How tables call it; by default the name, with `-tuned` where a search found the settings.
        tuning: How it found them, from the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    config: dict[str, Any] = {}
    label: str = ""
    tuning: TuningNote | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_file(cls, value: Any) -> Any:
        """Put the content of a file of settings in its place, so that a study that is filed stands for itself."""
        if not isinstance(value, dict) or not isinstance(value.get("config"), str):
            return value
        found = read_tuned(Path(value["config"]), str(value.get("name")))
        label = value.get("label") or (f"{found.model}-tuned" if found.tuning else "")
        return {**value, "config": found.config, "label": label, "tuning": found.tuning}

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.label or self.name


def _folder_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError("names a folder: use letters, digits, '.', '_' and '-', a letter or digit first")
    return name


def _entries(value: object) -> object:
    return [_entry(item) for item in value] if isinstance(value, list) else value


def _entry(item: object) -> object:
    """`lnln` and `lnln=settings.yaml` in full."""
    if not isinstance(item, str):
        return item
    name, given, file = item.partition("=")
    return {"name": name, "config": file} if given else {"name": name}


#: More would be a slip of the keyboard.
MOST_SEEDS = 1000


def _seeds(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value > MOST_SEEDS:
        raise ValueError(f"at most {MOST_SEEDS} seeds are run, found {value}")
    return list(range(value))


class Study(BaseModel):
    """What to run.

    Attributes:
        name: Folder of the study's tables and figures.
        datasets: `mosi` (its first split), `mosi/official`, `mmmo/fold*` (a family of splits, pooled), `synthetic`,
            `synthetic:size=tiny,seed=3`.
        models: Registered names, `name=settings.yaml` (what `sentibench tune` found), or entries with config and label.
        protocols: Names, or texts of scenarios.
        seeds: A number n for 0..n-1, or a list.
        regime: Training regime.
        encoder: Text encoder.
        scaling: How values are scaled.
        optimisation: Overrides for all models, such as `{epochs: 10}`.
        plugins: Python files that register models.
        optimism: Evaluate every epoch on the test set as well, after training, to know what selecting there would be
            worth. Changes no result and no run's identity; a run that was made without it is trained again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(_folder_name)] = "study"
    datasets: list[str] = Field(min_length=1)
    models: Annotated[list[ModelEntry], BeforeValidator(_entries)] = Field(min_length=1)
    protocols: list[str] = Field(default=["complete", "intra-random", "inter-drop"], min_length=1)
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], BeforeValidator(_seeds)] = Field(
        default=[0, 1, 2], min_length=1
    )
    regime: str = "uncertain"
    encoder: EncoderConfig = EncoderConfig()
    scaling: Scaling = "log"
    optimisation: dict[str, Any] = {}
    plugins: list[str] = []
    optimism: bool = False


def load_study(path: Path) -> Study:
    """Read a study file.

    Raises:
        InputError: one line that names the file and the field.
    """
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such study file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # of impossible dates and endless numbers, too
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML: {reason}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected fields such as datasets, models, protocols; found {type(content).__name__}")
    study = make_study(content, str(path))
    beside = [str(path.parent / p) if (path.parent / p).is_file() else p for p in study.plugins]
    return study.model_copy(update={"plugins": beside})


def make_study(content: dict[str, Any], where: str = "study") -> Study:
    """Validate the fields of a study; raises InputError with the first that is wrong."""
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        first = min(
            error.errors(), key=lambda e: e["type"] != "extra_forbidden"
        )  # a misspelt field explains a lacking one
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, InputError):
            raise InputError(f"{where}: {cause}") from None
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            parents: dict[str, type[BaseModel]] = {"models": ModelEntry, "encoder": EncoderConfig}
            owner = parents.get(str(first["loc"][0]), Study)
            raise unknown_name(f"field of {where}:", str(first["loc"][-1]), owner.model_fields) from None
        said = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where}: {field}: {said}; found {_short(first['input'])}") from None


@dataclass(frozen=True)
class PlannedRun:
    """A run of a plan and what to call it.

    Attributes:
        spec: Identity.
        dataset: As the study names the data set (with the family of splits): runs of one name are one panel.
        label: What tables call the model.
        label_range: Lowest and highest label of the data set, which chooses the metrics.
        bound: An MAE that no model is believed to reach on the data set, where one is known.
        videos: How the videos of the data set are known.
    """

    spec: RunSpec
    dataset: str
    label: str
    label_range: tuple[float, float] = (-3.0, 3.0)
    bound: Bound | None = None
    videos: str = ""


@dataclass(frozen=True)
class Plan:
    """A study, resolved.

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
        """What a run is evaluated under. The oracle is known of what is left alone: `Scenario.ignorable`."""
        if run.spec.model != ORACLE:
            return self.scenarios
        return tuple(s for s in self.scenarios if s.ignorable)


def plan(study: Study) -> Plan:
    """Resolve names, configs, data and encoder of a study; trains nothing.

    Raises:
        InputError: for anything unknown or misspelt, before anything runs.
    """
    protocols = tuple(get_protocol(name) for name in study.protocols)
    if len({p.name for p in protocols}) < len(protocols):
        raise InputError("protocols: one is named twice; name each once")
    scenarios = tuple(dict.fromkeys(s for p in protocols for s in p.scenarios))
    regime = get_regime(study.regime)
    entries = _resolve_models(study)
    runs = []
    named: dict[tuple[str, ...], str] = {}
    for reference in study.datasets:
        header, splits = resolve_dataset(reference)
        same = (header.fingerprint, *splits)
        if same in named:
            raise InputError(f"datasets: '{named[same]}' and '{reference}' are the same data; name it once")
        named[same] = reference
        encoder = study.encoder if header.text_is_tokens else None
        revision = encoder_revision(encoder.name) if encoder else None
        for entry, _, _ in entries:
            _check_tuned_here(entry, header, splits)
            if encoder is None and model_class(entry.name).info.needs_encoder:
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
                    source = plugin_sha256(model_class(entry.name))
                    spec = RunSpec(
                        model=entry.name, model_version=version, config=config, plugin_sha256=source, **shared
                    )
                    runs.append(
                        PlannedRun(spec, reference, entry.title, header.label_range, header.bound, header.videos)
                    )
                known = any(s.ignorable for s in scenarios)
                if is_synthetic(reference.partition("/")[0]) and seed == study.seeds[0] and known:
                    spec = RunSpec(model=ORACLE, model_version=ORACLE_VERSION, config={}, **shared)
                    runs.append(PlannedRun(spec, reference, ORACLE, header.label_range, videos=header.videos))
    return Plan(study, tuple(runs), protocols, scenarios)


def _resolve_models(study: Study) -> list[tuple[ModelEntry, int, dict[str, Any]]]:
    titles = [entry.title for entry in study.models]
    twice = next((t for t in titles if titles.count(t) > 1), None)
    if twice:
        raise InputError(f"models: '{twice}' stands twice; give one of them a label of its own")
    resolved = []
    for entry in study.models:
        if entry.title == ORACLE or (entry.title != entry.name and entry.title in models()):
            raise InputError(f"models: '{entry.title}' is the name of another row; give {entry.name} another label")
        own = entry.config.get("optimisation", {})
        if not isinstance(own, dict):
            raise InputError(f"model '{entry.name}', config field 'optimisation': expected fields, found {_short(own)}")
        values = {**entry.config, "optimisation": {**study.optimisation, **own}}
        config = resolve_config(entry.name, values)
        resolved.append((entry, model_class(entry.name).info.version, config.model_dump(mode="json")))
    return resolved


def _check_tuned_here(entry: ModelEntry, header: DatasetHeader, splits: list[str]) -> None:
    """Settings found on one split of a data set have seen labels of the test parts of its other splits."""
    for seen in entry.tuning.seen if entry.tuning else ():
        other = next((s for s in splits if seen.bars(header.fingerprint, s)), None)
        if other:
            raise InputError(
                f"model '{entry.title}': its settings were found on {seen.dataset}/{seen.split}, whose training and "
                f"validation parts may hold test samples of {header.name}/{other}; tune on that split, or leave it out"
            )


def resolve_dataset(reference: str) -> tuple[DatasetHeader, list[str]]:
    """The data set that a study names, and the splits it asks for.

    Raises:
        InputError: for an unknown data set or split, or a family of splits whose test parts overlap: they are pooled,
            and no sample may count twice.
    """
    name, _, pattern = reference.partition("/")
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


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
