"""CMAD: Correlation-aware and Modalities-aware Distillation (ICCV 2025).

Teacher and student are one network: a Perceiver reads each modality, a Transformer joins the three vectors, and a layer
of width d, `h`, predicts the sentiment. The teacher learns from complete samples in stage 1 and is then fixed. The
student learns from incomplete ones in stage 2, and imitates it:

    L_cafd = mean over i of KL_i |h_i - t_i|^2 / d  +  sum of diag D / sum of D,      D = |C(t, t) - C(h, t)|
    L      = mean over i of w_i (|y_i - y'_i| + (y'_i - y^t_i)^2) + 0.1 L_cafd

with `C` the cosines of two batches and `KL_i` the divergence, in both directions, of the softmax of row i of
`C(h, t) / 0.2` and of `C(t, t) / 0.2`. The weight `w` belongs to the combination of modalities that a sample has: 1
at first, later 20 (g / max g)^2, where g is the mean excess of the student's error over the teacher's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import (
    MODALITIES,
    Batch,
    InputSpec,
    ModelConfig,
    ModelInfo,
    Optimisation,
    ParameterGroup,
    Prediction,
    SentimentModel,
    Stage,
    Step,
    TrainBatch,
)
from baselines.layers.cross_modal import TemporalConvolution
from baselines.layers.heads import Heads
from baselines.layers.missing_prompts import drop_modalities, silenced
from baselines.layers.perceiver import LatentReader
from baselines.layers.two_stages import two_stages
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class CmadConfig(ModelConfig):
    """Published sizes but for the depth of the Perceivers, which is 5 for MOSEI, and an optimiser for a frozen encoder.

    With a fine-tuned encoder all rates are 2e-5.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(48, 96, 192),
        "depth": Choice(1, 2, 3, 5),
        "dropout": Interval(0.1, 0.5),
        "modality_dropout": Interval(0.0, 0.9),
        "feature_weight": Interval(0.02, 0.5, log=True),
        "imitation_weight": Interval(0.1, 2.0),
    }

    width: int = Field(default=96, ge=1, description="d: width of all vectors")
    heads: Heads = Field(default=16, description="number of attention heads; must divide the width")
    head_width: int = Field(default=16, ge=1, description="width of each head of a Perceiver")
    depth: int = Field(default=2, ge=1, description="number of reading blocks of a Perceiver")
    latents: int = Field(default=5, ge=1, description="number of latent vectors of a Perceiver")
    layers: int = Field(default=2, ge=1, description="depth of the Transformer over the three modalities")
    hidden: int = Field(default=2048, ge=1, description="feed-forward width of this Transformer")
    dropout: float = Field(default=0.3, ge=0, lt=1, description="dropout behind the fusion")
    modality_dropout: float = Field(
        default=13 / 14, ge=0, le=1, description="share of samples of which stage 2 drops one or two modalities"
    )
    temperature: float = Field(default=0.2, gt=0, description="divisor of cosines before their softmax")
    feature_weight: float = Field(default=0.1, ge=0, description="weight of the distillation of features")
    imitation_weight: float = Field(default=1.0, ge=0, description="weight of the distance from the teacher's answer")
    combination_weight: float = Field(default=20.0, gt=0, description="weight of the hardest combination of modalities")
    observing: float = Field(default=0.2, ge=0, le=1, description="share of stage 2 before combinations are weighted")
    teaching: float = Field(default=0.4, gt=0, lt=1, description="share of the epochs of stage 1")
    optimisation: Optimisation = Optimisation(
        learning_rate=5e-4, encoder_learning_rate=2e-5, weight_decay=5e-4, batch_size=64, epochs=80, patience=15
    )


class FusionOutput(NamedTuple):
    """Result of a network: fused vector `(B, d)` and sentiment `(B,)`."""

    fused: Tensor
    sentiment: Tensor


class PerceiverFusion(nn.Module):
    """Perceivers of the modalities, a Transformer over their vectors, a fused vector, the sentiment."""

    def __init__(self, spec: InputSpec, config: CmadConfig) -> None:
        super().__init__()
        width = config.width
        kernels = {"text": 3, "audio": 1, "vision": 1}
        self.project = nn.ModuleDict({m: TemporalConvolution(spec.width(m), width, kernels[m]) for m in MODALITIES})
        self.read = nn.ModuleDict(
            {m: LatentReader(width, config.depth, config.heads, config.head_width, config.latents) for m in MODALITIES}
        )
        layer = nn.TransformerEncoderLayer(width, config.heads, config.hidden)
        self.join = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.fuse = nn.Sequential(nn.Linear(3 * width, width), nn.Dropout(config.dropout), nn.ReLU())
        self.score = nn.Linear(width, 1)

    def forward(self, batch: Batch) -> FusionOutput:
        """Run the network on a batch."""
        vectors = [self.read[m](self.project[m](batch[m]), batch[m].padding) for m in MODALITIES]
        joined = self.join(torch.stack(vectors)).transpose(0, 1).flatten(1)
        fused = self.fuse(joined)
        return FusionOutput(fused, self.score(fused).squeeze(-1))


