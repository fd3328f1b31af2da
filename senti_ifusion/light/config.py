"""Config of version 11, the light model: its fields besides those of all versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from baselines import Choice, Interval
from baselines.search import Search
from senti_ifusion.config import PartsConfig


class LightConfig(PartsConfig):
    """Config of `senti-ifusion-light`."""

    search: ClassVar[Mapping[str, Search]] = {
        **PartsConfig.search,
        "readers": Choice(1, 4),
        "fusion_share": Interval(0.1, 0.8),
    }

    scales: int = Field(
        3, ge=1, description="successive layers at which the lead queries the other modalities; READING"
    )
    fusion_layers: int = Field(1, ge=1, description="depth of the fusion Transformer; READING")
    readers: int = Field(
        4, ge=1, description="light heads that predict separately, each from its part of the width; READING"
    )
    reader_hidden: int = Field(64, ge=1, description="width inside a light head; READING")
    fusion_share: float = Field(
        0.3, gt=0, le=1, description="share of the fusion in the prediction, against the light heads; READING"
    )

    @model_validator(mode="after")
    def _readers_divide_width(self) -> Self:
        if self.width % self.readers:
            raise ValueError(f"width {self.width} must be divisible by readers {self.readers}")
        return self
