"""MMIN: Missing Modality Imagination Network (Zhao, Li and Jin, ACL 2021).

From the embeddings h of the present parts, a cascade of residual autoencoders predicts the embeddings h' of the missing
parts (forward imagination), and a second cascade predicts the former from the latter (backward imagination). The
sentiment is predicted from the latent vectors of the first. In training, encoders that were trained before on complete
data provide the true embeddings e of the missing parts:

    block k:  dz_k = D_k(E_k(h + dz_1 + .. + dz_(k-1))),    h' = W_2 ReLU(W_1 (h + dz_1 + .. + dz_K))
    loss:     task + 4 |h' - e|^2 + 2 |h'' - h|^2,          h'' from h' by the second cascade

The paper classifies emotions in IEMOCAP; this is its adaptation to the regression of sentiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
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
from baselines.layers.convolution import TextConvolution
from baselines.layers.recurrent import RecurrentEncoder
from baselines.registry import register
from baselines.search import Choice, Interval, Search

#: Share of the budget for the encoders on complete data: 20 of 80 epochs in the official scripts.
_PRETRAINING = 0.25


class MminConfig(ModelConfig):
    """Settings of the official scripts for IEMOCAP. The autoencoders are `2 width`, `width`, `width / 2` wide."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "blocks": Choice(3, 5, 7),
        "dropout": Interval(0.1, 0.5),
        "imagination_weight": Interval(0.1, 8.0, log=True),
        "cycle_weight": Interval(0.1, 8.0, log=True),
    }

    width: int = Field(128, ge=2, multiple_of=2, description="width of modality embeddings and of the head")
    blocks: int = Field(5, ge=1, description="residual autoencoders in each cascade")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout in the heads and the text's encoder")
    task_weight: float = Field(1.0, ge=0)
    imagination_weight: float = Field(4.0, ge=0, description="weight of the forward imagination")
    cycle_weight: float = Field(2.0, ge=0, description="weight of the backward imagination")
    optimisation: Optimisation = Optimisation(
        learning_rate=2e-4, weight_decay=0.0, batch_size=32, epochs=80, patience=20, algorithm="adam", warmup=0.0
    )


class StreamEncoder(nn.Module):
    """An LSTM with the maximum of each unit over time: `(B, d)`."""

    def __init__(self, input_width: int, width: int) -> None:
        super().__init__()
        self.lstm = RecurrentEncoder(input_width, width)

    def forward(self, sequences: Sequences) -> Tensor:
        """Return `(B, d)` from `(B, T, D)`."""
        states, _ = self.lstm(sequences)
        largest: Tensor = states.masked_fill(sequences.padding.unsqueeze(-1), float("-inf")).amax(dim=1)
        return largest


class Encoders(nn.Module):
    """Encoders of the three modalities; their embeddings are concatenated."""

    def __init__(self, spec: InputSpec, config: MminConfig) -> None:
        super().__init__()
        self.text = TextConvolution(spec.text, config.width, channels=config.width, dropout=config.dropout)
        self.audio = StreamEncoder(spec.audio, config.width)
        self.vision = StreamEncoder(spec.vision, config.width)

    def forward(self, batch: Batch) -> Tensor:
        """Return the concatenated embeddings, `(B, 3 d)`."""
        return torch.cat([self.text(batch.text), self.audio(batch.audio), self.vision(batch.vision)], dim=-1)


