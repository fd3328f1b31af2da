"""DMD: Decoupled Multimodal Distillation (Li, Wang and Cui, CVPR 2023, arXiv 2303.13802).

Steps of each modality are decoupled into specific and common features (`layers.decoupling`). The common ones pass a
Transformer for each modality, the specific ones the cross-modal Transformers of MulT; last steps of all are gated,
concatenated, and predict the sentiment. In training, every modality also predicts it from its common features and
from its specific ones, and modalities teach each other in two graphs, homogeneous and heterogeneous, whose edges are
learned:

    w_(j<-i) = softmax over pairs of W [z_j, z_i] / 8,     z_i = [W_s y'_i, W_r r_i]
    L_dtl    = sum over pairs of mean((w + prior) |y'_j - stop(y'_i)|) + 10 sum over pairs of (mean(w) - prior)^2
    L        = sum of all absolute errors + 0.05 L_dtl + 0.1 (L_rec + L_cyc + 0.1 (L_mar + L_ort))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import permutations
from typing import ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import (
    MODALITIES,
    Batch,
    InputSpec,
    ModelInfo,
    Prediction,
    SentimentModel,
    Sequences,
    Step,
    TrainBatch,
)
from baselines.layers.cross_modal import PairwiseCrossModal, fitting_heads
from baselines.layers.decoupling import (
    DIFFERENCES,
    Decoupler,
    DecouplingConfig,
    LastSteps,
    Parts,
    Pointwise,
    ProjectedSteps,
)
from baselines.layers.residual_head import HeadOutput, ResidualHead
from baselines.registry import register
from baselines.search import Choice, Interval, Search

#: Ordered pairs (student, teacher) of modalities.
PAIRS = tuple(permutations(MODALITIES, 2))
#: Pairs with a high prior: audio and vision learn from text; among specific features audio also from vision.
HOMOGENEOUS = (("audio", "text"), ("vision", "text"))
HETEROGENEOUS = (*HOMOGENEOUS, ("audio", "vision"))


class DmdConfig(DecouplingConfig):
    """Published settings for MOSI, except the optimiser's, which suit a frozen encoder.

    MOSEI: `width=30, heads=6, kernels=(5, 1, 3), text_dropout=0.3, attention_dropout=(0.4, 0, 0)` and
    `embedding_dropout=0`. With a fine-tuned encoder both learning rates are 1e-4.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(30, 50, 60),
        "layers": Choice(2, 3, 4),
        "text_dropout": Interval(0.1, 0.5),
        "output_dropout": Interval(0.0, 0.5),
        "distillation_weight": Interval(0.01, 0.2, log=True),
        "decoupling_weight": Interval(0.02, 0.5, log=True),
    }

    layers: int = Field(default=4, ge=1, description="depth of the Transformers over common and specific features")
    memory_layers: int = Field(default=4, ge=1, description="depth of those over the results of the cross-modal ones")
    graph_widths: tuple[int, int] = Field(default=(64, 32), description="width of z in the two graphs")
    distillation_weight: float = Field(default=0.05, ge=0, description="weight of the distillation between modalities")


