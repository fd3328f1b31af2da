"""TMDC: Two-stage Modality Denoising and Complementation (AAAI 2026, arXiv 2511.10325).

Every modality m is projected to steps `x_m`, and encoded by variational information bottlenecks as a specific
representation and, by one bottleneck for all modalities, as a common one:

    s_m = mu_m + eps sigma_m,    c_m alike,    sigma = softplus(. - 5)

An attention without softmax (`A(q, k) = q + y + MLP(y)`, `y = W_Q q (W_K k)^T W_V k / sqrt(d)`) then mixes steps. In
stage 1, on complete samples, both representations of each modality predict the sentiment, before and after their
attention on themselves, and the bottlenecks are kept narrow by a divergence. In stage 2 a present modality is
`A_m(s_m, c_m)`, and a missing one is complemented from the n present ones by the common attention,

    sum over ordered pairs of A(c_i, s_j),  i != j;    A(c_i, s_i) for n = 1

A residual block over the three, concatenated step by step, predicts the sentiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Normal
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
from baselines.layers.alignment import resample
from baselines.layers.availability import (
    detection_loss,
    missing_modalities,
    text_is_missing,
    with_dropped_modalities,
)
from baselines.layers.bottleneck import Bottleneck
from baselines.layers.heads import Heads
from baselines.layers.residual_head import ResidualHead
from baselines.layers.two_stages import all_but, two_stages
from baselines.layers.variational import divergence_from_standard
from baselines.registry import register
from baselines.search import Choice, Interval, Search

#: Index of each ordered pair of modalities, equal ones included.
_PAIRS = tuple(product(range(len(MODALITIES)), repeat=2))


class TmdcConfig(ModelConfig):
    """Published sizes for MOSI and MOSEI, and an optimiser for few epochs."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "steps": Choice(1, 4, 8, 16),
        "dropout": Interval(0.1, 0.5),
        "modality_dropout": Interval(0.0, 0.9),
        "pretraining": Interval(0.2, 0.5),
        "divergence_weight": Interval(0.001, 0.1, log=True),
    }

    width: int = Field(default=256, ge=1, description="width of all representations")
    heads: Heads = Field(default=2, description="number of attention heads; must divide the width")
    steps: int = Field(default=8, ge=1, description="steps that every modality is resampled to")
    dropout: float = Field(default=0.3, ge=0, lt=1, description="dropout on projected steps and in the head")
    divergence_weight: float = Field(default=0.01, ge=0, description="weight of the divergence of the bottlenecks")
    modality_dropout: float = Field(
        default=6 / 7, ge=0, le=1, description="share of samples of which stage 2 drops one or two modalities"
    )
    pretraining: float = Field(default=0.3, gt=0, lt=1, description="share of the epochs of stage 1")
    optimisation: Optimisation = Optimisation(
        learning_rate=5e-4, weight_decay=1e-5, batch_size=32, epochs=100, patience=20, warmup=0.0, algorithm="adam"
    )