@register(
    "cmad",
    config=CmadConfig,
    info=ModelInfo(
        title="CMAD",
        paper="CMAD: Correlation-Aware and Modalities-Aware Distillation for Multimodal Sentiment Analysis with "
        "Missing Modalities (ICCV 2025)",
        year=2025,
        url="https://github.com/YetZzzzzz/CMAD",
        licence="MIT",
        uses_complete_view=True,
        missing_parts="distillation",
        uses_masks=True,
        differences=(
            "teacher and student are trained in one run, the teacher in its first 40 % of the epochs; the official "
            "code trains the teacher in a run before, and gives each a BERT",
            "on top of what the regime erases, one or two modalities are dropped from 13 of 14 samples, all six "
            "combinations alike; the official code draws those without text and with text alone more often",
            "a modality that is missing in part counts as present; samples with no modality left are a combination too",
            "padding is hidden from the Perceivers; the official code reads it",
            "the gradient is clipped to a norm of 1; the official code does not clip the student's",
            "batches of 64 and one learning rate of 5e-4 for a frozen encoder; the official rate is 2e-5, for a BERT",
            "the released code keeps the epoch with the highest F1 of complete validation samples, and takes the last "
            "teacher; here the checkpoint is selected on validation MAE under the regime",
        ),
    ),
)
class Cmad(SentimentModel):
    """A student of incomplete samples and its teacher of complete ones."""

    config: CmadConfig
    excess: Tensor
    counted: Tensor

    def __init__(self, spec: InputSpec, config: CmadConfig) -> None:
        super().__init__(spec, config)
        self.teacher = PerceiverFusion(spec, config)
        self.student = PerceiverFusion(spec, config)
        self.register_buffer("excess", torch.zeros(2 ** len(MODALITIES)))
        self.register_buffer("counted", torch.zeros(2 ** len(MODALITIES)))

    def stages(self, epochs: int) -> list[Stage]:
        """Return the teacher, then the student; both at once for a budget of one epoch."""
        return two_stages(epochs, self.config.teaching, "teacher", "student")

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return the parameters of the teacher in stage 1, of the student in stage 2, of both if joint."""
        chosen = {"teacher": self.teacher, "student": self.student}.get(stage.name, self)
        return [ParameterGroup(list(chosen.parameters()))]

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)` by the student."""
        return Prediction(self.student(batch).sentiment)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the teacher's error in stage 1; in stage 2 the student's, weighted, and its distances from it."""
        if step.stage.name == "teacher":
            return {"teacher": F.l1_loss(self.teacher(batch.complete).sentiment, batch.label)}
        config, terms = self.config, {}
        if step.stage.name == "joint":
            terms["teacher"] = F.l1_loss(self.teacher(batch.complete).sentiment, batch.label)
        taught = self._fixed_teacher(batch.complete)
        rate = config.modality_dropout if self.training else 0.0
        dropped = drop_modalities(len(batch), rate, batch.label.device)
        told = self.student(silenced(batch.input, dropped))
        error = (told.sentiment - batch.label).abs()
        combination = combinations(~dropped & (batch.integrity > 0))
        excess = F.relu(error.detach() - (taught.sentiment - batch.label).abs())
        weight = self._weights(combination, excess, observing=step.progress < config.observing)
        imitation = (told.sentiment - taught.sentiment).square()
        return {
            **terms,
            "task": (weight * error).mean(),
            "imitation": config.imitation_weight * (weight * imitation).mean(),
            "features": config.feature_weight * feature_distillation(told.fused, taught.fused, config.temperature),
        }

    @torch.no_grad()
    def _fixed_teacher(self, batch: Batch) -> FusionOutput:
        """Run the teacher without dropout."""
        training = self.teacher.training
        self.teacher.eval()
        output: FusionOutput = self.teacher(batch)
        self.teacher.train(training)
        return output

    @torch.no_grad()
    def _weights(self, combination: Tensor, excess: Tensor, *, observing: bool) -> Tensor:
        """Return the weight of each sample, `(B,)`: 1 while observing, which adds up the excess of combinations."""
        if observing:
            self.excess.index_add_(0, combination, excess)
            self.counted.index_add_(0, combination, torch.ones_like(excess))
        if observing or not self.excess.any():
            return torch.ones_like(excess)
        mean = self.excess / self.counted.clamp(min=1)
        weight: Tensor = (self.config.combination_weight * (mean / mean.max()).square())[combination]
        return weight


def combinations(there: Tensor) -> Tensor:
    """Number the combinations of modalities in `(B, 3)` bool from 0 (none) to 7 (all), `(B,)` int64."""
    places = 2 ** torch.arange(there.shape[1], device=there.device)
    return (there * places).sum(dim=1)


def feature_distillation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the distance of features `(B, d)`, weighted by that of their likeness to other samples: a scalar."""
    unit = F.normalize(student, dim=-1), F.normalize(teacher, dim=-1)
    mixed, own = unit[0] @ unit[1].T, unit[1] @ unit[1].T
    difference = (own - mixed).abs()
    share = difference.diagonal().sum() / difference.sum().clamp(min=1e-8)
    first, second = ((side / temperature).log_softmax(dim=-1) for side in (mixed, own))
    apart = (
        F.kl_div(first, second, reduction="none", log_target=True)
        + F.kl_div(second, first, reduction="none", log_target=True)
    ).sum(dim=-1) / 2
    return (apart * (student - teacher).square().mean(dim=-1)).mean() + share
