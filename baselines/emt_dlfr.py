"""EMT-DLFR: Efficient Multimodal Transformer with Dual-Level Feature Restoration (Sun et al., TAC 2023, 2208.07589).

The utterance vector of each modality (the text's `[CLS]` state, or the mean of word vectors; the last states of LSTMs
over audio and vision), mapped to the width d, is a token of the global context `G`; the modality's steps and `G`
promote each other layer by layer (`baselines.layers.promotion`). The sentiment is predicted from the utterance vectors
and `G`.

In training, one network of shared weights sees each sample twice, complete (y) and after the regime's erasing (y'):

    L = |y' - t| + lambda_1 (|y - t| + sum over v in {G, text, audio, vision} L_attract(v, v')) + lambda_2 L_rebuild

* `L_attract`: high-level feature attraction, SimSiam's negative cosine of one view's prediction and the other's
  projection;
* `L_rebuild`: low-level feature reconstruction, the smooth L1 distance of a linear map of the promoted steps to the
  complete input, on erased positions, mean over them and summed over modalities.
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
    Sequences,
    Stage,
    Step,
    TrainBatch,
)
from baselines.layers.cross_modal import fitting_heads
from baselines.layers.promotion import MultimodalPromotion
from baselines.layers.rebuilding import erased_positions, rebuilding_loss
from baselines.layers.recurrent import RecurrentEncoder
from baselines.layers.siamese import SiameseHead
from baselines.layers.text_vector import TextVector, text_vector
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class EmtDlfrConfig(ModelConfig):
    """Published settings for MOSI.

    MOSEI: `layers=2, audio_hidden=16, vision_hidden=32, head_hidden=128, attention_dropout=0, dropout=0,
    head_dropout=0, audio_decay=1e-3, vision_rate=1, optimisation={"learning_rate": 1e-4, "encoder_learning_rate": 2e-5,
    "batch_size": 64}`.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(32, 64, 128),
        "layers": Choice(2, 3, 4),
        "attention_dropout": Interval(0.0, 0.4),
        "head_dropout": Interval(0.0, 0.4),
        "attraction_weight": Choice(0.5, 1.0, 2.0),
        "rebuilding_weight": Choice(0.5, 1.0, 2.0),
    }

    width: int = Field(128, ge=1, description="d of tokens and steps")
    layers: int = Field(3, ge=1, description="number of promotion layers")
    heads: int = Field(4, ge=1, description="most attention heads: the largest divisor of the width up to this")
    audio_hidden: int = Field(32, ge=1, description="width of the audio's LSTM")
    audio_width: int = Field(16, ge=1, description="width of the audio's utterance vector")
    vision_hidden: int = Field(64, ge=1, description="width of the vision's LSTM")
    vision_width: int = Field(32, ge=1, description="width of the vision's utterance vector")
    head_hidden: int = Field(256, ge=1, description="both hidden widths of the head")
    context_predictor: int = Field(128, ge=1, description="hidden width of SimSiam's predictor of global context")
    text_predictor: int = Field(256, ge=1, description="hidden width of SimSiam's predictor of text")
    audio_predictor: int = Field(8, ge=1, description="hidden width of SimSiam's predictor of audio")
    vision_predictor: int = Field(16, ge=1, description="hidden width of SimSiam's predictor of vision")
    attention_dropout: float = Field(0.3, ge=0, lt=1, description="dropout on attention weights")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout after feed-forwards")
    head_dropout: float = Field(0.3, ge=0, lt=1, description="dropout on the head's input")
    attraction_weight: float = Field(1.0, ge=0, description="lambda_1: weight of the complete view and of attraction")
    rebuilding_weight: float = Field(1.0, ge=0, description="lambda_2: weight of rebuilding")
    vision_rate: float = Field(0.1, gt=0, description="factor on the learning rate of the vision's LSTM")
    audio_decay: float = Field(0.01, ge=0, description="weight decay of the audio's LSTM")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-3,
        encoder_learning_rate=5e-5,
        weight_decay=1e-3,
        batch_size=128,
        epochs=100,
        patience=8,
        algorithm="adam",
    )


class StreamReader(nn.Module):
    """An LSTM and a linear map of its states."""

    def __init__(self, input_width: int, hidden: int, width: int) -> None:
        super().__init__()
        self.lstm = RecurrentEncoder(input_width, hidden)
        self.project = nn.Linear(hidden, width)

    def forward(self, sequences: Sequences) -> tuple[Tensor, Tensor]:
        """Return states `(B, T, d)` and the last state of each sample, `(B, d)`."""
        states, last = self.lstm(sequences)
        return self.project(states), self.project(last)


class _View(NamedTuple):
    """Result of one pass: by modality utterance vectors `(B, d_m)` and, if read, steps `(B, T, d)`; context."""

    utterance: dict[str, Tensor]
    steps: dict[str, Tensor]
    context: Tensor
    sentiment: Tensor


