"""MulT: the Multimodal Transformer for unaligned sequences (Tsai et al., ACL 2019, arXiv 1906.00295).

Each modality m is mapped to the width d by a temporal convolution, gets sinusoidal positions, and is enriched by each
of the two others with cross-modal Transformers of D layers (section 3.2):

    Z_(n->m)[0] = X_m + PE
    Y           = Z_(n->m)[i-1] + CM(LN(Z_(n->m)[i-1]), LN(X_n + PE))
    Z_(n->m)[i] = Y + FFN(LN(Y))

where `CM(A, B) = softmax(A W_Q (B W_K)^T / sqrt(d_k)) B W_V` (section 3.1). `Z_m = [Z_(n->m); Z_(k->m)]` of
width 2 d is the input of a separate Transformer, and a residual block predicts the sentiment from the concatenated last
steps of the three.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

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
)
from baselines.layers.cross_modal import (
    CrossModalTransformer,
    PairwiseCrossModal,
    TemporalConvolution,
    fitting_heads,
    last_step,
)
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class MultConfig(ModelConfig):
    """Published settings for MOSI (table 5 of the paper).

    MOSEI: `heads=8, text_dropout=0.3, dropout=0.1, optimisation={"batch_size": 16, "epochs": 20, "clip_norm": 1.0}`.
    """

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(30, 40, 60),
        "layers": Choice(3, 4, 5),
        "text_dropout": Interval(0.1, 0.5),
        "dropout": Interval(0.1, 0.3),
        "output_dropout": Interval(0.0, 0.5),
    }

    width: int = Field(40, ge=1, description="d: width of every modality after its convolution")
    layers: int = Field(4, ge=1, description="D: cross-modal layers")
    memory_layers: int = Field(4, ge=1, description="Transformer layers over the results of the cross-modal ones")
    heads: int = Field(10, ge=1, description="most attention heads: the largest divisor of the width up to this")
    text_kernel: int = Field(1, ge=1, description="steps that the text's convolution joins")
    audio_kernel: int = Field(3, ge=1, description="steps that the audio's convolution joins")
    vision_kernel: int = Field(3, ge=1, description="steps that the vision's convolution joins")
    text_dropout: float = Field(0.2, ge=0, lt=1, description="dropout on the text's input vectors")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="dropout inside attention blocks; not on weights towards audio and vision"
    )
    output_dropout: float = Field(0.1, ge=0, lt=1, description="dropout in the head")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-3, weight_decay=0.0, batch_size=128, epochs=100, patience=20, clip_norm=0.8, algorithm="adam"
    )


@register(
    "mult",
    config=MultConfig,
    info=ModelInfo(
        title="MulT",
        paper="Multimodal Transformer for Unaligned Multimodal Language Sequences (ACL 2019)",
        year=2019,
        url="https://github.com/yaohungt/Multimodal-Transformer",
        licence="MIT",
        differences=(
            "every step attends to the whole of the source, as in the paper; the official code hides by default the "
            "steps ahead of it, counted on the padded lengths",
            "residuals carry the values themselves, as in the official code; the paper's equations add them normalised",
            "padding is hidden from attention, and each modality is read out at its own last step; the official code "
            "attends to padding and reads the last step of the batch, which is padding for most samples",
            "convolutions keep the length, as in the paper, and exist for all widths; the official code omits one if "
            "a modality already has the model's width",
            "table 5's dropout of the attention blocks is taken for ReLU, residuals and attention weights, except "
            "those towards audio and vision, which are kept, as in the official code, which sets each apart",
            "the learning rate follows a cosine; the official code divides it by ten where the validation loss stalls",
            "there are codes of positions and no weight decay, as in the official code; MMSA's copy switches the codes "
            "off, and sets a weight decay of 0.005 that does not reach its optimiser",
        ),
    ),
)
class Mult(SentimentModel):
    """Six cross-modal Transformers, three Transformers over their results, and a residual head on the last steps."""

    config: MultConfig

    def __init__(self, spec: InputSpec, config: MultConfig) -> None:
        super().__init__(spec, config)
        width, drop = config.width, config.dropout
        kernels = {"text": config.text_kernel, "audio": config.audio_kernel, "vision": config.vision_kernel}
        self.text_dropout = nn.Dropout(config.text_dropout)
        self.project = nn.ModuleDict({m: TemporalConvolution(spec.width(m), width, kernels[m]) for m in MODALITIES})
        self.cross = PairwiseCrossModal(
            width,
            config.layers,
            fitting_heads(width, config.heads),
            attention_dropout={"text": drop, "audio": 0.0, "vision": 0.0},
            relu_dropout=drop,
            residual_dropout=drop,
        )
        self.memory = nn.ModuleDict(
            {
                m: CrossModalTransformer(
                    2 * width,
                    config.memory_layers,
                    fitting_heads(2 * width, config.heads),
                    attention_dropout=drop,
                    relu_dropout=drop,
                    residual_dropout=drop,
                )
                for m in MODALITIES
            }
        )
        joint = 2 * width * len(MODALITIES)
        self.residual = nn.Sequential(
            nn.Linear(joint, joint), nn.ReLU(), nn.Dropout(config.output_dropout), nn.Linear(joint, joint)
        )
        self.head = nn.Linear(joint, 1)

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        steps = {m: self.project[m](batch[m]) for m in ("audio", "vision")}
        steps["text"] = self.project["text"](Sequences(self.text_dropout(batch.text.values), batch.text.length))
        padding = {m: batch[m].padding for m in MODALITIES}
        enriched = self.cross(steps, padding)
        last = [
            last_step(self.memory[m](torch.cat(enriched[m], dim=-1), padding=padding[m]), batch[m].length)
            for m in MODALITIES
        ]
        joint = torch.cat(last, dim=-1)
        return Prediction(self.head(joint + self.residual(joint)).squeeze(-1))
