"""Every choice of Senti-iFusion, one field each.

KNOWN: stated in the abstract or the figure captions of the paper. READING: ours, as the paper's equations and settings
were not at hand; whoever holds the paper corrects it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from baselines import Choice, Interval, ModelConfig, Optimisation
from baselines.layers.inputs import InputNorm
from baselines.search import Search


class SentiIFusionConfig(ModelConfig):
    """Config of Senti-iFusion; the fields of the ablation switch single parts off."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 96, 192),
        "events": Choice(16, 32),
        "neighbours": Choice(0, 1, 2),
        "readers": Choice(1, 4),
        "fusion_share": Interval(0.1, 0.8),
        "dropout": Interval(0.0, 0.6),
        "event_dropout": Interval(0.0, 0.5),
        "stream_norm": Choice("none", "log", "layer"),
        "integrity_dropout": Interval(0.0, 0.4),
        "feature_weight": Interval(0.05, 1.0, log=True),
        "stage1_share": Interval(0.1, 0.6),
        "task_loss": Choice("l1", "smooth_l1", "mse"),
    }

    # Encoders. READING throughout.
    width: int = Field(default=96, ge=8, description="d; READING")
    tokens: int = Field(
        default=2, ge=2, description="K, tokens of a modality: its mean, and K - 1 of what events show; READING"
    )
    heads: int = Field(default=4, ge=1, description="attention heads everywhere; READING")
    text_norm: InputNorm = Field(default="layer", description="what is done to text states first; READING")
    stream_norm: InputNorm = Field(default="none", description="what is done to audio and vision first; READING")
    events: int = Field(default=32, ge=1, description="kinds of events that a token reads; READING")
    neighbours: int = Field(
        default=1, ge=0, description="audio / vision steps on either side that are averaged beside a step; READING"
    )
    event_dropout: float = Field(default=0.05, ge=0, lt=1, description="on what is read of audio and vision; READING")
    dropout: float = Field(
        default=0.5, ge=0, lt=1, description="on what is read of text, in sub-layers and heads; READING"
    )

    # Integrity estimation. KNOWN: it predicts completeness and mitigates the noise of incomplete data.
    use_integrity: bool = Field(default=True, description="ablation: False takes every modality for whole (I = 1)")
    true_integrity: bool = Field(
        default=False, description="ablation: True weights by the true integrity, told at test time, not by an estimate"
    )
    integrity_hidden: int = Field(default=32, ge=1, description="width of the judge of a position; READING")
    integrity_weight: float = Field(default=1.0, ge=0, description="of the losses of the estimate; READING")
    integrity_dropout: float = Field(
        default=0.06, ge=0, lt=1, description="chance that training takes a modality for gone; READING"
    )
    detach_integrity: bool = Field(
        default=True, description="only the integrity loss trains the estimate, not the losses it weights; READING"
    )

    # Integrity-weighted completion. KNOWN: it weights, disentangles shared from private, recovers what is missing.
    use_completion: bool = Field(default=True, description="ablation: False leaves gaps to the prior")
    disentanglement: bool = Field(default=True, description="ablation: False drops the consistency and private losses")
    disentanglement_weight: float = Field(default=0.1, ge=0, description="READING")
    consistency_temperature: float = Field(default=0.2, gt=0, description="of the contrastive consistency; READING")
    trust_half: float = Field(
        default=0.1, gt=0, description="where own tokens and proxy weigh about the same, before it is learned; READING"
    )
    detach_donors: bool = Field(default=True, description="the proxy does not train the encoders; READING")
    donor_temperature: float = Field(default=0.5, gt=0, description="tau of the donor weights; READING")

    # Dual-depth validation. KNOWN: feature level and semantic level, training only.
    feature_validation: bool = Field(default=True, description="ablation: False drops the feature-level loss")
    semantic_validation: bool = Field(default=True, description="ablation: False drops the semantic-level loss")
    validate_encoders: bool = Field(default=False, description="whether both losses train the encoders, too; READING")
    feature_weight: float = Field(default=0.5, ge=0, description="READING")
    semantic_weight: float = Field(default=0.25, ge=0, description="READING")
    alone_weight: float = Field(
        default=0.3, ge=0, description="of each modality's own tokens saying the sentiment by themselves; READING"
    )
    target_momentum: float = Field(
        default=0.0, ge=0, lt=1, description="0: targets by the encoder itself; else by its moving average; READING"
    )

    # Integrity-guided adaptive fusion. KNOWN: the dominant modality is chosen by completeness and quality; attention
    # over several scales.
    adaptive_fusion: bool = Field(default=True, description="ablation: False fuses all modalities with equal weight")
    dominant: Literal["auto", "text"] = Field(default="auto", description="ablation: 'text' always lets language lead")
    scales: int = Field(default=3, ge=1, description="successive layers at which the others are queried; READING")
    fusion_layers: int = Field(default=1, ge=1, description="depth of the fusion Transformer; READING")
    choice_temperature: float = Field(
        default=0.5, gt=0, description="tau of the lead, R^(1 / tau): near 0 the dominant modality leads alone; READING"
    )
    quality_weight: float = Field(default=0.3, ge=0, description="of the loss of the quality head; READING")
    readers: int = Field(
        default=4, ge=1, description="light heads that answer alone, each from its part of the width; READING"
    )
    reader_hidden: int = Field(default=64, ge=1, description="width inside a light head; READING")
    fusion_share: float = Field(
        default=0.3, gt=0, le=1, description="of the fusion in the answer; the light heads have the rest; READING"
    )
    fusion_weight: float = Field(
        default=1.0, ge=0, description="of the loss of what the fusion answers by itself; READING"
    )

    # Progressive training. KNOWN: two stages.
    progressive: bool = Field(default=True, description="ablation: False trains everything in one stage")
    stage1_share: float = Field(default=0.3, gt=0, lt=1, description="of the epochs; READING")
    stage2_rate: float = Field(default=1.0, ge=0, description="learning rate of stage-1 parts in stage 2; READING")
    stage2_weight: float = Field(default=0.5, ge=0, description="of the stage-1 losses in stage 2; READING")

    # The task. READING.
    task_loss: Literal["l1", "smooth_l1", "mse"] = Field(default="smooth_l1", description="READING")
    optimisation: Optimisation = Optimisation(
        learning_rate=8e-3, weight_decay=1e-3, batch_size=32, epochs=40, patience=40, ema_decay=0.98, tolerance=2.0
    )

    @model_validator(mode="after")
    def _heads_and_readers_divide_width(self) -> SentiIFusionConfig:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be divisible by heads {self.heads}")
        if self.width % self.readers:
            raise ValueError(f"width {self.width} must be divisible by readers {self.readers}")
        return self
