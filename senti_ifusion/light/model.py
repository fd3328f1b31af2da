"""Senti-iFusion, version 11: light heads and an attention fusion predict together."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from baselines import Batch, Modality, Step, TrainBatch, TrainingStatistics, register
from senti_ifusion.framework import COMPLETION, Framework, Representation
from senti_ifusion.fusion import Fused
from senti_ifusion.light.config import LightConfig
from senti_ifusion.light.fusion import AdaptiveFusion
from senti_ifusion.light.integrity import PointwiseEstimator
from senti_ifusion.light.readers import Readers
from senti_ifusion.model import INFO

_DIFFERENCES = (
    *INFO.differences[:3],
    "the light heads of stage 1 share the prediction with the fusion (config field fusion_share)",
    "integrity is estimated position by position, from the position alone; positions judged absent have no weight in "
    "the encoders",
)


@register(
    "senti-ifusion-light",
    config=LightConfig,
    info=replace(INFO, title="Senti-iFusion, light", version=11, differences=_DIFFERENCES),
)
class SentiIFusionLight(Framework):
    """Version 11 of the model, whose stored runs are read under this name."""

    leaves_out_alone = False
    config: LightConfig

    def make_estimator(self) -> PointwiseEstimator:
        """Return the estimator that sees one position at a time."""
        return PointwiseEstimator(self.spec, self.config)

    def make_fusion(self) -> None:
        """Make the light heads and the fusion."""
        self.light_head = Readers(self.config)
        self.fusion = AdaptiveFusion(self.config)

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Initialise every prediction near the median training label."""
        self.light_head.start_at(statistics.label)
        super().initialise(statistics)

    def part_losses(self, batch: TrainBatch, representation: Representation, target: Tensor) -> dict[str, Tensor]:
        """Losses of stage 1, the predictions of the light heads included."""
        terms = super().part_losses(batch, representation, target)
        return terms | {"light_task": self.task_loss(self._light_scores(representation), batch.label)}

    @torch.no_grad()
    def complete_presence(self, batch: Batch) -> dict[Modality, Tensor] | None:
        """Presence of the positions of a complete view, as the estimator sees them."""
        if self.config.true_integrity or self.estimator is None:
            return super().complete_presence(batch)
        presence: dict[Modality, Tensor] = self.estimator(batch, self.encoders).presence
        return presence

    def prediction_losses(
        self, batch: TrainBatch, representation: Representation, target: Tensor, step: Step
    ) -> dict[str, Tensor]:
        """Losses of the fusion, which stage 1 does not train, and of the common prediction."""
        if step.stage.name == COMPLETION:
            return {}
        fused = self.fusion(representation.completed, representation.integrity)
        return {
            "quality": self.quality_loss(batch, representation, fused, target),
            "fused_task": self.config.fusion_weight * self.task_loss(fused.sentiment, batch.label),
            "task": self.task_loss(self.sentiment(representation, fused), batch.label),
        }

    def sentiment(self, representation: Representation, fused: Fused) -> Tensor:
        """Return the mean of the light heads, averaged with the prediction of the fusion."""
        light = self._light_scores(representation).mean(dim=1)
        return light.lerp(fused.sentiment, self.config.fusion_share)

    def _light_scores(self, representation: Representation) -> Tensor:
        scores: Tensor = self.light_head(representation.completed, representation.integrity)
        return scores
