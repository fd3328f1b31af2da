"""Framework of all versions: encode, estimate integrity, complete, validate, fuse, in two stages of training.

Li et al., "Senti-iFusion: An Integrity-centered Hierarchical Fusion Framework for Multimodal Sentiment Analysis under
Uncertain Modality Missingness", arXiv 2511.16990, 2025. `README.md` in this folder and the fields of `config.py`
separate known parts from our reading. A version adds its estimator and its fusion.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import (
    Batch,
    InputSpec,
    Modality,
    ParameterGroup,
    Prediction,
    SentimentModel,
    Stage,
    Step,
    TrainBatch,
    TrainingStatistics,
)
from baselines.layers.modality_dropout import keep_modalities
from protocols import MODALITIES, InputError
from senti_ifusion.completion import Completion, CrossModalCompletion, Prior
from senti_ifusion.config import PartsConfig
from senti_ifusion.encoders import CompleteView, ModalityEncoders
from senti_ifusion.fusion import Fused
from senti_ifusion.integrity import Estimate, Trust, blend
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


class Framework(SentimentModel):
    """All parts but the fusion; `predict` also takes an integrity from outside, for ablation and diagnostics.

    A version defines `estimator`, `fusion` and the prediction of the sentiment.

    Attributes:
        leaves_out_alone: True if the initial weights of every part are drawn from a seed of its own, and an ablation
            leaves out its part and nothing else. False for version 11: weights are drawn in one sequence, and without
            integrity estimation there is no completion either.
        fusion: Makes a `Fused` of the completed tokens and the integrity.
    """

    leaves_out_alone: ClassVar[bool] = True
    config: Any
    fusion: nn.Module

    def __init__(self, spec: InputSpec, config: PartsConfig) -> None:
        super().__init__(spec, config)
        with self.drawn_alone():
            self.encoders = self.make_encoders()
        with self.drawn_alone():
            told = config.true_integrity and self.leaves_out_alone
            self.estimator = self.make_estimator() if config.use_integrity and not told else None
        # In version 11, if every modality counts as complete, there is no gap to fill.
        fills = config.use_integrity or self.leaves_out_alone
        self.prior = Prior(config) if fills else None
        with self.drawn_alone():
            complete = fills and config.use_completion
            self.completion = CrossModalCompletion(config, self.drawn_alone) if complete else None
        self.trust = Trust(config) if fills else None
        # Its sentiment head also predicts from each modality's own tokens.
        says_sentiment = config.semantic_validation or config.alone_weight > 0
        with self.drawn_alone():
            self.semantic = SemanticValidation(config.width) if says_sentiment else None
        with self.drawn_alone():
            self.make_fusion()
        self.complete_view = CompleteView(self.encoders, config.target_momentum)

    def make_encoders(self) -> ModalityEncoders:
        """Return the encoders."""
        return ModalityEncoders(self.spec, self.config)

    @abstractmethod
    def make_estimator(self) -> nn.Module:
        """Return the estimator of integrity: `(batch, encoders)` to an `Estimate`."""

    @abstractmethod
    def make_fusion(self) -> None:
        """Make `fusion`, and whatever else predicts the sentiment."""

    @abstractmethod
    def prediction_losses(
        self, batch: TrainBatch, representation: Representation, target: Tensor, step: Step
    ) -> dict[str, Tensor]:
        """Losses of the prediction and of the fusion, from the result of stage 1 and H*, `(B, 3, K, d)`."""

    def sentiment(self, representation: Representation, fused: Fused) -> Tensor:
        """Return the prediction, `(B,)`."""
        return fused.sentiment

    @contextmanager
    def drawn_alone(self) -> Iterator[None]:
        """Draw the initial weights of a part from a seed of its own."""
        if not self.leaves_out_alone:
            yield
            return
        seed = int(torch.randint(2**62, ()))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            yield

    def initialise(self, statistics: TrainingStatistics) -> None:
        """Initialise every prediction near the median training label."""
        self.fusion.start_at(statistics.label)  # type: ignore[operator]

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
        estimate: Estimate | None = None if self.estimator is None else self.estimator(batch, self.encoders)
        told, presence = self.config.true_integrity, None if estimate is None else estimate.presence
        tokens = self.encoders(batch, _told(batch) if told else presence)
        whole = tokens.new_ones(tokens.shape[:2])
        if self.prior is None or self.trust is None:
            return Representation(tokens, None, whole, None, None, tokens)
        if integrity is None:
            estimated = whole if estimate is None else estimate.integrity
            integrity = _told_integrity(batch) if told else estimated
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
        return Prediction(self.sentiment(representation, fused), estimated, fused.dominant)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Losses of the stage; those of stage 1 have weight `stage2_weight` in stage 2, and 1 otherwise."""
        self.complete_view.follow(self.encoders)
        target = self.complete_view(self.encoders, batch.complete, self.complete_presence(batch.complete))
        if self.prior is not None:
            self.prior.follow(target, batch.complete_integrity)
        representation = self.represent(batch.input)
        weight = self.config.stage2_weight if step.stage.name == FUSION else 1.0
        terms = {k: weight * v for k, v in self.part_losses(batch, representation, target).items()}
        return terms | self.prediction_losses(batch, representation, target, step)

    def part_losses(self, batch: TrainBatch, representation: Representation, target: Tensor) -> dict[str, Tensor]:
        """Losses of stage 1: of the estimate, the two depths of validation, and the disentanglement."""
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
        return terms

    def quality_loss(self, batch: TrainBatch, representation: Representation, fused: Fused, target: Tensor) -> Tensor:
        """Squared error of the quality against the nearness of C to H*, weighted."""
        true_quality = torch.exp(-distance(representation.completed.detach(), target))
        error = weighted_mean((fused.quality - true_quality).square(), batch.complete_integrity)
        loss: Tensor = self.config.quality_weight * error
        return loss

    def task_loss(self, sentiment: Tensor, label: Tensor) -> Tensor:
        """Loss named by the config of predictions `(B,)`, or of several each, `(B, n)`, against labels `(B,)`."""
        label = label if sentiment.ndim == 1 else label[:, None].expand_as(sentiment)
        loss = {"mse": F.mse_loss, "l1": F.l1_loss, "smooth_l1": F.smooth_l1_loss}[self.config.task_loss]
        return loss(sentiment, label)

    def complete_presence(self, batch: Batch) -> dict[Modality, Tensor] | None:
        """Presence of the positions of a complete view: all but natural gaps, which are vectors of zeros."""
        if self.config.true_integrity:
            return _told(batch)
        return None if self.estimator is None else {m: (batch[m].values != 0).any(dim=-1).float() for m in MODALITIES}

    def _validated(self, representation: Representation) -> Tensor:
        """C as input of the validation losses, which train the completion and not the encoders."""
        if self.config.validate_encoders:
            return representation.completed
        tokens, proxy = representation.tokens.detach(), representation.proxy
        if self.trust is None or proxy is None:
            return tokens
        return blend(tokens, proxy, self.trust(representation.integrity))


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
