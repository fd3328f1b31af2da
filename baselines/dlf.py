"""DLF: Disentangled-Language-Focused multimodal sentiment analysis (Wang et al., AAAI 2025, arXiv 2412.12225).

Steps of each modality are decoupled into specific and common features as in DMD (`layers.decoupling`), by Transformers
in place of linear maps. Specific features of audio and vision only complement those of language: language attends to
each (the language-focused attractor), so that all three lie on the text's time axis. Their last steps, passed through
a residual block, and those of the common features are mapped, gated by a sigmoid and concatenated:

    L = |y - y'| + |y - y_c| + 3 |y - y_text| + |y - y_audio| + |y - y_vision|
        + 0.1 (L_rec + L_cyc + 0.1 (L_mar + L_ort))
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
    ModelInfo,
    Prediction,
    SentimentModel,
    Sequences,
    Step,
    TrainBatch,
)
from baselines.layers.decoupling import DIFFERENCES, Decoupler, DecouplingConfig, LastSteps, Parts, ProjectedSteps
from baselines.layers.residual_head import HeadOutput, ResidualHead
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class DlfConfig(DecouplingConfig):
    """Published settings for MOSI, except the optimiser's, which suit a frozen encoder.

    MOSEI: `kernels=(3, 3, 3), text_dropout=0.1, attention_dropout=(0.5, 0, 0), embedding_dropout=0`. With a fine-tuned
    encoder both learning rates are 1e-4.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(30, 50, 60),
        "layers": Choice(1, 2, 3),
        "text_dropout": Interval(0.1, 0.5),
        "output_dropout": Interval(0.0, 0.5),
        "text_weight": Interval(1.0, 5.0),
        "decoupling_weight": Interval(0.02, 0.5, log=True),
    }

    layers: int = Field(default=2, ge=1, description="depth of encoders, of the attractors and of the text's memory")
    memory_layers: int = Field(default=3, ge=1, description="depth of the Transformers over the attractors' results")
    text_weight: float = Field(default=3.0, ge=0, description="weight of the error of the text's specific features")


class _State(NamedTuple):
    """Result of one pass: steps and parts by modality, heads of the specific parts by modality, common, sentiment."""

    steps: dict[str, Sequences]
    parts: Parts
    specific: dict[str, HeadOutput]
    common: Tensor
    sentiment: Tensor


@register(
    "dlf",
    config=DlfConfig,
    info=ModelInfo(
        title="DLF",
        paper="DLF: Disentangled-Language-Focused Multimodal Sentiment Analysis (AAAI 2025)",
        year=2025,
        url="https://github.com/pwang322/DLF",
        licence="MIT",
        differences=(
            *DIFFERENCES,
            "the layers that the official code defines and trains by no loss do not exist, heads of common features "
            "(703,953 parameters), maps of specific ones (345,150) and four cross-modal Transformers (245,600): "
            "1,628,605 parameters here, 2,923,308 there, without the text encoder",
            "the orthogonality is that of specific and common features of each step, as in the official code for MOSI; "
            "for MOSEI that compares groups of ten numbers, which are a fifth of a step",
        ),
    ),
)
class Dlf(SentimentModel):
    """Decoupled features, attention of language on audio and vision, a gated fusion."""

    config: DlfConfig

    def __init__(self, spec: InputSpec, config: DlfConfig) -> None:
        super().__init__(spec, config)
        width, layers = config.width, config.layers
        self.project = ProjectedSteps(spec, config)
        self.decoupler = Decoupler(
            width, {m: config.transformer(layers, m) for m in MODALITIES}, config.transformer(layers), config.steps
        )
        self.common = LastSteps({m: config.transformer(layers, m) for m in MODALITIES})
        self.attract = nn.ModuleDict({m: config.transformer(layers, m) for m in ("audio", "vision")})
        self.memory = LastSteps(
            {m: config.transformer(layers if m == "text" else config.memory_layers) for m in MODALITIES}
        )
        self.gate = nn.ModuleDict({m: nn.Linear(width, width) for m in MODALITIES})
        self.gate["common"] = nn.Linear(3 * width, 3 * width)
        self.head = ResidualHead(6 * width, config.output_dropout)
        self.common_head = ResidualHead(3 * width, config.output_dropout)
        self.specific_heads = nn.ModuleDict({m: ResidualHead(width, config.output_dropout) for m in MODALITIES})

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self._run(batch).sentiment)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the errors of all heads and the losses of the decoupling, weighted."""
        config, state = self.config, self._run(batch.input)
        error = {m: F.l1_loss(state.specific[m].score, batch.label) for m in MODALITIES}
        return {
            "task": F.l1_loss(state.sentiment, batch.label),
            "common": F.l1_loss(self.common_head(state.common).score, batch.label),
            "specific": config.text_weight * error["text"] + error["audio"] + error["vision"],
            "decoupling": self.decoupler.loss(state.steps, state.parts, batch.label, config),
        }

    def _run(self, batch: Batch) -> _State:
        steps = self.project(batch)
        parts = self.decoupler(steps)
        common = torch.cat(list(self.common(parts.common).values()), dim=-1)
        language = parts.specific["text"]
        focused = {"text": language}
        for m in ("audio", "vision"):
            source = parts.specific[m]
            focused[m] = Sequences(self.attract[m](language.values, source.values, source.padding), language.length)
        last = self.memory(focused)
        specific: dict[str, HeadOutput] = {m: self.specific_heads[m](last[m]) for m in MODALITIES}
        gated = [torch.sigmoid(self.gate[m](specific[m].enriched)) for m in MODALITIES]
        joint = torch.cat([*gated, torch.sigmoid(self.gate["common"](common))], dim=-1)
        return _State(steps, parts, specific, common, self.head(joint).score)
