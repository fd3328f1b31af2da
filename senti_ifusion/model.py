"""Senti-iFusion, version 12: the fusion alone predicts, led by the most reliable modalities."""

from __future__ import annotations

from torch import Tensor

from baselines import ModelInfo, ParameterGroup, Stage, Step, TrainBatch, register
from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.framework import COMPLETION, Framework, Representation
from senti_ifusion.fusion import LedFusion
from senti_ifusion.integrity import IntegrityEstimator

INFO = ModelInfo(
    title="Senti-iFusion",
    paper="Senti-iFusion: An Integrity-centered Hierarchical Fusion Framework for Multimodal Sentiment Analysis "
    "under Uncertain Modality Missingness (arXiv 2511.16990)",
    year=2025,
    url="https://arxiv.org/abs/2511.16990",
    uses_complete_view=True,
    complete_is_target=True,
    version=12,
    missing_parts="selection",
    uses_masks=True,
    differences=(
        "built from the abstract and the figure captions: the components, their order and purpose, dual-depth "
        "validation and two-stage training are the paper's",
        "every equation, size, weight and setting is our reading, one named config field each",
        "encoders are a mean and events, without attention, since training sets are small",
        "integrity is estimated position by position, from its surroundings and the other modalities; "
        "positions judged absent have no weight in the encoders",
        "a scale of the fusion is a part of the width, which predicts separately; the modalities are concatenated",
    ),
)


@register("senti-ifusion", config=SentiIFusionConfig, info=INFO)
class SentiIFusion(Framework):
    """The paper's parts; stage 1 trains the regression heads without a leader, stage 2 with one."""

    config: SentiIFusionConfig

    def make_estimator(self) -> IntegrityEstimator:
        """Return the estimator that sees the surroundings of a position and the other modalities."""
        return IntegrityEstimator(self.spec, self.config)

    def make_fusion(self) -> None:
        """Make the led fusion."""
        self.fusion = LedFusion(self.config)

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Stage 1: all parameters. Stage 2: the fusion, and the rest at `stage2_rate`."""
        groups = super().parameter_groups(stage, sweep)
        return [ParameterGroup(list(self.fusion.parameters())), *groups] if stage.name == COMPLETION else groups

    def prediction_losses(
        self, batch: TrainBatch, representation: Representation, target: Tensor, step: Step
    ) -> dict[str, Tensor]:
        """Losses of the quality, of the prediction of every scale, and of their mean."""
        led = step.stage.name != COMPLETION
        fused = self.fusion(representation.completed, representation.integrity, led=led)
        return {
            "quality": self.quality_loss(batch, representation, fused, target),
            "fused_task": self.config.fusion_weight * self.task_loss(fused.scales, batch.label),
            "task": self.task_loss(fused.sentiment, batch.label),
        }
