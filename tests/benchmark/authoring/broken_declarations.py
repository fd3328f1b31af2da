"""Models that say something wrong of themselves: name, info, config, search, stages, groups."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from pydantic import ConfigDict
from torch import nn

from baselines import Choice, ParameterGroup, Stage
from tests.benchmark.authoring.sound_model import Sound, ToyConfig, broken


@broken("name")
class ShoutedName(Sound):
    name = "My Model"


@broken("info")
class NoSentence(Sound):
    info = replace(Sound.info, url="https://example.org/paper", differences=("different",))


@broken("info")
class CodeWithoutLicence(Sound):
    info = replace(Sound.info, url="https://github.com/someone/code")


class LooseConfig(ToyConfig):
    model_config = ConfigDict(extra="ignore")


@broken("config")
class AcceptsMisspelling(Sound):
    config_class = LooseConfig


class OpenConfig(ToyConfig):
    model_config = ConfigDict(frozen=False)


@broken("config")
class CanBeChanged(Sound):
    config_class = OpenConfig


class LostSearchConfig(ToyConfig):
    search: ClassVar = {"widht": Choice(8, 16)}


@broken("search")
class SearchesNothing(Sound):
    config_class = LostSearchConfig


@broken("stages")
class SpendsMore(Sound):
    def stages(self, epochs: int) -> list[Stage]:
        return [Stage("first", epochs), Stage("second", 1)]


@broken("groups")
class TrainsAnothers(Sound):
    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        return [*super().parameter_groups(stage, sweep), ParameterGroup([nn.Parameter(torch.zeros(1))])]
