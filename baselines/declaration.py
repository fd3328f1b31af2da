"""Declaration of a model: its settings, and the information on it. Imports no torch: a study is planned without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from baselines.search import Search
from protocols import MODALITIES, Modality

#: Treatment of missing parts by a model, beyond training on incomplete samples.
MissingParts: TypeAlias = Literal["nothing", "dropout", "reconstruction", "generation", "distillation", "selection"]


class Optimisation(BaseModel):
    """Default training settings of a model: the published ones, where they are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float = Field(1e-3, gt=0)
    encoder_learning_rate: float = Field(2e-5, gt=0, description="learning rate of a fine-tuned text encoder")
    weight_decay: float = Field(1e-4, ge=0)
    batch_size: int = Field(64, ge=1)
    epochs: int = Field(50, ge=0, description="largest number of epochs; early stopping may end training before")
    patience: int = Field(10, ge=1, description="epochs without a lower validation MAE before training ends")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of a stage's steps in which the rate rises")
    clip_norm: float = Field(1.0, gt=0, description="largest norm of the gradient, which is scaled down to it")
    algorithm: Literal["adamw", "adam"] = Field(
        "adamw", description="adam: weight decay is part of the gradient, as in papers before AdamW"
    )
    schedule: Literal["cosine", "constant"] = Field("cosine", description="learning rate after the warm-up")
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay for each step of a moving average of the weights, which is validated and used; 0: none. "
        "After n steps it is at most (1 + n) / (10 + n)",
    )
    tolerance: float = Field(
        0.0,
        ge=0,
        description="tolerance in paired standard errors: the latest epoch is selected whose validation MAE exceeds "
        "the lowest by no more than this; 0: the epoch of the lowest",
    )

    @classmethod
    def adam(cls, **fields: Any) -> Optimisation:
        """Return settings of Adam at a constant rate without a warm-up, as in papers before AdamW."""
        return cls(algorithm="adam", schedule="constant", warmup=0.0, **fields)


class ModelConfig(BaseModel):
    """Base of every model's config: frozen, unknown fields are refused.

    Attributes:
        search: Fields that `sentibench tune` varies beside the learning rate and weight decay, with their ranges;
            `a.b` is a nested field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    search: ClassVar[Mapping[str, Search]] = {}

    optimisation: Optimisation = Optimisation()


@dataclass(frozen=True)
class ModelInfo:
    """Source of a model, its requirements, and the differences of this implementation from the paper.

    Capabilities: `modalities` lists the modalities read; `mask_informed` models get the observed positions at test time
    (`Batch.observed`, `Batch.integrity`); `needs_aligned` models need one time axis; `needs_encoder` models work inside
    the text encoder; `uses_complete_view` models train on the samples before erasing, with `complete_is_target`
    without a gradient in them, for which a fine-tuned encoder then needs no memory; `uses_masks` models train on
    `TrainBatch.observed` or `TrainBatch.integrity`. `version` is raised when a change of the code changes the results.
    `variant_of` names the model of which this one is an ablation.

    `missing_parts` says what a model does about missing parts: `dropout` drops whole modalities in training,
    `reconstruction` is trained to rebuild what is missing, `generation` generates what is missing and reads it,
    `distillation` imitates a teacher that sees complete samples, `selection` estimates how far each modality can be
    relied on; `nothing`: none of these.
    """

    title: str
    paper: str
    year: int
    url: str = ""
    licence: str = ""
    modalities: tuple[Modality, ...] = MODALITIES
    mask_informed: bool = False
    needs_aligned: bool = False
    needs_encoder: bool = False
    uses_complete_view: bool = False
    complete_is_target: bool = False
    differences: tuple[str, ...] = field(default_factory=tuple)
    version: int = 1
    variant_of: str = ""
    missing_parts: MissingParts = "nothing"
    uses_masks: bool = False

    @property
    def told(self) -> str:
        """Information about missing parts that training gets, in words; empty if none."""
        return ", ".join([*["complete samples"] * self.uses_complete_view, *["masks"] * self.uses_masks])
