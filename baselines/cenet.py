"""CENET: Cross-modal Enhancement Network (Wang et al., IEEE Transactions on Multimedia 2022).

Frames of audio and vision are turned into words of two small vocabularies by k-means (the paper's feature
transformation strategy). Inside the text encoder, every token attends to the words of both streams, and the result
is added to its state: emotional context for the layers that follow. The sentiment is predicted from the last states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.interface import (
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
from baselines.layers.clusters import FrameClusters
from baselines.layers.inside import encoder_of, only_before
from baselines.layers.pooling import masked_mean
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class CenetConfig(ModelConfig):
    """Settings of the official code, for MOSI and MOSEI. All widths are the encoder's.

    MMSA: `streams="linear"`, 1e-5 for everything, batch size 64.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "streams": Choice("clusters", "linear"),
        "clusters": Choice(8, 16, 32),
        "read_out": Choice("mean", "cls"),
        "layer": Choice(0, 1, 2),
        "dropout": Interval(0.0, 0.5),
    }

    layer: int = Field(1, ge=0, description="encoder layer before which the enhancement is applied")
    streams: Literal["clusters", "linear"] = Field(
        "clusters",
        description="map of a frame to a vector of the encoder's width: the learned embedding of its cluster, as in "
        "the paper, or two linear layers, as in MMSA",
    )
    clusters: int = Field(16, ge=2, description="number of clusters of audio, and of vision")
    read_out: Literal["mean", "cls"] = Field(
        "mean",
        description="vector that the sentiment is predicted from: mean of the last states, for a frozen encoder, or "
        "state of the first token, as published, for a fine-tuned one",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout in the head")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-3,
        encoder_learning_rate=6e-5,
        weight_decay=0.0,
        batch_size=64,
        epochs=40,
        warmup=0.4,
        clip_norm=2.0,
    )


class ClusterEmbedding(nn.Module):
    """Frames as learned embeddings of their k-means clusters; zero vectors stay zero vectors."""

    def __init__(self, input_width: int, width: int, clusters: int) -> None:
        super().__init__()
        self.clusters = FrameClusters(input_width, clusters)
        self.embedding = nn.Embedding(clusters + 1, width, padding_idx=clusters)

    def forward(self, sequences: Sequences) -> Tensor:
        """Return `(B, T, d)` from `(B, T, D)`."""
        embedded: Tensor = self.embedding(self.clusters(sequences))
        return embedded


class LinearEmbedding(nn.Module):
    """Frames through two linear layers with a ReLU between them."""

    def __init__(self, input_width: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(input_width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, sequences: Sequences) -> Tensor:
        """Return `(B, T, d)` from `(B, T, D)`."""
        embedded: Tensor = self.layers(sequences.values)
        return embedded


class StreamAttention(nn.Module):
    """Attention of tokens on a stream: one head, as wide as the encoder."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, tokens: Tensor, stream: Tensor, padding: Tensor) -> Tensor:
        """Return `(B, T, d)` from tokens `(B, T, d)`, a stream `(B, S, d)` and its padding `(B, S)`."""
        return F.scaled_dot_product_attention(
            self.query(tokens), self.key(stream), self.value(stream), attn_mask=~padding[:, None, :]
        )


class CrossModalEnhancement(nn.Module):
    """Update of the tokens: attention on both streams, concatenated and mapped to the encoder's width."""

    def __init__(self, spec: InputSpec, config: CenetConfig) -> None:
        super().__init__()
        width = spec.text

        def embedding(input_width: int) -> nn.Module:
            if config.streams == "clusters":
                return ClusterEmbedding(input_width, width, config.clusters)
            return LinearEmbedding(input_width, width)

        self.audio, self.vision = embedding(spec.audio), embedding(spec.vision)
        self.attend_audio, self.attend_vision = StreamAttention(width), StreamAttention(width)
        self.connect = nn.Linear(2 * width, width)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):  # as in BERT
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.Embedding):
                nn.init.zeros_(module.weight[-1])

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Map both streams to the encoder's width, `(B, S_a, d)` and `(B, S_v, d)`."""
        return self.audio(batch.audio), self.vision(batch.vision)

    def enhance(self, tokens: Tensor, streams: tuple[Tensor, Tensor], batch: Batch) -> Tensor:
        """Add the attention on the streams to tokens `(B, T, d)`."""
        audio, vision = streams
        attended = [
            self.attend_vision(tokens, vision, batch.vision.padding),
            self.attend_audio(tokens, audio, batch.audio.padding),
        ]
        enhanced: Tensor = tokens + self.connect(torch.cat(attended, dim=-1))
        return enhanced

    def fit(self, batch: Batch) -> None:
        """Move the clusters towards a batch."""
        for modality, embedding in (("audio", self.audio), ("vision", self.vision)):
            if isinstance(embedding, ClusterEmbedding):
                embedding.clusters.fit(batch[modality])  # type: ignore[index]


@register(
    "cenet",
    config=CenetConfig,
    info=ModelInfo(
        title="CENET",
        paper="Cross-modal Enhancement Network for Multimodal Sentiment Analysis (TMM 2022)",
        year=2022,
        url="https://github.com/Say2L/CENet",
        licence="none",
        needs_encoder=True,
        differences=(
            "clusters are fitted by mini-batch k-means during the first epoch, not by k-means before training; frames "
            "without content (zeros) belong to no cluster and are embedded as zeros",
            "attention scores are divided by the root of the width; the official code multiplies them by 8",
            "padding of audio and vision is hidden from attention; the official code attends to it",
            "the sentiment is predicted from the mean of the states, as the first token of a frozen encoder is weak; a "
            "config field selects the published read-out",
            "the text encoder is the study's, without SentiLARE's part-of-speech and polarity embeddings, with which "
            "the published figures were obtained",
            "with a frozen encoder only the enhancement and the head are trained, at 1e-3; the published 6e-5 is for "
            "fine-tuning and is the encoder's rate",
            "the loss is the absolute error as in MMSA; the authors' code squares it",
            "the learning rate falls along a cosine, not linearly",
            "the checkpoint is selected on validation MAE with early stopping, not by test accuracy",
        ),
    ),
)
class Cenet(SentimentModel):
    """Enhancement before the encoder's second layer, and a head on the last states."""

    def __init__(self, spec: InputSpec, config: CenetConfig) -> None:
        super().__init__(spec, config)
        self.encoder = encoder_of(spec, "cenet", config.layer)
        self.enhancement = CrossModalEnhancement(spec, config)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(spec.text, spec.text),
            nn.Tanh(),
            nn.Dropout(config.dropout),
            nn.Linear(spec.text, 1),
        )

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        streams = self.enhancement(batch)
        enhance = only_before(self.config.layer, lambda tokens: self.enhancement.enhance(tokens, streams, batch))
        states = self.encoder(batch.text.values, batch.text.length, before=enhance)
        mean = self.config.read_out == "mean"
        return Prediction(self.head(masked_mean(states, batch.text.padding) if mean else states[:, 0]).squeeze(-1))

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Mean absolute error; in the first epoch the clusters move towards each batch before it is read."""
        if step.epoch == 0:
            self.enhancement.fit(batch.input)
        return super().training_loss(batch, step)
