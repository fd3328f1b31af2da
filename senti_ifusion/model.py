"""Senti-iFusion: encoders, integrity estimation, completion, fusion, and their two stages of training.

Li et al., "Senti-iFusion: An Integrity-centered Hierarchical Fusion Framework for Multimodal Sentiment Analysis under
Uncertain Modality Missingness", arXiv 2511.16990, 2025. `README.md` in this folder and the fields of `config.py` tell
what is known of it from what is our reading.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines import (
    Batch,
    InputSpec,
    Modality,
    ModelInfo,
    ParameterGroup,
    Prediction,
    SentimentModel,
    Stage,
    Step,
    TrainBatch,
    TrainingStatistics,
    register,
)
from baselines.layers.modality_dropout import keep_modalities
from protocols import InputError
from senti_ifusion.completion import Completion, CrossModalCompletion, Prior
from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.encoders import CompleteView, ModalityEncoders
from senti_ifusion.fusion import AdaptiveFusion, Fused
from senti_ifusion.integrity import Estimate, IntegrityEstimator, Trust, blend
from senti_ifusion.losses import (
    SemanticValidation,
    consistency_loss,
    distance,
    feature_loss,
    integrity_loss,
    presence_loss,
    private_loss,
    weighted_mean,
)
from senti_ifusion.readers import Readers

COMPLETION, FUSION, JOINT = "completion", "fusion", "joint"


class Representation(NamedTuple):
    """Result of stage 1 for a batch, for training and for diagnostics.

    Attributes:
        tokens: Encoded tokens H, `(B, 3, K, d)`.
        estimate: Estimate of integrity and presence; None without the estimator.
        integrity: Integrity I used as weight everywhere, `(B, 3)`: estimated, given, or ones.
        completion: Result of the completion; None without it.
        proxy: Replacement of missing tokens, by the completion or the prior; None if nothing counts as missing.
        completed: Completed tokens C, `(B, 3, K, d)`.
    """

    tokens: Tensor
    estimate: Estimate | None
    integrity: Tensor
    completion: Completion | None
    proxy: Tensor | None
    completed: Tensor

    @property
    def estimated(self) -> Tensor | None:
        """The estimated integrity, `(B, 3)`; None without the estimator."""
        return None if self.estimate is None else self.estimate.integrity


@register(
    "senti-ifusion",
    config=SentiIFusionConfig,
    info=ModelInfo(
        title="Senti-iFusion",
        paper="Senti-iFusion: An Integrity-centered Hierarchical Fusion Framework for Multimodal Sentiment Analysis "
        "under Uncertain Modality Missingness (arXiv 2511.16990)",
        year=2025,
        url="https://arxiv.org/abs/2511.16990",
        uses_complete_view=True,
        version=11,
        missing_parts="selection",
        uses_masks=True,
        differences=(
            "built from the abstract and the figure captions: the components, their order and purpose, dual-depth "
            "validation and two-stage training are the paper's",
            "every equation, size, weight and setting is our reading, one named config field each",
            "the light heads of stage 1 share the prediction with the fusion (config field fusion_share); encoders are "
            "a mean and events, without attention, since training sets are small",
            "integrity is estimated position by position, and positions judged absent have no weight in the encoders",
        ),
    ),
)
class SentiIFusion(SentimentModel):
    """The six parts of the model; `predict` also takes an integrity from outside, for ablation and diagnostics."""

    def __init__(self, spec: InputSpec, config: SentiIFusionConfig) -> None:
        super().__init__(spec, config)
        self.encoders = ModalityEncoders(spec, config)
        self.estimator = IntegrityEstimator(spec, config) if config.use_integrity else None
        self.prior = Prior(config) if config.use_integrity else None
        # If every modality counts as complete, there is no gap to fill.
        complete = config.use_integrity and config.use_completion
        self.completion = CrossModalCompletion(config) if complete else None
        self.trust = Trust(config) if config.use_integrity else None
        # Its sentiment head also predicts from each modality's own tokens.
        says_sentiment = config.semantic_validation or config.alone_weight > 0
        self.semantic = SemanticValidation(config.width) if says_sentiment else None
        self.light_head = Readers(config)
        self.fusion = AdaptiveFusion(config)
        self.complete_view = CompleteView(self.encoders, config.target_momentum)

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Initialise every prediction near the median training label."""
        self.light_head.start_at(statistics.label)
        self.fusion.start_at(statistics.label)

    def stages(self, epochs: int) -> list[Stage]:
        """Return `completion`, then `fusion`, where the checkpoint is chosen; or one `joint` stage if not progressive.

        A budget of fewer than two epochs cannot be divided and is one joint stage.
        """
        if not self.config.progressive or epochs < 2:
            return [Stage(JOINT, epochs)]
        first = min(max(round(self.config.stage1_share * epochs), 1), epochs - 1)
        return [Stage(COMPLETION, first, selects=False), Stage(FUSION, epochs - first)]

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Stage 1: everything but the fusion. Stage 2: the fusion, and the rest at `stage2_rate`."""
        fusion = list(self.fusion.parameters())
        known = {id(p) for p in fusion} | {id(p) for p in self.complete_view.parameters()}
        rest = [p for p in self.parameters() if id(p) not in known]
        if stage.name == COMPLETION:
            return [ParameterGroup(rest)]
        scale = self.config.stage2_rate if stage.name == FUSION else 1.0
        return [ParameterGroup(fusion), *([ParameterGroup(rest, scale)] if scale > 0 else [])]

    def represent(self, batch: Batch, integrity: Tensor | None = None) -> Representation:
        """Run stage 1: estimate, encode, complete.

        Args:
            batch: B samples.
            integrity: `(B, 3)` to use in place of the estimate: the true one, or a permuted one.
        """
        if self.estimator is None or self.prior is None or self.trust is None:
            tokens = self.encoders(batch)
            whole = tokens.new_ones(tokens.shape[:2])
            return Representation(tokens, None, whole, None, None, tokens)
        estimate = self.estimator(batch, self.encoders)
        told = self.config.true_integrity
        tokens = self.encoders(batch, _told(batch) if told else estimate.presence)
        if integrity is None:
            integrity = _told_integrity(batch) if told else estimate.integrity
            integrity = integrity.detach() if self.config.detach_integrity else integrity
            integrity = self._drop(integrity)
        prior = self.prior()
        completion = None if self.completion is None else self.completion(tokens, integrity, prior)
        proxy = prior.expand_as(tokens) if completion is None else completion.proxy
        completed = blend(tokens, proxy, self.trust(integrity))
        return Representation(tokens, estimate, integrity, completion, proxy, completed)

    def _drop(self, integrity: Tensor) -> Tensor:
        """Set integrities to 0 at random in training, so that their replacements are trained."""
        rate = self.config.integrity_dropout
        if not self.training or rate == 0:
            return integrity
        return integrity * keep_modalities(len(integrity), rate, integrity.device)

    def forward(self, batch: Batch) -> Prediction:
        """Predict sentiment `(B,)`, estimated integrity `(B, 3)` and dominant modality `(B,)`."""
        return self.predict(batch)

    def predict(self, batch: Batch, integrity: Tensor | None = None) -> Prediction:
        """Predict as `forward` does, weighted by `integrity` `(B, 3)` in place of the estimate if it is given."""
        representation = self.represent(batch, integrity)
        fused = self.fusion(representation.completed, representation.integrity)
        estimated = None if self.config.true_integrity else representation.estimated
        return Prediction(self._sentiment(representation, fused), estimated, fused.dominant)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Losses of the stage; those of stage 1 have weight `stage2_weight` in stage 2, and 1 otherwise."""
        self.complete_view.follow(self.encoders)
        target = self.complete_view(self.encoders, batch.complete, self._complete_presence(batch.complete))
        if self.prior is not None:
            self.prior.follow(target, batch.complete_integrity)
        representation = self.represent(batch.input)
        weight = self.config.stage2_weight if step.stage.name == FUSION else 1.0
        terms = {k: weight * v for k, v in self._completion_losses(batch, representation, target).items()}
        if step.stage.name == COMPLETION:
            return terms
        fused = self.fusion(representation.completed, representation.integrity)
        true_quality = torch.exp(-distance(representation.completed.detach(), target))
        error = weighted_mean((fused.quality - true_quality).square(), batch.complete_integrity)
        terms["quality"] = self.config.quality_weight * error
        terms["fused_task"] = self.config.fusion_weight * self._task_loss(fused.sentiment, batch.label)
        terms["task"] = self._task_loss(self._sentiment(representation, fused), batch.label)
        return terms

    def _completion_losses(
        self, batch: TrainBatch, representation: Representation, target: Tensor
    ) -> dict[str, Tensor]:
        config, present = self.config, batch.complete_integrity
        terms: dict[str, Tensor] = {}
        if representation.estimate is not None:
            error = integrity_loss(representation.estimate.integrity, batch.integrity)
            error = error + presence_loss(representation.estimate.logits, batch)
            terms["integrity"] = config.integrity_weight * error
        completed = self._validated(representation)
        if config.feature_validation:
            terms["feature"] = config.feature_weight * feature_loss(completed, target, present)
        if self.semantic is not None and config.semantic_validation:
            loss = self.semantic(completed, target, batch.label, present)
            terms["semantic"] = config.semantic_weight * loss
        if self.semantic is not None and config.alone_weight > 0:
            alone = self.semantic.alone(representation.tokens, batch.label, batch.integrity)
            terms["alone"] = config.alone_weight * alone
        completion = representation.completion
        if self.completion is not None and completion is not None and completion.private is not None:
            shared = self.completion.to_shared(target)
            apart = consistency_loss(shared, present, config.consistency_temperature)
            apart = apart + private_loss(completion.shared, completion.private, representation.tokens.detach(), present)
            terms["disentanglement"] = config.disentanglement_weight * apart
        answers = self._light_scores(representation)
        terms["light_task"] = self._task_loss(answers, batch.label[:, None].expand_as(answers))
        return terms

    @torch.no_grad()
    def _complete_presence(self, batch: Batch) -> dict[Modality, Tensor] | None:
        if self.estimator is None:
            return None
        return _told(batch) if self.config.true_integrity else self.estimator(batch, self.encoders).presence

    def _validated(self, representation: Representation) -> Tensor:
        """C as input of the validation losses, which train the completion and not the encoders."""
        if self.config.validate_encoders:
            return representation.completed
        tokens, proxy = representation.tokens.detach(), representation.proxy
        if self.trust is None or proxy is None:
            return tokens
        return blend(tokens, proxy, self.trust(representation.integrity))

    def _light_scores(self, representation: Representation) -> Tensor:
        scores: Tensor = self.light_head(representation.completed, representation.integrity)
        return scores

    def _sentiment(self, representation: Representation, fused: Fused) -> Tensor:
        light = self._light_scores(representation).mean(dim=1)
        return light.lerp(fused.sentiment, self.config.fusion_share)

    def _task_loss(self, sentiment: Tensor, label: Tensor) -> Tensor:
        if self.config.task_loss == "mse":
            return F.mse_loss(sentiment, label)
        return F.l1_loss(sentiment, label) if self.config.task_loss == "l1" else F.smooth_l1_loss(sentiment, label)


def _told(batch: Batch) -> dict[Modality, Tensor]:
    if batch.observed is None:
        raise _untold("the observed positions")
    return {m: flags.float() for m, flags in batch.observed.items()}


def _told_integrity(batch: Batch) -> Tensor:
    if batch.integrity is None:
        raise _untold("the integrity")
    return batch.integrity


def _untold(what: str) -> InputError:
    return InputError(
        f"true_integrity: the batch does not give {what}; use the registered variant 'senti-ifusion-true-integrity', "
        "which declares this input"
    )
