"""MPLMM: Multimodal Prompt Learning with Missing Modalities (Guo, Jin and Zhao, ACL 2024, arXiv 2407.05374).

A MulT is trained on complete data and frozen. Three kinds of prompts then adapt it to missing modalities:

- generative prompts: a missing modality is generated from a prompt and the other modalities, mapped to one width and
  mixed over time;
- missing-signal prompts: added to every step of a modality, one set if it is present, another if it is generated;
- missing-type prompts: steps appended to each modality, computed from the signal prompts of all three, so that they
  encode which are missing; the last of them is read out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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
    Sequences,
    Stage,
    Step,
    TrainBatch,
)
from baselines.layers.availability import (
    detection_loss,
    missing_modalities,
    text_is_missing,
    with_dropped_modalities,
)
from baselines.layers.cross_modal import (
    CrossModalTransformer,
    PairwiseCrossModal,
    TemporalConvolution,
    fitting_heads,
    last_step,
)
from baselines.layers.missing_prompts import (
    MissingModalityGenerator,
    MissingTypePrompts,
    SignalPrompts,
)
from baselines.layers.two_stages import two_stages
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class MplmmConfig(ModelConfig):
    """Settings of the official code, for all data sets."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(20, 30, 40),
        "layers": Choice(3, 4, 5),
        "prompt_length": Choice(4, 8, 16, 32),
        "modality_dropout": Interval(0.0, 0.9),
        "dropout": Interval(0.0, 0.5),
        "block_dropout": Interval(0.0, 0.3),
    }

    width: int = Field(30, ge=2, multiple_of=2, description="d of every modality and of the prompts")
    layers: int = Field(5, ge=1, description="depth of every Transformer")
    heads: int = Field(5, ge=1, description="most attention heads: the largest divisor of the width up to this")
    prompt_length: int = Field(16, ge=1, description="steps of generative and missing-type prompts")
    prompt_steps: int = Field(50, ge=1, description="number of steps of generated modalities and of signal prompts")
    dropout: float = Field(0.25, ge=0, lt=1, description="dropout on the text and on inputs of Transformers")
    block_dropout: float = Field(
        0.1, ge=0, lt=1, description="dropout inside Transformers (attention, ReLU, residuals) and in the head"
    )
    modality_dropout: float = Field(
        0.7, ge=0, le=1, description="probability that one or two modalities of a training sample are dropped"
    )
    pretraining: float = Field(0.5, gt=0, lt=1, description="share of the epochs on complete data")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-3,
        weight_decay=0.0,
        batch_size=64,
        epochs=80,
        patience=20,
        warmup=0.0,
        clip_norm=0.8,
        algorithm="adam",
    )