class CascadeResidualAutoencoder(nn.Module):
    """Cascade of residual autoencoders: each reads the sum of the input and the outputs of all earlier ones.

    Args:
        width: Width D of input and output.
        hidden: Widths of the encoder's layers; the last is that of the latent vector.
        blocks: Number of autoencoders.
    """

    def __init__(self, width: int, hidden: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        down, up = (width, *hidden), (*reversed(hidden), width)
        self.encoders = nn.ModuleList(_layers(down, nn.LeakyReLU()) for _ in range(blocks))
        self.decoders = nn.ModuleList(_layers(up, nn.ReLU()) for _ in range(blocks))
        self.transition = _layers((width, width, width), nn.ReLU())

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the imagined vector `(B, D)` and the concatenated latent vectors of all autoencoders."""
        latents = []
        for encoder, decoder in zip(self.encoders, self.decoders, strict=True):
            latents.append(encoder(values))
            values = values + decoder(latents[-1])
        return self.transition(values), torch.cat(latents, dim=-1)


def _layers(widths: tuple[int, ...], activation: nn.Module) -> nn.Sequential:
    """Make linear layers from width to width with the activation between them, none at the end."""
    layers: list[nn.Module] = []
    for start, end in pairwise(widths):
        layers += [nn.Linear(start, end), activation]
    return nn.Sequential(*layers[:-1])


def _head(width: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, 1),
    )


def missing_part(batch: TrainBatch) -> Batch:
    """Return the erased part of a batch: the complete view at positions that are not observed, zeros elsewhere."""
    parts = {}
    for modality in MODALITIES:
        whole, shown = batch.complete[modality], batch.observed[modality]
        parts[modality] = Sequences(whole.values.masked_fill(shown[..., None], 0.0), whole.length)
    return Batch(parts["text"], parts["audio"], parts["vision"])


@register(
    "mmin",
    config=MminConfig,
    info=ModelInfo(
        title="MMIN",
        paper="Missing Modality Imagination Network for Emotion Recognition with Uncertain Missing Modalities "
        "(ACL 2021)",
        year=2021,
        url="https://github.com/AIM3-RUC/MMIN",
        licence="MIT",
        uses_complete_view=True,
        missing_parts="generation",
        uses_masks=True,
        differences=(
            "adapted from the classification of emotions (IEMOCAP, MSP-IMPROV) to the regression of sentiment: one "
            "output and the absolute error instead of four and the cross-entropy",
            "any part of a modality may be missing, where the paper erases whole modalities in six patterns; the "
            "embedding of all erased positions is imagined",
            "the encoders on complete data are trained in the first quarter of the same run, on the training part, "
            "with the model's settings",
            "maxima and convolutions end where a sample ends; the official code reads padding",
            "batches of 32 instead of 128: the training part of MOSI is four times smaller than that of IEMOCAP",
            "the learning rate follows a cosine; the official code holds it for half of the epochs and lowers it "
            "linearly",
        ),
    ),
)
class Mmin(SentimentModel):
    """Encoders trained on complete data; copies of them, two cascades of autoencoders, a head on the latent vectors."""

    copied: Tensor

    def __init__(self, spec: InputSpec, config: MminConfig) -> None:
        super().__init__(spec, config)
        width, joint = config.width, 3 * config.width
        hidden = (2 * width, width, width // 2)
        self.teacher = Encoders(spec, config)
        self.teacher_head = _head(joint, width, config.dropout)
        self.encoders = Encoders(spec, config)
        self.imagine = CascadeResidualAutoencoder(joint, hidden, config.blocks)
        self.recall = CascadeResidualAutoencoder(joint, hidden, config.blocks)
        self.head = _head(config.blocks * hidden[-1], width, config.dropout)
        self.register_buffer("copied", torch.tensor(False))

    def stages(self, epochs: int) -> list[Stage]:
        """Return encoders on complete data, then imagination; both at once for a budget of one epoch."""
        first = max(1, round(_PRETRAINING * epochs))
        if epochs <= first:
            return [Stage("joint", epochs)]
        return [Stage("encoders", first, selects=False), Stage("imagination", epochs - first)]

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return the teacher's parameters in the first stage, all others after it."""
        teacher = [*self.teacher.parameters(), *self.teacher_head.parameters()]
        theirs = {id(p) for p in teacher}
        rest = [p for p in self.parameters() if id(p) not in theirs]
        return [ParameterGroup({"encoders": teacher, "imagination": rest}.get(stage.name, [*teacher, *rest]))]

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        _, latent = self.imagine(self.encoders(batch))
        return Prediction(self.head(latent).squeeze(-1))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the error on the complete view in stage 1; that on the input and both imaginations in stage 2."""
        terms = {}
        if step.stage.name != "imagination":
            sentiment = self.teacher_head(self.teacher(batch.complete)).squeeze(-1)
            terms["complete"] = self.config.task_weight * F.l1_loss(sentiment, batch.label)
        if step.stage.name != "encoders":
            terms |= self._imagination_loss(batch, step)
        return terms

    def _imagination_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        if step.stage.name == "imagination" and not self.copied:
            self.encoders.load_state_dict(self.teacher.state_dict())
            self.copied.fill_(True)
        shown = self.encoders(batch.input)
        imagined, latent = self.imagine(shown)
        recalled, _ = self.recall(imagined)
        sentiment = self.head(latent).squeeze(-1)
        target = self._teach(missing_part(batch))
        config = self.config
        return {
            "task": config.task_weight * F.l1_loss(sentiment, batch.label),
            "imagination": config.imagination_weight * F.mse_loss(imagined, target),
            "cycle": config.cycle_weight * F.mse_loss(recalled, shown.detach()),
        }

    @torch.no_grad()
    def _teach(self, batch: Batch) -> Tensor:
        """Return the teacher's embeddings `(B, 3 d)`, without dropout."""
        mode = self.teacher.training
        target: Tensor = self.teacher.eval()(batch)
        self.teacher.train(mode)
        return target