@register(
    "emt-dlfr",
    config=EmtDlfrConfig,
    info=ModelInfo(
        title="EMT-DLFR",
        paper="Efficient Multimodal Transformer with Dual-Level Feature Restoration for Robust Multimodal Sentiment "
        "Analysis (TAC 2023)",
        year=2023,
        url="https://github.com/sunlicai/EMT-DLFR",
        licence="MIT",
        uses_complete_view=True,
        version=2,
        missing_parts="reconstruction",
        uses_masks=True,
        differences=(
            "maps to queries, keys and values have biases (768 parameters more), those before SimSiam's batch "
            "normalisations, which cancel biases, have none (1,200 fewer): 2,322,347 parameters here, 2,322,779 in the "
            "official code, at its sizes for MOSI and without the text encoder",
            "the text's steps are those between `[CLS]` and `[SEP]`, as in the official code; a text without any keeps "
            "one step, the state of `[SEP]`; of word vectors all are read, and their mean stands for `[CLS]`",
            "gaps of the data set itself are not rebuilt, as their values are unknown",
            "a training batch of one sample is normalised by running statistics, as it has no variance",
            "batches of 128 instead of four batches of 32 whose gradients are added: batch statistics are those of 128",
            "the learning rate follows a cosine; the official code keeps it constant",
            "the gradient is clipped to a norm of 1; the official code does not clip",
            "trained once for all missing rates where the regime says so; the paper trains a model for each",
        ),
    ),
)
class EmtDlfr(SentimentModel):
    """Utterance vectors, mutual promotion with all steps, a head; attraction and rebuilding in training."""

    config: EmtDlfrConfig

    def __init__(self, spec: InputSpec, config: EmtDlfrConfig) -> None:
        super().__init__(spec, config)
        self.framed_text = spec.framed_text
        width = config.width
        self.readers = nn.ModuleDict(
            {
                "audio": StreamReader(spec.audio, config.audio_hidden, config.audio_width),
                "vision": StreamReader(spec.vision, config.vision_hidden, config.vision_width),
            }
        )
        widths = {"text": spec.text, "audio": config.audio_width, "vision": config.vision_width}
        self.project = nn.ModuleDict({m: nn.Linear(widths[m], width, bias=False) for m in MODALITIES})
        self.promotion = MultimodalPromotion(
            width, config.layers, fitting_heads(width, config.heads), config.attention_dropout, config.dropout
        )
        context = width * len(MODALITIES)
        hidden = {"text": config.text_predictor, "audio": config.audio_predictor, "vision": config.vision_predictor}
        self.attract = nn.ModuleDict({m: SiameseHead(widths[m], hidden[m]) for m in MODALITIES})
        self.attract["context"] = SiameseHead(context, config.context_predictor)
        self.rebuild = nn.ModuleDict({m: nn.Linear(width, spec.width(m)) for m in MODALITIES})
        self.head = nn.Sequential(
            nn.Dropout(config.head_dropout),
            nn.Linear(sum(widths.values()) + context, config.head_hidden),
            nn.ReLU(),
            nn.Linear(config.head_hidden, config.head_hidden),
            nn.ReLU(),
            nn.Linear(config.head_hidden, 1),
        )

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self._view(batch).sentiment)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """The error of both views, their attraction, and rebuilding from the incomplete one."""
        config = self.config
        complete, given = self._view(batch.complete), self._view(batch.input, read_steps=True)
        attraction = [self.attract[m](given.utterance[m], complete.utterance[m]) for m in MODALITIES]
        attraction.append(self.attract["context"](given.context, complete.context))
        local = self._local_text(batch.complete.text).values
        targets = {"text": local, "audio": batch.complete.audio.values, "vision": batch.complete.vision.values}
        positions = {m: erased_positions(batch, m) for m in MODALITIES}
        if self.framed_text:
            positions["text"] = F.pad(positions["text"], (0, 1))[:, 1:]
        rebuilding = [rebuilding_loss(self.rebuild[m](given.steps[m]), targets[m], positions[m]) for m in MODALITIES]
        return {
            "task": F.l1_loss(given.sentiment, batch.label),
            "complete_view": config.attraction_weight * F.l1_loss(complete.sentiment, batch.label),
            "attraction": config.attraction_weight * torch.stack(attraction).sum(),
            "rebuilding": config.rebuilding_weight * torch.stack(rebuilding).sum(),
        }

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return groups with separate settings of the two LSTMs."""
        readers = {id(p) for p in self.readers.parameters()}
        return [
            ParameterGroup([p for p in self.parameters() if id(p) not in readers]),
            ParameterGroup(list(self.readers["audio"].parameters()), weight_decay=self.config.audio_decay),
            ParameterGroup(list(self.readers["vision"].parameters()), scale=self.config.vision_rate),
        ]

    def _local_text(self, text: Sequences) -> Sequences:
        """States between `[CLS]` and `[SEP]`, or that of `[SEP]` if there are none; for word vectors, all of them."""
        if not self.framed_text:
            return text
        return Sequences(F.pad(text.values, (0, 0, 0, 1))[:, 1:], (text.length - 2).clamp(min=1))

    def _view(self, batch: Batch, *, read_steps: bool = False) -> _View:
        local = self._local_text(batch.text)
        audio, last_audio = self.readers["audio"](batch.audio)
        vision, last_vision = self.readers["vision"](batch.vision)
        kind: TextVector = "cls" if self.framed_text else "mean"
        utterance = {"text": text_vector(batch.text, kind), "audio": last_audio, "vision": last_vision}
        steps = {"text": local.values, "audio": audio, "vision": vision}
        padding = {"text": local.padding, "audio": batch.audio.padding, "vision": batch.vision.padding}
        tokens = torch.stack([self.project[m](utterance[m]) for m in MODALITIES], dim=1)
        steps = {m: self.project[m](steps[m]) for m in MODALITIES}
        tokens, steps = self.promotion(tokens, steps, padding, read_steps=read_steps)
        context = tokens.flatten(1)
        read = torch.cat([*(utterance[m] for m in ("text", "audio", "vision")), context], dim=-1)
        return _View(utterance, steps, context, self.head(read).squeeze(-1))