@register(
    "mplmm",
    config=MplmmConfig,
    info=ModelInfo(
        title="MPLMM",
        paper="Multimodal Prompt Learning with Missing Modalities for Sentiment Analysis and Emotion Recognition "
        "(ACL 2024)",
        year=2024,
        url="https://github.com/zrguo/MPLMM",
        licence="MIT",
        uses_complete_view=True,
        missing_parts="generation",
        uses_masks=True,
        differences=(
            "the paper's model knows which modalities are missing; ours does not: audio and vision are missing if all "
            "their steps are zeros, the text if a linear detector on its mean state predicts so, which is trained "
            "with the prompts",
            "the backbone is trained on the complete view of the same training part in the first half of the run, not "
            "on CMU-MOSEI; projections and output layer are then trained further, not from new weights",
            "signal prompts and generated modalities have 50 steps, stretched to a sample's length, and sources are "
            "resampled to 50; the official code has as many steps as the data set is padded to, 50 for aligned data",
            "missing-type prompts and their maps start from small random values; the official code starts all from "
            "zeros, where their product has no gradient and they never train",
            "on top of what the regime erases, whole modalities are dropped in training as in the paper, the six "
            "patterns balanced within a batch instead of drawn for each sample",
            "all three modalities missing, which the paper leaves out, are each generated from the places of the "
            "other two; a modality that is missing in part is taken as it is",
            "every step attends to the whole of the source; the official code hides the steps ahead of it",
            "padding is hidden from attention",
            "the learning rate follows a cosine; the official code divides it by ten where the validation loss stalls",
        ),
    ),
)
class Mplmm(SentimentModel):
    """MulT with prompts for missing modalities."""

    config: MplmmConfig

    def __init__(self, spec: InputSpec, config: MplmmConfig) -> None:
        super().__init__(spec, config)
        width, drop, embed = config.width, config.block_dropout, config.dropout
        self.text_dropout = nn.Dropout(embed)
        self.project = nn.ModuleDict({m: TemporalConvolution(spec.width(m), width) for m in MODALITIES})
        self.cross = PairwiseCrossModal(
            width,
            config.layers,
            fitting_heads(width, config.heads),
            attention_dropout=dict.fromkeys(MODALITIES, drop),
            relu_dropout=drop,
            residual_dropout=drop,
            embedding_dropout=embed,
        )
        self.memory = nn.ModuleDict(
            {
                m: CrossModalTransformer(
                    2 * width,
                    max(config.layers, 3),
                    fitting_heads(2 * width, config.heads),
                    attention_dropout=drop,
                    relu_dropout=drop,
                    residual_dropout=drop,
                    embedding_dropout=embed,
                )
                for m in MODALITIES
            }
        )
        joint = 2 * width * len(MODALITIES)
        self.residual = nn.Sequential(nn.Linear(joint, joint), nn.ReLU(), nn.Dropout(drop), nn.Linear(joint, joint))
        self.head = nn.Linear(joint, 1)
        self.generator = MissingModalityGenerator(spec, width, config.prompt_length, config.prompt_steps)
        self.signal = SignalPrompts(width, config.prompt_steps)
        self.kind = MissingTypePrompts(width, config.prompt_length, config.prompt_steps)
        self.detector = nn.Linear(spec.text, 1)

    def stages(self, epochs: int) -> list[Stage]:
        """Return the backbone on complete data, then the prompts; both at once for a budget of one epoch."""
        return two_stages(epochs, self.config.pretraining, "backbone", "prompts")

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return backbone parameters in stage 1; prompts, projections and output layer in stage 2; all if joint."""
        frozen = [self.cross, self.memory, self.residual]
        both = [self.project, self.head]
        prompts = [self.generator, self.signal, self.kind, self.detector]
        modules = {"backbone": frozen + both, "prompts": both + prompts}.get(stage.name, frozen + both + prompts)
        return [ParameterGroup([p for module in modules for p in module.parameters()])]

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(
            self._with_prompts(batch, missing_modalities(batch, text_is_missing(self.detector, batch) > 0))
        )

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the error on the complete view in stage 1; that on the input and the detector's in stage 2."""
        terms = {}
        if step.stage.name != "prompts":
            terms["complete"] = F.l1_loss(self._backbone(batch.complete), batch.label)
        if step.stage.name != "backbone":
            given, missing = with_dropped_modalities(batch, self.config.modality_dropout if self.training else 0.0)
            terms["task"] = F.l1_loss(self._with_prompts(given, missing), batch.label)
            terms["detection"] = detection_loss(self.detector, batch)
        return terms

    def _steps(self, batch: Batch) -> dict[str, Tensor]:
        """Return projected steps `(B, T, d)` of each modality."""
        text = Sequences(self.text_dropout(batch.text.values), batch.text.length)
        given = {"text": text, "audio": batch.audio, "vision": batch.vision}
        return {m: self.project[m](given[m]) for m in MODALITIES}

    def _backbone(self, batch: Batch) -> Tensor:
        """Predict sentiment `(B,)` by the MulT without prompts."""
        padding = {m: batch[m].padding for m in MODALITIES}
        enriched = self.cross(self._steps(batch), padding)
        last = [
            last_step(self.memory[m](torch.cat(enriched[m], dim=-1), padding=padding[m]), batch[m].length)
            for m in MODALITIES
        ]
        return self._read(last)

    def _with_prompts(self, batch: Batch, missing: Tensor) -> Tensor:
        """Predict sentiment `(B,)` with missing modalities generated, and with prompts."""
        steps = self._steps(batch)
        generated = self.generator(batch, missing)
        padding = {m: batch[m].padding for m in MODALITIES}
        for number, m in enumerate(MODALITIES):
            gone = missing[:, number, None, None]
            steps[m] = torch.where(gone, generated[m], steps[m])
            steps[m] = steps[m] + self.signal(number, missing[:, number], batch[m])
        enriched = self.cross(steps, padding)
        prompts = self.kind(self.signal.prompts, missing)
        last = []
        for number, m in enumerate(MODALITIES):
            extended = self.kind.append(torch.cat(enriched[m], dim=-1), batch[m].length, prompts[:, number])
            states = self.memory[m](extended.values, padding=extended.padding)
            last.append(last_step(states, extended.length))
        return self._read(last)

    def _read(self, last: list[Tensor]) -> Tensor:
        joint = torch.cat(last, dim=-1)
        sentiment: Tensor = self.head(joint + self.residual(joint)).squeeze(-1)
        return sentiment
