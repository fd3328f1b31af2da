"""TFR-Net: Transformer-based Feature Reconstruction Network (Yuan et al., ACM MM 2021).

Every modality, mapped to the width d by a convolution over time, is the input of a unimodal Transformer and of
cross-modal ones from the two others; the three results are its features `H_m` of width 3 d. From them

* attention over the features and a linear map rebuild the modality's input, in training only;
* a gated reader gives one vector: `R = BiGRU(H)`, `g = sigmoid(conv(R))`, `max over t of tanh(W [H; g tanh(R)])`;
  the three vectors, batch-normalised, go through two linear layers to the sentiment.

Training minimises `|y - y'| + sum over m lambda_m (SmoothL1 + lambda_s CMD / N_m)`, both between the rebuilt and
the complete input on the N_m erased values.
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
    Prediction,
    SentimentModel,
    Sequences,
    Step,
    TrainBatch,
)
from baselines.layers.cross_modal import CrossModalTransformer, PairwiseCrossModal, TemporalConvolution, fitting_heads
from baselines.layers.feature_attention import FeatureTransformer
from baselines.layers.moments import central_moment_discrepancy
from baselines.layers.rebuilding import erased_positions, rebuilding_loss
from baselines.layers.recurrent import RecurrentEncoder
from baselines.layers.subnetworks import SampleNorm
from baselines.registry import register
from baselines.search import Choice, Interval, Search
from protocols import Modality

#: Number of moments compared by the discrepancy of rebuilt and complete features.
MOMENTS = 3


class TfrNetConfig(ModelConfig):
    """Published settings for MOSI.

    MOSEI: `text_weight=5e-6, audio_weight=2e-6, vision_weight=2e-5, optimisation={"learning_rate": 2e-3,
    "encoder_learning_rate": 1e-5}`.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(20, 30, 40),
        "layers": Choice(2, 3, 4),
        "dropout": Interval(0.0, 0.4),
        "text_weight": Interval(1e-3, 20.0, log=True),
        "audio_weight": Interval(1e-3, 20.0, log=True),
        "vision_weight": Interval(1e-3, 20.0, log=True),
    }

    width: int = Field(30, ge=1, description="d: width of every modality after its convolution")
    layers: int = Field(3, ge=1, description="depth of all Transformers")
    heads: int = Field(6, ge=1, description="most attention heads: the largest divisor of the width up to this")
    text_kernel: int = Field(1, ge=1, description="steps that the text's convolution joins")
    audio_kernel: int = Field(5, ge=1, description="steps that the audio's convolution joins")
    vision_kernel: int = Field(3, ge=1, description="steps that the vision's convolution joins")
    text_hidden: int = Field(36, ge=1, description="width of the text's vector and of its recurrent reader")
    audio_hidden: int = Field(20, ge=1, description="width of the audio's vector and of its recurrent reader")
    vision_hidden: int = Field(48, ge=1, description="width of the vision's vector and of its recurrent reader")
    recurrent_layers: int = Field(3, ge=1, description="depth of the recurrent readers")
    head_hidden: int = Field(128, ge=1, description="hidden width of the head")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout inside Transformers and on the three vectors")
    text_dropout: float = Field(0.2, ge=0, lt=1, description="dropout on the text's input vectors")
    attention_dropout: float = Field(0.2, ge=0, lt=1, description="dropout on attention weights to the text")
    audio_attention_dropout: float = Field(0.1, ge=0, lt=1, description="dropout on attention weights to the audio")
    vision_attention_dropout: float = Field(0.0, ge=0, lt=1, description="dropout on attention weights to the vision")
    text_weight: float = Field(5.0, ge=0, description="lambda_t: weight of rebuilding the text")
    audio_weight: float = Field(2.0, ge=0, description="lambda_a: weight of rebuilding the audio")
    vision_weight: float = Field(20.0, ge=0, description="lambda_v: weight of rebuilding the vision")
    discrepancy_weight: float = Field(5.0, ge=0, description="lambda_s: weight of the moment discrepancy")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-3,
        encoder_learning_rate=2e-6,
        weight_decay=1e-3,
        batch_size=24,
        epochs=50,
        patience=6,
        clip_norm=0.8,
        algorithm="adam",
    )


