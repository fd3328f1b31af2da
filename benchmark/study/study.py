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
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from baselines.declaration import Optimisation
from benchmark.data.catalog import filed_samples
from benchmark.data.config import EncoderConfig, Scaling
from benchmark.data.samples import Samples
from benchmark.study.plain_yaml import read_yaml
from benchmark.study.settings_file import TuningNote, read_tuned
from benchmark.words import ACROSS, LONGEST_NAME, one_line, shortened
from protocols import InputError, unknown_name


def _row_name(name: str) -> str:
    shown = one_line(name)
    if len(shown) > LONGEST_NAME:
        raise ValueError(f"is a name in tables: use at most {LONGEST_NAME} characters")
    return shown


class ModelEntry(BaseModel):
    """Model of a study.

    Attributes:
        name: Registered name.
        config: Fields that differ from its defaults, or a file of them, as `sentibench tune` writes it.
        label: Name in tables; default: the name, with `-tuned` if a search found the settings.
        tuning: Search that found the settings, from the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    config: dict[str, Any] = {}
    label: Annotated[str, AfterValidator(_row_name)] = ""
    tuning: TuningNote | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_file(cls, value: Any) -> Any:
        """Replace a file of settings by its content, so that a filed study depends on no other file."""
        if not isinstance(value, dict) or not isinstance(value.get("config"), str):
            return value
        found = read_tuned(Path(value["config"]), str(value.get("name")))
        label = value.get("label") or (f"{found.model}-tuned" if found.tuning else "")
        return {**value, "config": found.config, "label": label, "tuning": found.tuning}

    @property
    def title(self) -> str:
        """Name in tables."""
        return self.label or self.name


def _folder_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError("names a folder: use at most 100 letters, digits, '.', '_' and '-', a letter or digit first")
    return name


def _references(value: object) -> object:
    """Replace samples by the name of the data set that holds them, so that a filed study can be run again."""
    if not isinstance(value, list):
        return value
    return [filed_samples(item) if isinstance(item, Samples) else item for item in value]


def _entries(value: object) -> object:
    return [_entry(item) for item in value] if isinstance(value, list) else value


def _entry(item: object) -> object:
    """Expand `lnln` and `lnln=settings.yaml`."""
    if not isinstance(item, str):
        return item
    name, given, file = item.partition("=")
    return {"name": name, "config": file} if given else {"name": name}


#: Maximum number of seeds; more would be a typing error.
MOST_SEEDS = 1000


def _seeds(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value > MOST_SEEDS:
        raise ValueError(f"at most {MOST_SEEDS} seeds are run, found {value}")
    return list(range(value))


class Study(BaseModel):
    """Study: data sets, models, seeds and protocols.

    Attributes:
        name: Name of the study, and of the folder of its tables and figures.
        datasets: `mosi` (its first split), `mosi/official`, `mmmo/fold*` (a family of splits, pooled), `synthetic`,
            `synthetic:size=tiny,seed=3`; or `Samples`, which are filed in the data folder under their hash.
        models: Registered names, or `all` for every model but the ablations; `name=settings.yaml` (as
            written by `sentibench tune`), or entries with config and label.
        protocols: Names of protocols, or texts of scenarios.
        test_dataset: Data set to test on, in place of the test parts of `datasets`: each of these becomes
            `mosi->mmmo`, trained on the first and tested on the second, which may also be written in `datasets`.
        seeds: Number n, for 0..n-1, or a list.
        regime: Training regime.
        encoder: Text encoder.
        scaling: Scaling of the values.
        optimisation: Overrides for all models, such as `{epochs: 10}`.
        plugins: Python files that register models.
        optimism: Also evaluate every epoch on the test set after training, to measure how much selecting epochs there
            would flatter a model. Changes no result and no run's identity; a run made without it is trained again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(_folder_name)] = "study"
    datasets: Annotated[list[str], BeforeValidator(_references)] = Field(min_length=1)
    models: Annotated[list[ModelEntry], BeforeValidator(_entries)] = Field(min_length=1)
    protocols: list[str] = Field(default=["complete", "intra-random", "inter-drop"], min_length=1)
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**64)]], BeforeValidator(_seeds)] = Field(
        default=[0, 1, 2], min_length=1
    )
    regime: str = "uncertain"
    encoder: EncoderConfig = EncoderConfig()
    scaling: Scaling = "log"
    optimisation: dict[str, Any] = {}
    plugins: list[str] = []
    optimism: bool = False
    test_dataset: str = Field(default="", exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _across(cls, value: Any) -> Any:
        """Write the data set to test on into the names of the others."""
        if not isinstance(value, dict) or not (test := value.get("test_dataset")):
            return value
        named = _references([*value["datasets"], test]) if isinstance(value.get("datasets"), list) else None
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            return value
        if any(ACROSS in name for name in named):
            raise InputError(f"test_dataset is {test}, and datasets name one to test on as well; name it in one place")
        return {**value, "datasets": [f"{name}{ACROSS}{named[-1]}" for name in named[:-1]], "test_dataset": ""}


def load_study(path: Path) -> Study:
    """Read a study file. Files of settings and plugins that it names are looked for beside it, then as given.

    Raises:
        InputError: one line that names the file and the field.
    """
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such study file") from None
    if not isinstance(content, dict):
        found = "an empty file" if content is None else shortened(content)
        raise InputError(f"{path}: expected fields such as datasets, models, protocols; found {found}")

    def beside(name: str) -> str:
        return str(path.parent / name) if (path.parent / name).is_file() else name

    if isinstance(models := content.get("models"), list):
        entries = [_entry(item) for item in models]
        for entry in entries:
            if isinstance(entry, dict) and isinstance(entry.get("config"), str):
                entry["config"] = beside(entry["config"])
        content = {**content, "models": entries}
    study = make_study(content, str(path))
    return study.model_copy(update={"plugins": [beside(name) for name in study.plugins]})


def make_study(content: dict[str, Any], where: str = "study") -> Study:
    """Validate the fields of a study; raises InputError with the first that is wrong."""
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        first = min(
            error.errors(), key=lambda e: e["type"] != "extra_forbidden"
        )  # a misspelt field explains a missing one
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, InputError):
            raise InputError(f"{where}: {cause}") from None
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            parents: dict[str, type[BaseModel]] = {"models": ModelEntry, "encoder": EncoderConfig}
            owner, name = parents.get(str(first["loc"][0]), Study), str(first["loc"][-1])
            if owner is Study and name in Optimisation.model_fields:
                raise InputError(f"unknown field of {where}: '{name}'; write optimisation: {{{name}: ...}}") from None
            hint = "(settings of a model are fields of its config)" if owner is ModelEntry else ""
            raise unknown_name(f"field of {where}:", name, owner.model_fields, hint=hint) from None
        said = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where}: {field}: {said}; found {shortened(first['input'])}") from None
