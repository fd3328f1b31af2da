"""KuDA: Knowledge-guided Dynamic modality Attention (Feng et al., Findings of EMNLP 2024, arXiv 2410.04491).

In a first stage every modality learns to predict the sentiment separately: from the states of its encoder, and from
knowledge that adapters accumulate over the encoder's layers,

    k_1 = A_1(LN(h_0 + h_1)),    k_n = A_n(LN(k_(n-1) + h_n)),    A(x) = x + W_up Transformer(W_down x)

In the second stage the adapters stay as they are. States and knowledge of each modality, `[h, k_N]`, are brought to one
number of steps and one width. Their sum F attends to each modality, layer by layer, and the results are added:

    F <- LN(F + LN(sum over m of LN(CA_m(F, X_m)))),    F <- LN(F + SA(F)),    F <- LN(F + FFN(LN(F)))

The mean over steps predicts the sentiment. Training minimises MSE + 0.1 sum over m of InfoNCE(X_m, F).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, NamedTuple, cast

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
from baselines.layers.alignment import resample
from baselines.layers.attending import Lengths, encode, pack, runs_packed, unpack
from baselines.layers.contrastive import info_nce
from baselines.layers.cross_modal import fitting_heads
from baselines.layers.pooling import masked_mean
from baselines.layers.positions import sinusoidal_positions
from baselines.layers.transformer import Attention, feed_forward
from baselines.layers.two_stages import all_but, two_stages
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class KudaConfig(ModelConfig):
    """Published sizes, and an optimiser that suits a frozen encoder; with a fine-tuned one all rates are 3e-5."""

    search: ClassVar[Mapping[str, Search]] = {
        "stream_width": Choice(64, 128, 256),
        "layers": Choice(1, 2, 3),
        "pretraining": Interval(0.2, 0.6),
        "dropout": Interval(0.1, 0.5),
        "contrast_weight": Interval(0.01, 0.5, log=True),
    }

    width: int = Field(default=256, ge=1, description="width of the fusion")
    stream_width: int = Field(default=128, ge=1, description="width of the encoders of audio and vision")
    stream_layers: int = Field(default=4, ge=2, description="depth of the encoders of audio and vision")
    text_adapters: int = Field(default=4, ge=1, description="number of adapters of the text")
    layers: int = Field(default=3, ge=1, description="depth of the fusion")
    heads: int = Field(default=8, ge=1, description="number of attention heads of the fusion")
    head_width: int = Field(default=64, ge=1, description="width of each head of the fusion")
    hidden: int = Field(default=512, ge=1, description="feed-forward width of the fusion")
    steps: int = Field(default=50, ge=1, description="steps of every modality in the fusion")
    dropout: float = Field(default=0.3, ge=0, lt=1, description="dropout of the attention on each modality")
    stream_dropout: float = Field(default=0.2, ge=0, lt=1, description="dropout in the encoders of audio and vision")
    adapter_dropout: float = Field(default=0.1, ge=0, lt=1, description="dropout in the adapters")
    contrast_weight: float = Field(default=0.1, ge=0, description="weight of the contrastive loss")
    pretraining: float = Field(default=0.4, gt=0, lt=1, description="share of the epochs of the first stage")
    optimisation: Optimisation = Optimisation(
        learning_rate=3e-4, encoder_learning_rate=3e-5, weight_decay=1e-5, batch_size=32, epochs=50, patience=10
    )


def _layer(width: int, heads: int, dropout: float) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        width, fitting_heads(width, heads), max(1, width // 2), dropout, activation="gelu", batch_first=True
    )


class Adapter(nn.Module):
    """Two Transformer layers at half the width d, with a residual around them."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        inner = max(1, width // 2)
        self.down, self.up = nn.Linear(width, inner), nn.Linear(inner, width)
        self.layers = nn.ModuleList(_layer(inner, 4, dropout) for _ in range(2))

    def forward(self, values: Tensor, hidden: Tensor | Lengths) -> Tensor:
        """Map `(B, T, d)`, or rows `(P, d)`, to the same shape; `hidden` is that of `encode`."""
        inner = self.down(values)
        for layer in self.layers:
            inner = encode(cast(nn.TransformerEncoderLayer, layer), inner, hidden)
        adapted: Tensor = values + self.up(inner)
        return adapted


