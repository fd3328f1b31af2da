"""Settings file that a search writes and a study reads: the found settings, and the search that found them.

    model: lnln
    config: {optimisation: {learning_rate: 0.0003}}
    tuning: {datasets: [{dataset: mosi, split: official, ...}], budget: 40, ...}

A study names it as `lnln=results/tuning/lnln-.../best.yaml`, or as `{name: lnln, config: FILE, label: ...}`; a file
written by hand needs no `tuning`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.study.plain_yaml import read_yaml
from protocols import InputError


class TunedOn(BaseModel):
    """Data set whose training and validation parts a search has seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    split: str
    data_sha256: str

    def conflicts_with(self, data_sha256: str, split: str) -> bool:
        """Return True for another split of the same data: its test samples may have been seen here."""
        return data_sha256 == self.data_sha256 and split != self.split


class TuningNote(BaseModel):
    """Search that found settings. Not part of a run's identity, which has the resolved config.

    Attributes:
        datasets: Data sets of the search.
        regime, encoder: Training regime and text encoder.
        budget: Number of trials that were done when the file was written.
        trial: Number of the best trial; 0 has the settings that the search began with.
        folds: Number of folds of the training and validation videos, each validating once; None: the validation
            part of the data set is used.
        seeds: Seeds of the trainings of each trial on each data set and fold.
        valid_mae, first_valid_mae: Means over these trainings, of the best trial and of trial 0 (None if it failed).
        space_sha256: sha256 of the search space.
        search: 16 digits that identify everything that the search depends on; its folder's name ends with them.
        begun_at: Search that found the initial settings, if any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    datasets: tuple[TunedOn, ...] = Field(min_length=1)
    regime: str
    encoder: str | None
    budget: int
    trial: int
    folds: int | None = None
    seeds: tuple[int, ...]
    objective: Literal["validation MAE"] = "validation MAE"
    valid_mae: float
    first_valid_mae: float | None
    space_sha256: str
    search: str
    begun_at: TuningNote | None = None

    @property
    def seen(self) -> tuple[TunedOn, ...]:
        """Data of this search and of those before it. No other split of any of it may be used with these settings,
        as its test samples may have been trained on or validated with."""
        earlier = self.begun_at.seen if self.begun_at else ()
        return tuple({(one.data_sha256, one.split): one for one in (*earlier, *self.datasets)}.values())


class TunedConfig(BaseModel):
    """Content of the file.

    Attributes:
        model: Registered name.
        config: Fields that differ from the model's defaults.
        tuning: Search that found them; None for settings chosen by hand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    config: dict[str, Any] = {}
    tuning: TuningNote | None = None


def read_tuned(path: Path, model: str) -> TunedConfig:
    """Read a file of settings for a model.

    Raises:
        InputError: one line that names the file, if it does not exist, cannot be read, or is for another model.
    """
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file of settings for model '{model}'; make it with: sentibench tune"
        ) from None
    try:
        tuned = TunedConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise InputError(f"{path}: {where}: {first['msg']}; expected the fields model, config, tuning") from None
    if tuned.model != model:
        raise InputError(f"{path}: has the settings of model '{tuned.model}', expected '{model}'")
    return tuned


def tuned_text(tuned: TunedConfig, comments: list[str]) -> str:
    """Format the file, with comments above."""
    content = yaml.safe_dump(tuned.model_dump(mode="json"), sort_keys=False)
    return "".join(f"# {line}\n" for line in comments) + content
