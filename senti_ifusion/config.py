"""Config of Senti-iFusion: every choice is one field.

KNOWN: stated in the abstract or the figure captions of the paper. READING: our own choice, as the paper's equations and
settings were not available; whoever has the paper can correct it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from baselines import Choice, Interval, ModelConfig, Optimisation
from baselines.layers.inputs import InputNorm
from baselines.search import Search


class PartsConfig(ModelConfig):
    """Config of the parts that all versions have; the fields of the ablation switch off single parts."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 96, 192),
        "events": Choice(16, 32),
        "neighbours": Choice(0, 1, 2),
        "dropout": Interval(0.0, 0.6),
        "event_dropout": Interval(0.0, 0.5),
        "stream_norm": Choice("none", "log", "layer"),
        "integrity_dropout": Interval(0.0, 0.4),
        "feature_weight": Interval(0.05, 1.0, log=True),
        "stage1_share": Interval(0.1, 0.6),
        "task_loss": Choice("l1", "smooth_l1", "mse"),
    }

    # Encoders. READING throughout.
    width: int = Field(96, ge=8, description="d; READING")
    tokens: int = Field(2, ge=2, description="K, tokens of a modality: its mean, and K - 1 event tokens; READING")
    heads: int = Field(4, ge=1, description="attention heads in every attention layer; READING")
    text_norm: InputNorm = Field("layer", description="normalisation of text states; READING")
    stream_norm: InputNorm = Field("none", description="normalisation of audio and vision; READING")
    events: int = Field(32, ge=1, description="kinds of events that a token reads; READING")
    neighbours: int = Field(
        1, ge=0, description="audio / vision steps on either side whose average is added to a step; READING"
    )
    event_dropout: float = Field(0.05, ge=0, lt=1, description="dropout of audio and vision features; READING")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout of text features, in sub-layers and in heads; READING")

    # Integrity estimation. KNOWN: it predicts completeness and mitigates the noise of incomplete data.
    use_integrity: bool = Field(True, description="ablation: False treats every modality as complete (I = 1)")
    true_integrity: bool = Field(
        False, description="ablation: True weights by the true integrity, given at test time, not an estimate"
    )
    integrity_hidden: int = Field(32, ge=1, description="hidden width of the presence estimator; READING")
    integrity_weight: float = Field(1.0, ge=0, description="weight of the losses of the estimate; READING")
    integrity_dropout: float = Field(
        0.06, ge=0, lt=1, description="probability that training treats a modality as missing; READING"
    )
    detach_integrity: bool = Field(
        True, description="only the integrity loss trains the estimate, not the losses it weights; READING"
    )

    # Integrity-weighted completion. KNOWN: it weights, disentangles shared from private, recovers what is missing.
    use_completion: bool = Field(True, description="ablation: False leaves gaps to the prior")
    disentanglement: bool = Field(True, description="ablation: False drops the consistency and private losses")
    disentanglement_weight: float = Field(0.1, ge=0, description="READING")
    consistency_temperature: float = Field(
        0.2, gt=0, description="temperature of the contrastive consistency loss; READING"
    )
    trust_half: float = Field(
        0.1, gt=0, description="initial h: integrity at which own tokens and proxy weigh about equal; READING"
    )
    detach_donors: bool = Field(True, description="the proxy does not train the encoders; READING")
    donor_temperature: float = Field(0.5, gt=0, description="tau of the donor weights; READING")

    # Dual-depth validation. KNOWN: feature level and semantic level, training only.
    feature_validation: bool = Field(True, description="ablation: False drops the feature-level loss")
    semantic_validation: bool = Field(True, description="ablation: False drops the semantic-level loss")
    validate_encoders: bool = Field(False, description="True: both losses also train the encoders; READING")
    feature_weight: float = Field(0.5, ge=0, description="READING")
    semantic_weight: float = Field(0.25, ge=0, description="READING")
    alone_weight: float = Field(
        0.3, ge=0, description="weight of the loss of predictions from each modality's own tokens; READING"
    )
    target_momentum: float = Field(
        0.0, ge=0, lt=1, description="0: targets from the encoder; else from its moving average; READING"
    )

    # Integrity-guided adaptive fusion. KNOWN: the dominant modality is chosen by completeness and quality; attention
    # over several scales.
    adaptive_fusion: bool = Field(True, description="ablation: False fuses all modalities with equal weight")
    dominant: Literal["auto", "text"] = Field("auto", description="ablation: 'text' always lets language lead")
    choice_temperature: float = Field(
        0.5, gt=0, description="tau of the lead, R^(1 / tau): near 0 the dominant modality leads alone; READING"
    )
    quality_weight: float = Field(0.3, ge=0, description="weight of the loss of the quality head; READING")
    fusion_weight: float = Field(1.0, ge=0, description="weight of the loss of the fusion's own prediction; READING")

    # Progressive training. KNOWN: two stages.
    progressive: bool = Field(True, description="ablation: False trains everything in one stage")
    stage1_share: float = Field(0.3, gt=0, lt=1, description="share of the epochs in stage 1; READING")
    stage2_rate: float = Field(1.0, ge=0, description="learning rate of stage-1 parts in stage 2; READING")
    stage2_weight: float = Field(0.5, ge=0, description="weight of the stage-1 losses in stage 2; READING")

    # The task. READING.
    task_loss: Literal["l1", "smooth_l1", "mse"] = Field("smooth_l1", description="READING")
    optimisation: Optimisation = Optimisation(
        learning_rate=8e-3, weight_decay=1e-3, batch_size=32, epochs=40, patience=40
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be divisible by heads {self.heads}")
        return self


class SentiIFusionConfig(PartsConfig):
    """Config of Senti-iFusion, version 12."""

    # Integrity estimation. READING.
    window: int = Field(7, ge=1, description="positions around each that the estimator convolves, odd; READING")

    # Fusion. READING: the led attention, and scales as parts of the width.
    scales: int = Field(4, ge=1, description="parts of the width that predict separately, each led; READING")
    asked: int = Field(32, ge=1, description="width of the queries of the lead; READING")
    fusion_hidden: int = Field(64, ge=1, description="width inside the regression head of a scale; READING")
    reliability_power: float = Field(
        0.15, gt=0, description="initial power of the reliability that makes a modality quiet; READING"
    )

    @model_validator(mode="after")
    def _scales_divide_width(self) -> Self:
        if self.width % self.scales:
            raise ValueError(f"width {self.width} must be divisible by scales {self.scales}")
        if self.window % 2 == 0:
            raise ValueError(f"window {self.window} must be odd")
        return self
