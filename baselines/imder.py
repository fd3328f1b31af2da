"""IMDer: Incomplete Multimodality-Diffused emotion recognition (Wang, Li and Cui, NeurIPS 2023).

Convolutions map each modality to steps of width d; they are learned on complete samples, with the MulT fusion behind
them, and then fixed. A missing modality is generated from noise by a score network (`layers.diffusion`), conditioned on
the steps of the other modalities, and refined by convolutions with channel attention; the fusion reads present and
generated modalities. With `X` a missing modality, `X'` the generated and refined one, training minimises

    L = |y - y'| + 0.1 sum over missing modalities of (L_score + |X - X'|^2)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import (
    MODALITIES,
    Batch,
    InputSpec,
    Modality,
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
from baselines.layers.alignment import resample
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
from baselines.layers.diffusion import ScoreNetwork, generate, score_loss
from baselines.layers.missing_prompts import others, stretch
from baselines.layers.residual_head import ResidualHead
from baselines.layers.two_stages import all_but, two_stages
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class ImderConfig(ModelConfig):
    """Published sizes for MOSI, but for the sampling steps, of which the official code takes 100.

    MOSEI: `layers=6, attention_dropout=0, embedding_dropout=0` and batches of 128.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "layers": Choice(2, 4, 6),
        "sampling_steps": Choice(1, 4, 16),
        "modality_dropout": Interval(0.2, 0.9),
        "pretraining": Interval(0.2, 0.5),
        "generation_weight": Interval(0.02, 0.5, log=True),
    }

    width: int = Field(default=32, ge=1, description="d: width of every modality after its convolution")
    layers: int = Field(default=4, ge=1, description="depth of the cross-modal Transformers")
    memory_layers: int = Field(default=4, ge=1, description="depth of those over their results")
    heads: int = Field(default=8, ge=1, description="most attention heads: the largest divisor of the width up to this")
    kernel: int = Field(default=3, ge=1, description="steps that the convolutions join")
    steps: int = Field(default=48, ge=8, multiple_of=8, description="steps of generated modalities")
    sampling_steps: int = Field(default=4, ge=1, description="evaluations of the score network for a generation")
    blocks: int = Field(default=20, ge=1, description="blocks of the refinement")
    attention_dropout: float = Field(default=0.2, ge=0, lt=1, description="dropout on attention weights towards audio")
    embedding_dropout: float = Field(default=0.2, ge=0, lt=1, description="dropout on the input of Transformers")
    output_dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout in the head")
    modality_dropout: float = Field(
        default=0.5, ge=0, le=1, description="share of samples of which stage 2 drops one or two modalities"
    )
    generation_weight: float = Field(default=0.1, ge=0, description="weight of scores and of rebuilding")
    pretraining: float = Field(default=0.4, gt=0, lt=1, description="share of the epochs on complete samples")
    optimisation: Optimisation = Optimisation(
        learning_rate=2e-3,
        weight_decay=0.0,
        batch_size=32,
        epochs=60,
        patience=20,
        warmup=0.0,
        algorithm="adam",
        schedule="constant",
    )


class ChannelAttentionBlock(nn.Module):
    """Two convolutions and a gate of each channel, with a residual (RCAN, Zhang et al., ECCV 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(1, width // 16)
        self.convolve = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1), nn.ReLU(), nn.Conv1d(width, width, 3, padding=1)
        )
        reduce = nn.Linear(width, inner)
        nn.init.constant_(reduce.bias, 2.0)  # of few units all might start, and stay, below zero
        self.gate = nn.Sequential(reduce, nn.ReLU(), nn.Linear(inner, width), nn.Sigmoid())

    def forward(self, values: Tensor) -> Tensor:
        """Map `(B, c, T)` to `(B, c, T)`."""
        convolved: Tensor = self.convolve(values)
        gated: Tensor = values + convolved * self.gate(convolved.mean(dim=-1))[..., None]
        return gated


class Refinement(nn.Module):
    """Blocks at twice the width d: `(B, T, d)` to `(B, T, d)`."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(width, 2 * width, 1)
        self.body = nn.Sequential(
            *(ChannelAttentionBlock(2 * width) for _ in range(blocks)), nn.Conv1d(2 * width, 2 * width, 3, padding=1)
        )
        self.leave = nn.Conv1d(2 * width, width, 1)

    def forward(self, values: Tensor) -> Tensor:
        """Refine a generated modality."""
        entered = self.enter(values.transpose(1, 2))
        refined: Tensor = self.leave(entered + self.body(entered)).transpose(1, 2)
        return refined