class GraphDistillation(nn.Module):
    """Graph of modalities whose edges weight how much one learns from another (Luo et al., ECCV 2018).

    Args:
        representation: Width of the modalities' representations.
        width: Width of each half of z.
        favoured: Pairs (student, teacher) with a high prior.
    """

    SHARPNESS = 1 / 8
    PRIOR_WEIGHT = 10.0
    prior: Tensor

    def __init__(self, representation: int, width: int, favoured: Collection[tuple[str, str]]) -> None:
        super().__init__()
        self.from_score, self.from_representation = nn.Linear(1, width), nn.Linear(representation, width)
        self.edge = nn.Linear(4 * width, 1)
        prior = torch.tensor([4.0 * (pair in favoured) for pair in PAIRS]).softmax(dim=0)
        self.register_buffer("prior", prior, persistent=False)

    def edges(self, scores: Mapping[str, Tensor], representations: Mapping[str, Tensor]) -> Tensor:
        """Return the weight of each pair of PAIRS, `(B, 6)`, from scores `(B,)` and representations `(B, D)`."""
        z = {
            m: torch.cat([self.from_score(scores[m][:, None]), self.from_representation(representations[m])], dim=-1)
            for m in MODALITIES
        }
        edges = torch.cat([self.edge(torch.cat([z[j], z[i]], dim=-1)) for j, i in PAIRS], dim=-1)
        return (self.SHARPNESS * edges).softmax(dim=-1)

    def forward(self, scores: Mapping[str, Tensor], representations: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar: weighted distances of students from teachers, and of edges from the prior."""
        edges = self.edges(scores, representations)
        distance = torch.stack([(scores[j] - scores[i].detach()).abs() for j, i in PAIRS], dim=-1)
        taught = ((edges + self.prior) * distance).mean(dim=0).sum()
        return taught + self.PRIOR_WEIGHT * (edges.mean(dim=0) - self.prior).square().sum()


class _State(NamedTuple):
    """Result of one pass: steps and parts by modality, the last specific steps by modality, common ones, sentiment."""

    steps: dict[str, Sequences]
    parts: Parts
    specific: dict[str, Tensor]
    common: Tensor
    sentiment: Tensor


@register(
    "dmd",
    config=DmdConfig,
    info=ModelInfo(
        title="DMD",
        paper="Decoupled Multimodal Distilling for Emotion Recognition (CVPR 2023)",
        year=2023,
        url="https://github.com/mdswyz/DMD",
        licence="MIT",
        differences=(
            *DIFFERENCES,
            "the heterogeneous graph distils scores only, as the homogeneous one and as in the paper; the official "
            "code adds the similarity of representations, which it lowers: students move away from their teachers",
            "the orthogonality is that of specific and common features of each step; the official code compares them "
            "across the samples of a batch, and current releases of PyTorch refuse that call",
            "the layers that the official code defines and trains by no loss, three maps of specific features (345,150 "
            "parameters), do not exist: 4,405,582 parameters here, 4,750,732 there, without the text encoder",
        ),
    ),
)
class Dmd(SentimentModel):
    """Decoupled features, Transformers over both kinds, a gated fusion, and two graphs of distillation in training."""

    config: DmdConfig

    def __init__(self, spec: InputSpec, config: DmdConfig) -> None:
        super().__init__(spec, config)
        width = config.width
        self.project = ProjectedSteps(spec, config)
        self.decoupler = Decoupler(width, {m: Pointwise(width) for m in MODALITIES}, Pointwise(width), config.steps)
        self.common = LastSteps({m: config.transformer(config.layers, m) for m in MODALITIES})
        self.cross = PairwiseCrossModal(
            width,
            config.layers,
            fitting_heads(width, config.heads),
            attention_dropout=dict(zip(MODALITIES, config.attention_dropout, strict=True)),
            embedding_dropout=config.embedding_dropout,
        )
        self.memory = LastSteps({m: config.transformer(config.memory_layers, width=2 * width) for m in MODALITIES})
        self.gate = nn.ModuleDict({m: nn.Linear(2 * width, 2 * width) for m in MODALITIES})
        self.gate["common"] = nn.Linear(3 * width, 3 * width)

        def head(width: int, hidden: int | None = None) -> ResidualHead:
            return ResidualHead(width, config.output_dropout, hidden)

        self.head = head(9 * width)
        self.common_head = head(3 * width)
        self.homogeneous = nn.ModuleDict({m: head(config.steps * width, width) for m in MODALITIES})
        self.heterogeneous = nn.ModuleDict({m: head(2 * width) for m in MODALITIES})
        self.graphs = nn.ModuleList(
            [
                GraphDistillation(width, config.graph_widths[0], HOMOGENEOUS),
                GraphDistillation(2 * width, config.graph_widths[1], HETEROGENEOUS),
            ]
        )

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self._run(batch).sentiment)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the errors of all heads, distillation, and the losses of the decoupling, weighted."""
        config, state = self.config, self._run(batch.input)
        flat = {m: self.decoupler.flat(state.parts.common[m]) for m in MODALITIES}
        homogeneous: dict[str, HeadOutput] = {m: self.homogeneous[m](flat[m]) for m in MODALITIES}
        heterogeneous: dict[str, HeadOutput] = {m: self.heterogeneous[m](state.specific[m]) for m in MODALITIES}
        others = [*homogeneous.values(), *heterogeneous.values(), self.common_head(state.common)]
        taught = [
            graph({m: outputs[m].score for m in MODALITIES}, representations)
            for graph, outputs, representations in zip(
                self.graphs,
                (homogeneous, heterogeneous),
                (
                    {m: homogeneous[m].hidden for m in MODALITIES},
                    {m: heterogeneous[m].enriched for m in MODALITIES},
                ),
                strict=True,
            )
        ]
        return {
            "task": F.l1_loss(state.sentiment, batch.label),
            "other_heads": torch.stack([F.l1_loss(output.score, batch.label) for output in others]).sum(),
            "distillation": config.distillation_weight * torch.stack(taught).sum(),
            "decoupling": self.decoupler.loss(state.steps, state.parts, batch.label, config),
        }

    def _run(self, batch: Batch) -> _State:
        steps = self.project(batch)
        parts = self.decoupler(steps)
        common = torch.cat(list(self.common(parts.common).values()), dim=-1)
        enriched = self.cross(
            {m: parts.specific[m].values for m in MODALITIES}, {m: batch[m].padding for m in MODALITIES}
        )
        specific = self.memory({m: Sequences(torch.cat(enriched[m], dim=-1), batch[m].length) for m in MODALITIES})
        gated = [torch.sigmoid(self.gate[m](specific[m])) for m in MODALITIES]
        joint = torch.cat([*gated, torch.sigmoid(self.gate["common"](common))], dim=-1)
        return _State(steps, parts, specific, common, self.head(joint).score)