class GatedReader(nn.Module):
    """Reader of a sequence into one vector: a recurrent context, a gate for every step, the maximum over steps.

    Args:
        input_width: Width D.
        width: Width d.
        layers: Depth of the bidirectional GRU, of width d each way.
        dropout: Dropout on the vector.
    """

    def __init__(self, input_width: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.reader = RecurrentEncoder(input_width, width, layers, bidirectional=True, kind="gru")
        self.gate = nn.Conv1d(2 * width, 1, kernel_size=3, padding=1)
        self.project = nn.Linear(2 * width + input_width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequences: Sequences) -> Tensor:
        """Return `(B, d)` from `(B, T, D)`."""
        context, _ = self.reader(sequences)
        gate = torch.sigmoid(self.gate(context.transpose(1, 2)).transpose(1, 2))
        steps = torch.tanh(self.project(torch.cat([sequences.values, gate * torch.tanh(context)], dim=-1)))
        vector: Tensor = self.dropout(steps.masked_fill(sequences.padding.unsqueeze(-1), -1.0).amax(dim=1))
        return vector


@register(
    "tfr-net",
    config=TfrNetConfig,
    info=ModelInfo(
        title="TFR-Net",
        paper="Transformer-based Feature Reconstruction Network for Robust Multimodal Sentiment Analysis (ACM MM 2021)",
        year=2021,
        url="https://github.com/thuiar/TFR-Net",
        licence="MIT",
        uses_complete_view=True,
        complete_is_target=True,
        missing_parts="reconstruction",
        uses_masks=True,
        differences=(
            "attention over features, ahead of rebuilding, compares their courses in time for sequences of any length "
            "(885,924 parameters); the official code's tokens are features and its widths the padded lengths 50, 375 "
            "and 500 (14,190,425 parameters of 14,850,620 without the text encoder); all else has 660,195 in both",
            "every step attends to all others; the official code hides the steps ahead, counted on the padded lengths",
            "padding is hidden from attention and from the maximum over steps; the official code reads it",
            "gaps of the data set itself are not rebuilt, as their values are unknown",
            "the smooth L1 distance and the discrepancy are taken over erased positions alone; the official code also "
            "counts the zeros that stand for all other positions among the samples of the discrepancy",
            "rebuilding counts from the first epoch; the official code leaves it out of the first",
            "the gradient is clipped to a norm of 0.8; the official code clips each of its elements at 0.8",
            "one optimiser step a batch; the official code takes another one with the same gradient every fourth batch",
            "the learning rate follows a cosine; the official code divides it by ten where the validation loss stalls",
            "trained once for all missing rates where the regime says so; the paper trains a model for each",
        ),
    ),
)
class TfrNet(SentimentModel):
    """Transformers within and across modalities, rebuilding, gated readers, a small head."""

    config: TfrNetConfig

    def __init__(self, spec: InputSpec, config: TfrNetConfig) -> None:
        super().__init__(spec, config)
        width, drop = config.width, config.dropout
        kernels = {"text": config.text_kernel, "audio": config.audio_kernel, "vision": config.vision_kernel}
        hidden = {"text": config.text_hidden, "audio": config.audio_hidden, "vision": config.vision_hidden}
        heads = fitting_heads(width, config.heads)
        self.text_dropout = nn.Dropout(config.text_dropout)
        self.project = nn.ModuleDict({m: TemporalConvolution(spec.width(m), width, kernels[m]) for m in MODALITIES})
        self.cross = PairwiseCrossModal(
            width,
            config.layers,
            heads,
            attention_dropout={
                "text": config.attention_dropout,
                "audio": config.audio_attention_dropout,
                "vision": config.vision_attention_dropout,
            },
            relu_dropout=drop,
            residual_dropout=drop,
            embedding_dropout=drop,
        )
        self.within = nn.ModuleDict(
            {
                m: CrossModalTransformer(
                    width,
                    config.layers,
                    heads,
                    attention_dropout=config.attention_dropout,
                    relu_dropout=drop,
                    residual_dropout=drop,
                    embedding_dropout=drop,
                )
                for m in MODALITIES
            }
        )
        self.features = nn.ModuleDict(
            {m: FeatureTransformer(3 * width, config.layers, heads, dropout=drop) for m in MODALITIES}
        )
        self.rebuild = nn.ModuleDict({m: nn.Linear(3 * width, spec.width(m)) for m in MODALITIES})
        self.readers = nn.ModuleDict(
            {m: GatedReader(3 * width, hidden[m], config.recurrent_layers, drop) for m in MODALITIES}
        )
        joint = sum(hidden.values())
        self.head = nn.Sequential(
            SampleNorm(joint), nn.Linear(joint, config.head_hidden), nn.LeakyReLU(), nn.Linear(config.head_hidden, 1)
        )

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self._predict(self.extract(batch)))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the absolute error, and the rebuilding loss of each modality on erased positions."""
        config, features = self.config, self.extract(batch.input)
        weights = {"text": config.text_weight, "audio": config.audio_weight, "vision": config.vision_weight}
        return {
            "task": F.l1_loss(self._predict(features), batch.label),
            **{f"{m}_rebuilding": weights[m] * self._rebuilding_loss(m, features[m], batch) for m in MODALITIES},
        }

    def extract(self, batch: Batch) -> dict[Modality, Sequences]:
        """Return the features `H_m` of each modality, `(B, T, 3 d)`, zeros on padding."""
        text = Sequences(self.text_dropout(batch.text.values), batch.text.length)
        steps = {m: self.project[m](text if m == "text" else batch[m]) for m in MODALITIES}
        padding = {m: batch[m].padding for m in MODALITIES}
        crossed = self.cross(steps, padding)
        features = {}
        for m in MODALITIES:
            joined = torch.cat([self.within[m](steps[m], padding=padding[m]), *crossed[m]], dim=-1)
            features[m] = Sequences(joined.masked_fill(padding[m].unsqueeze(-1), 0.0), batch[m].length)
        return features

    def _predict(self, features: Mapping[Modality, Sequences]) -> Tensor:
        vectors = torch.cat([self.readers[m](features[m]) for m in MODALITIES], dim=-1)
        sentiment: Tensor = self.head(vectors).squeeze(-1)
        return sentiment

    def _rebuilding_loss(self, modality: Modality, features: Sequences, batch: TrainBatch) -> Tensor:
        rebuilt = self.rebuild[modality](self.features[modality](features.values, features.padding))
        target, positions = batch.complete[modality].values.detach(), erased_positions(batch, modality)
        loss = rebuilding_loss(rebuilt, target, positions)
        if self.config.discrepancy_weight and positions.any():
            chosen = rebuilt[positions], target[positions]
            discrepancy = central_moment_discrepancy(*chosen, moments=MOMENTS)
            loss = loss + self.config.discrepancy_weight * discrepancy / chosen[0].numel()
        return loss