class _Generated(NamedTuple):
    """Generated and refined modality of the samples that miss it, its condition, both `(n, S, d)`; their rows."""

    refined: Tensor
    condition: Tensor
    rows: Tensor


@register(
    "imder",
    config=ImderConfig,
    info=ModelInfo(
        title="IMDer",
        paper="Incomplete Multimodality-Diffused Emotion Recognition (NeurIPS 2023)",
        year=2023,
        url="https://github.com/mdswyz/IMDer",
        licence="MIT",
        uses_complete_view=True,
        missing_parts="generation",
        uses_masks=True,
        differences=(
            "a modality is generated by 4 steps of the probability flow from one fixed noise, so that a prediction is "
            "repeatable; the official code takes 100 steps with new noise in each, at test time as well",
            "conditions are the other modalities themselves; the official code adds noise to them, in training the "
            "same noise as to the modality that is to be generated, which can then be read off",
            "the score loss is the mean over a sequence's numbers, not their sum",
            "which modalities are missing is not told: audio and vision are if all their steps are zeros, the text if "
            "a linear detector on its mean state says so; all three missing are treated as present",
            "convolutions and fusion are learned on the complete view of the same run, not loaded from a file, and "
            "convolutions keep the length; generated modalities have 48 steps, stretched to a sample's length",
            "one or two modalities are dropped from each sample separately; the official code drops them from whole "
            "batches, at the rate of the test",
            "every step attends to the whole of its source, and padding is hidden",
            "the released code keeps the epoch with the lowest validation loss, and evaluates every epoch on the test "
            "set beside it; here the checkpoint is selected on validation MAE",
        ),
    ),
)
class Imder(SentimentModel):
    """MulT over present and generated modalities."""

    config: ImderConfig
    noise: Tensor

    def __init__(self, spec: InputSpec, config: ImderConfig) -> None:
        super().__init__(spec, config)
        width, embed = config.width, config.embedding_dropout
        self.project = nn.ModuleDict({m: TemporalConvolution(spec.width(m), width, config.kernel) for m in MODALITIES})
        self.scores = nn.ModuleDict({m: ScoreNetwork(width) for m in MODALITIES})
        self.both = nn.ModuleDict({m: nn.Linear(2 * width, width) for m in MODALITIES})
        self.refine = nn.ModuleDict({m: Refinement(width, config.blocks) for m in MODALITIES})
        self.cross = PairwiseCrossModal(
            width,
            config.layers,
            fitting_heads(width, config.heads),
            attention_dropout={"text": 0.0, "audio": config.attention_dropout, "vision": 0.0},
            embedding_dropout=embed,
        )
        self.memory = nn.ModuleDict(
            {
                m: CrossModalTransformer(
                    2 * width, config.memory_layers, fitting_heads(2 * width, config.heads), embedding_dropout=embed
                )
                for m in MODALITIES
            }
        )
        self.head = ResidualHead(6 * width, config.output_dropout)
        self.detector = nn.Linear(spec.text, 1)
        self.register_buffer("noise", torch.randn(len(MODALITIES), config.steps, width))

    def stages(self, epochs: int) -> list[Stage]:
        """Return the fusion of complete samples, then generation; both at once for a budget of one epoch."""
        return two_stages(epochs, self.config.pretraining, "complete", "generation")

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return convolutions and fusion in stage 1, all but the convolutions in stage 2, all if joint."""
        left_out: dict[str, list[nn.Module]] = {
            "complete": [self.scores, self.both, self.refine, self.detector],
            "generation": [self.project],
        }
        return all_but(self, left_out.get(stage.name, []))

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        missing = missing_modalities(batch, text_is_missing(self.detector, batch) > 0)
        steps = self._project(batch)
        return Prediction(self._fuse(self._completed(steps, self._generated(steps, missing))))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the error on complete samples in stage 1; that on incomplete ones and of generation in stage 2."""
        terms = {}
        if step.stage.name != "generation":
            terms["complete"] = F.l1_loss(self._fuse(self._project(batch.complete)), batch.label)
        if step.stage.name != "complete":
            given, missing = with_dropped_modalities(batch, self.config.modality_dropout if self.training else 0.0)
            steps = self._project(given)
            generated = self._generated(steps, missing)
            terms["task"] = F.l1_loss(self._fuse(self._completed(steps, generated)), batch.label)
            terms["generation"] = self.config.generation_weight * self._generation_loss(batch.complete, generated)
            terms["detection"] = detection_loss(self.detector, batch)
        return terms

    def _project(self, batch: Batch) -> dict[Modality, Sequences]:
        return {m: Sequences(self.project[m](batch[m]), batch[m].length) for m in MODALITIES}

    def _even(self, steps: Sequences) -> Tensor:
        count = self.config.steps
        return resample(steps, torch.full_like(steps.length, count), count).values

    def _generated(self, steps: Mapping[Modality, Sequences], missing: Tensor) -> dict[Modality, _Generated]:
        """Generate the modalities marked in `missing` `(B, 3)`, by modality, for the samples that miss them."""
        gone = dict(zip(MODALITIES, (missing & ~missing.all(dim=1, keepdim=True)).unbind(dim=1), strict=True))
        even = {m: self._even(steps[m]) for m in MODALITIES}
        generated: dict[Modality, _Generated] = {}
        for number, m in enumerate(MODALITIES):
            rows = gone[m].nonzero().squeeze(-1)
            if not len(rows):
                continue
            first, second = others(m)
            condition = self.both[m](torch.cat([even[first], even[second]], dim=-1)[rows])
            for absent, present in ((first, second), (second, first)):
                condition = torch.where(gone[absent][rows, None, None], even[present][rows], condition)
            network = cast(ScoreNetwork, self.scores[m])
            drawn = generate(network, self.noise[number], condition, self.config.sampling_steps)
            generated[m] = _Generated(self.refine[m](drawn), condition, rows)
        return generated

    def _completed(
        self, steps: Mapping[Modality, Sequences], generated: Mapping[Modality, _Generated]
    ) -> dict[Modality, Sequences]:
        """Put generated modalities in the places of missing ones."""
        completed = dict(steps)
        for m, made in generated.items():
            whole = steps[m].values.new_zeros(len(steps[m].length), self.config.steps, self.config.width)
            whole = whole.index_copy(0, made.rows, made.refined)
            flags = torch.zeros_like(steps[m].length, dtype=torch.bool).index_fill(0, made.rows, True)
            values = torch.where(flags[:, None, None], stretch(whole, steps[m]), steps[m].values)
            completed[m] = Sequences(values, steps[m].length)
        return completed

    def _generation_loss(self, complete: Batch, generated: Mapping[Modality, _Generated]) -> Tensor:
        """Return the score loss and the distance from the true modality, summed over missing modalities."""
        total = self.noise.new_zeros(())
        for m, made in generated.items():
            with torch.no_grad():
                truth = self._even(Sequences(self.project[m](complete[m]), complete[m].length))[made.rows]
            network = cast(ScoreNetwork, self.scores[m])
            total = total + score_loss(network, truth, made.condition) + F.mse_loss(made.refined, truth)
        return total

    def _fuse(self, steps: Mapping[Modality, Sequences]) -> Tensor:
        padding = {m: steps[m].padding for m in MODALITIES}
        enriched = self.cross({m: steps[m].values for m in MODALITIES}, padding)
        last = [
            last_step(self.memory[m](torch.cat(enriched[m], dim=-1), padding=padding[m]), steps[m].length)
            for m in MODALITIES
        ]
        score: Tensor = self.head(torch.cat(last, dim=-1)).score
        return score