class ProductAttention(nn.Module):
    """Attention whose weights are products of queries and keys, without softmax, and a residual MLP.

    Args:
        width: Width d.
        heads: Number of attention heads; must divide the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Attend from `target` `(B, S, d)` to `source` `(B, S, d)`."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)) for part in (self.query(target), self.key(source), self.value(source))
        )
        # (query key^T) value = query (key^T value): without a softmax the order is free, and this one has no S x S
        picked = torch.einsum("bthd,bshd,bshe->bthe", query, key, value).flatten(2)
        picked = picked * (query.shape[-1] ** -0.5)
        enriched: Tensor = target + picked + self.mlp(picked)
        return enriched


class _Parts(NamedTuple):
    """Gaussians of specific and of common representations by modality, each `(B, S, d)`, and samples of them."""

    gaussians: dict[str, list[Normal]]
    specific: list[Tensor]
    common: list[Tensor]


@register(
    "tmdc",
    config=TmdcConfig,
    info=ModelInfo(
        title="TMDC",
        paper="TMDC: A Two-Stage Modality Denoising and Complementation Framework for Multimodal Sentiment Analysis "
        "with Missing and Noisy Modalities (AAAI 2026)",
        year=2026,
        url="https://github.com/YetZzzzzz/TMDC",
        licence="MIT",
        uses_complete_view=True,
        missing_parts="generation",
        uses_masks=True,
        differences=(
            "one model for all combinations of modalities, drawn in stage 2 with equal shares; the official code "
            "trains a model for each, and is told which one it is",
            "which modalities are missing is not told: audio and vision are if all their steps are zeros, the text if "
            "a linear detector on its mean state says so, which is trained in stage 2 (769 parameters with BERT)",
            "steps are eight equal stretches of an utterance, and its prediction the mean of theirs; those of the "
            "official code are utterances of a video, each with its label",
            "predictions use the means of the bottlenecks; the official code samples at test time as well",
            "all three modalities missing, which the paper leaves out, are treated as present",
            "the released code reports the epoch with the highest F1 on the test set; here the checkpoint is selected "
            "on validation MAE. The best epochs of stage 1, which it means to load, are references to the last",
        ),
    ),
)
class Tmdc(SentimentModel):
    """Bottlenecks, attention on the other representation or on other modalities, a residual block."""

    config: TmdcConfig

    def __init__(self, spec: InputSpec, config: TmdcConfig) -> None:
        super().__init__(spec, config)
        width = config.width
        self.project = nn.ModuleDict({m: nn.Linear(spec.width(m), width, bias=False) for m in MODALITIES})
        self.dropout = nn.Dropout(config.dropout)
        kinds = (*MODALITIES, "common")
        self.bottleneck = nn.ModuleDict({kind: Bottleneck(width, width, nn.GELU()) for kind in kinds})
        self.attention = nn.ModuleDict({kind: ProductAttention(width, config.heads) for kind in kinds})
        self.score = nn.ModuleDict(
            {f"{kind}_{m}": nn.Linear(width, 1) for kind in ("specific", "common") for m in MODALITIES}
        )
        self.head = ResidualHead(3 * width, config.dropout)
        self.detector = nn.Linear(spec.text, 1)

    def stages(self, epochs: int) -> list[Stage]:
        """Return denoising, then complementation; both at once for a budget of one epoch."""
        return two_stages(epochs, self.config.pretraining, "denoising", "complementation")

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return all but the head and the detector in stage 1, all but the single scores in stage 2, all if joint."""
        single = [self.score, *(self._bottleneck(kind).score for kind in self.bottleneck)]
        left_out = {"denoising": [self.head, self.detector], "complementation": single}
        return all_but(self, left_out.get(stage.name, []))

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        missing = missing_modalities(batch, text_is_missing(self.detector, batch) > 0)
        return Prediction(self._complement(self._denoise(batch), missing))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the errors of single representations and the divergence in stage 1; task and detection in stage 2."""
        terms = {}
        if step.stage.name != "complementation":
            parts = self._denoise(batch.complete)
            error = [F.mse_loss(score, batch.label) for score in self._single_scores(parts)]
            spread = [divergence_from_standard(g) for side in parts.gaussians.values() for g in side]
            terms["single"] = torch.stack(error).sum()
            terms["divergence"] = self.config.divergence_weight * torch.stack(spread).sum()
        if step.stage.name != "denoising":
            given, missing = with_dropped_modalities(batch, self.config.modality_dropout if self.training else 0.0)
            terms["task"] = F.mse_loss(self._complement(self._denoise(given), missing), batch.label)
            terms["detection"] = detection_loss(self.detector, batch)
        return terms

    def _bottleneck(self, kind: str) -> Bottleneck:
        return cast(Bottleneck, self.bottleneck[kind])

    def _denoise(self, batch: Batch) -> _Parts:
        count = self.config.steps
        gaussians: dict[str, list[Normal]] = {"specific": [], "common": []}
        for m in MODALITIES:
            even = resample(batch[m], torch.full_like(batch[m].length, count), count).values
            projected = self.dropout(self.project[m](even))
            gaussians["specific"].append(self.bottleneck[m](projected))
            gaussians["common"].append(self.bottleneck["common"](projected))
        specific, common = ([self._drawn(g) for g in side] for side in gaussians.values())
        return _Parts(gaussians, specific, common)

    def _drawn(self, gaussian: Normal) -> Tensor:
        drawn: Tensor = gaussian.rsample() if self.training else gaussian.loc
        return drawn

    def _single_scores(self, parts: _Parts) -> list[Tensor]:
        """Return the predictions `(B,)` of each representation, before and after its attention on itself."""
        scores = []
        for m, specific, common in zip(MODALITIES, parts.specific, parts.common, strict=True):
            for kind, own, values in (("specific", m, specific), ("common", "common", common)):
                scores.append(self._bottleneck(own).score(values))
                scores.append(self.score[f"{kind}_{m}"](self.attention[own](values, values)))
        return [score.squeeze(-1).mean(dim=1) for score in scores]

    def _complement(self, parts: _Parts, missing: Tensor) -> Tensor:
        """Predict the sentiment `(B,)`; `missing` is `(B, 3)` bool."""
        there = ~missing | missing.all(dim=1, keepdim=True)
        pairs = torch.stack([there[:, i] & there[:, j] for i, j in _PAIRS], dim=1)
        lonely = there.sum(dim=1, keepdim=True) == 1
        used = pairs & (lonely == torch.tensor([i == j for i, j in _PAIRS], device=there.device))
        asking = torch.cat([parts.common[i] for i, _ in _PAIRS])
        answering = torch.cat([parts.specific[j] for _, j in _PAIRS])
        answers = self.attention["common"](asking, answering).unflatten(0, (len(_PAIRS), -1))
        complement = torch.where(used.T[..., None, None], answers, 0.0).sum(dim=0)
        modalities = [
            torch.where(there[:, n, None, None], self.attention[m](parts.specific[n], parts.common[n]), complement)
            for n, m in enumerate(MODALITIES)
        ]
        score: Tensor = self.head(torch.cat(modalities, dim=-1)).score
        return score.mean(dim=1)