class KnowledgeEncoder(nn.Module):
    """States of a modality and the knowledge of its adapters, side by side, and a prediction from them.

    Args:
        input_width: Width D.
        width: Width d of the encoder; None: the input holds states of an encoder already.
        layers: Depth of the encoder.
        adapters: Number of adapters.
        dropout, adapter_dropout: Dropout in the encoder and in the adapters.
    """

    def __init__(
        self, input_width: int, width: int | None, *, layers: int, adapters: int, dropout: float, adapter_dropout: float
    ) -> None:
        super().__init__()
        self.enter = None if width is None else nn.Linear(input_width, width)
        width = width or input_width
        self.layers = nn.ModuleList(_layer(width, 8, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.adapters = nn.ModuleList(Adapter(width, adapter_dropout) for _ in range(adapters))
        widths = [2 * width, *(max(1, width // k) for k in (2, 4, 8))]
        hidden = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.GELU())]
        self.score = nn.Sequential(*hidden, nn.Linear(widths[-1], 1))

    def forward(self, sequences: Sequences) -> Sequences:
        """Return states and knowledge, `(B, T, 2 d)`, zeros on padding."""
        padding, values = sequences.padding, sequences.values
        if self.enter is not None:
            values = self.enter(values)
            values = values + sinusoidal_positions(values.shape[1], values.shape[2], values)
        if not runs_packed(values, values):
            both = self._encode(values, padding).masked_fill(padding.unsqueeze(-1), 0.0)
        else:
            rows, lengths = pack(values, padding)
            both = unpack(self._encode(rows, Lengths(lengths, lengths)), padding, values)
        return Sequences(both, sequences.length)

    def _encode(self, values: Tensor, hidden: Tensor | Lengths) -> Tensor:
        states = [values]
        for layer in self.layers:
            states.append(encode(cast(nn.TransformerEncoderLayer, layer), states[-1], hidden))
        knowledge, last = states[0], len(states) - 1
        for number, adapter in enumerate(self.adapters, start=1):
            knowledge = adapter(self.norm(knowledge + states[min(number, last)]), hidden)
        own = self.norm(states[-1]) if self.layers else states[-1]
        return torch.cat([own, knowledge], dim=-1)

    def predict(self, both: Sequences) -> Tensor:
        """Predict the sentiment `(B,)` from the mean of the result of `forward`."""
        scored: Tensor = self.score(masked_mean(both.values, both.padding)).squeeze(-1)
        return scored


class ModalityAttention(nn.Module):
    """Post-norm attention of the fusion on one modality, and a feed-forward."""

    def __init__(self, config: KudaConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.heads, config.head_width)
        self.feed = nn.Sequential(nn.LayerNorm(config.width), feed_forward(config.width, config.hidden, config.dropout))
        self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(2))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Return the answer `(B, S, d)` of `source` to `target`, both `(B, S, d)`."""
        target = self.norms[0](target + self.dropout(self.attention(target, source)))
        answer: Tensor = self.norms[1](target + self.dropout(self.feed(target)))
        return answer


class RoutingLayer(nn.Module):
    """Attention on every modality, on itself, and a feed-forward, each normalised behind its residual."""

    def __init__(self, config: KudaConfig) -> None:
        super().__init__()
        width = config.width
        self.ask = nn.ModuleDict({m: ModalityAttention(config) for m in MODALITIES})
        self.norm_answer = nn.ModuleDict({m: nn.LayerNorm(width) for m in MODALITIES})
        self.norm_sum = nn.LayerNorm(width)
        self.itself = Attention(width, config.heads, config.head_width)
        self.feed = nn.Sequential(nn.LayerNorm(width), feed_forward(width, config.hidden))
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for _ in range(3))

    def forward(self, fusion: Tensor, modalities: Mapping[str, Tensor]) -> Tensor:
        """Update the fusion `(B, S, d)` from modalities `(B, S, d)`."""
        answers = [self.norm_answer[m](self.ask[m](fusion, modalities[m])) for m in MODALITIES]
        fusion = self.norms[0](fusion + self.norm_sum(torch.stack(answers).sum(dim=0)))
        fusion = self.norms[1](fusion + self.itself(fusion, fusion))
        updated: Tensor = self.norms[2](fusion + self.feed(fusion))
        return updated


class _State(NamedTuple):
    """Result of the fusion: modalities and fusion `(B, S, d)`, sentiment `(B,)`."""

    modalities: dict[str, Tensor]
    fusion: Tensor
    sentiment: Tensor


@register(
    "kuda",
    config=KudaConfig,
    info=ModelInfo(
        title="KuDA",
        paper="Knowledge-Guided Dynamic Modality Attention Fusion Framework for Multimodal Sentiment Analysis "
        "(Findings of EMNLP 2024)",
        year=2024,
        url="https://github.com/MKMaS-GUET/KuDA",
        licence="MIT",
        differences=(
            "the ratio of sentiments, by which the paper weights the answers of modalities in training, needs the "
            "label and is left out: a LayerNorm follows each weighted answer and cancels its weight, and at test time "
            "the official code has neither the ratio nor this LayerNorm, which ours keeps",
            "the first stage learns from the sentiment of the same training part; the official one from CH-SIMS v2, "
            "which has labels of single modalities",
            "adapters of the text read the encoder's last states; the official ones layers 3, 6, 9 and 11 of a BERT",
            "those of audio and vision read the input and the first three layers of their Transformer; which layers "
            "the official ones read is in a changed copy of PyTorch that was not released",
            "sequences are resampled to 50 steps before they are mixed over time, and unimodal predictions leave out "
            "padding; the official code mixes padded sequences of a fixed length for each modality",
            "sinusoidal positions instead of learned ones, for sequences of any length",
            "one training rate of 3e-4 with a cosine for a frozen encoder; the official rate is 3e-5, for a BERT",
            "the released code prints every epoch's validation and test results and keeps no checkpoint of the second "
            "stage; here it is selected on validation MAE",
        ),
    ),
)
class Kuda(SentimentModel):
    """Encoders with adapters, one number of steps for all, routing layers, a small head."""

    config: KudaConfig

    def __init__(self, spec: InputSpec, config: KudaConfig) -> None:
        super().__init__(spec, config)
        dropout = {"dropout": config.stream_dropout, "adapter_dropout": config.adapter_dropout}
        self.encoders = nn.ModuleDict(
            {"text": KnowledgeEncoder(spec.text, None, layers=0, adapters=config.text_adapters, **dropout)}
        )
        for m in ("audio", "vision"):
            self.encoders[m] = KnowledgeEncoder(
                spec.width(m),
                config.stream_width,
                layers=config.stream_layers,
                adapters=config.stream_layers - 1,
                **dropout,
            )
        widths = {"text": 2 * spec.text, "audio": 2 * config.stream_width, "vision": 2 * config.stream_width}
        self.project = nn.ModuleDict({m: nn.Linear(widths[m], config.width) for m in MODALITIES})
        self.mix = nn.ModuleDict({m: nn.Linear(config.steps, config.steps) for m in MODALITIES})
        self.layers = nn.ModuleList(RoutingLayer(config) for _ in range(config.layers))
        hidden = [max(1, config.width // k) for k in (4, 8)]
        self.head = nn.Sequential(
            nn.Linear(config.width, hidden[0]),
            nn.GELU(),
            nn.Linear(hidden[0], hidden[1]),
            nn.GELU(),
            nn.Linear(hidden[1], 1),
        )

    def stages(self, epochs: int) -> list[Stage]:
        """Return the single modalities, then the fusion; both at once for a budget of one epoch."""
        return two_stages(epochs, self.config.pretraining, "modalities", "fusion")

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return the encoders in stage 1, all but adapters and unimodal predictions in stage 2, all if joint."""
        if stage.name == "modalities":
            return [ParameterGroup(list(self.encoders.parameters()))]
        fixed = [part for m in MODALITIES for part in (self._encoder(m).adapters, self._encoder(m).score)]
        return all_but(self, fixed if stage.name == "fusion" else [])

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self._fuse(self._encode(batch)).sentiment)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return the errors of single modalities in stage 1; those of the fusion and the contrast in stage 2."""
        encoded, terms = self._encode(batch.input), {}
        if step.stage.name != "fusion":
            errors = [F.mse_loss(self._encoder(m).predict(encoded[m]), batch.label) for m in MODALITIES]
            terms["modalities"] = torch.stack(errors).sum()
        if step.stage.name != "modalities":
            state = self._fuse(encoded)
            contrast = [info_nce(state.modalities[m].mean(dim=1), state.fusion.mean(dim=1)) for m in MODALITIES]
            terms["task"] = F.mse_loss(state.sentiment, batch.label)
            terms["contrast"] = self.config.contrast_weight * torch.stack(contrast).sum()
        return terms

    def _encoder(self, modality: str) -> KnowledgeEncoder:
        return cast(KnowledgeEncoder, self.encoders[modality])

    def _encode(self, batch: Batch) -> dict[str, Sequences]:
        return {m: self.encoders[m](batch[m]) for m in MODALITIES}

    def _fuse(self, encoded: Mapping[str, Sequences]) -> _State:
        steps, modalities = self.config.steps, {}
        for m, both in encoded.items():
            projected = Sequences(self.project[m](both.values), both.length)
            even = resample(projected, torch.full_like(both.length, steps), steps).values
            modalities[m] = self.mix[m](even.transpose(1, 2)).transpose(1, 2)
        fusion = torch.stack(list(modalities.values())).sum(dim=0)
        for layer in self.layers:
            fusion = layer(fusion, modalities)
        return _State(modalities, fusion, self.head(fusion.mean(dim=1)).squeeze(-1))
