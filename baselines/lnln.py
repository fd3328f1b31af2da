"""LNLN: Language-dominated Noise-resistant Learning Network (Zhang, Wang and Yu, NeurIPS 2024, arXiv 2409.20012).

Language is assumed to be dominant. Where it is incomplete, a proxy generated from audio and vision replaces it, to the
degree that a completeness check predicts; the corrected language then guides the fusion of ALMT.
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
    Prediction,
    SentimentModel,
    Step,
    TrainBatch,
)
from baselines.layers.almt import AdaptiveHyperModality, CrossTransformer
from baselines.layers.heads import Heads
from baselines.layers.reversal import reverse_gradient
from baselines.layers.token_encoder import TokenEncoder
from baselines.layers.transformer import TransformerEncoder, learned_tokens
from baselines.registry import register
from baselines.search import Choice, Interval, Search


class LnlnConfig(ModelConfig):
    """Published settings for MOSI. MOSEI: `fusion_layers=4`; CH-SIMS: the same and `adversarial_weight=0.6`."""

    search: ClassVar[Mapping[str, Search]] = {
        "tokens": Choice(4, 8, 16),
        "fusion_layers": Choice(1, 2, 4),
        "dropout": Interval(0.0, 0.5),
        "completeness_weight": Interval(0.1, 2.0, log=True),
        "adversarial_weight": Interval(0.05, 1.0, log=True),
        "reconstruction_weight": Interval(0.02, 1.0, log=True),
    }

    width: int = Field(128, ge=8, multiple_of=8)
    tokens: int = Field(8, ge=1, description="number of tokens of each modality")
    layers: int = Field(2, ge=1, description="depth of encoders, completeness check, generator and reconstructors")
    hyper_layers: int = Field(3, ge=1, description="number of adaptive hyper-modality layers")
    fusion_layers: int = Field(2, ge=1)
    heads: Heads = Field(8, description="number of attention heads; must divide the width")
    head_width: int = Field(64, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    patch: int = Field(1, ge=1, description="neighbouring audio / vision steps joined into one; the paper joins none")
    completeness_weight: float = Field(0.9, ge=0)
    adversarial_weight: float = Field(0.8, ge=0)
    reconstruction_weight: float = Field(0.1, ge=0)
    task_weight: float = Field(1.0, ge=0)
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-4, encoder_learning_rate=1e-4, weight_decay=1e-4, batch_size=64, epochs=200, patience=20
    )


class _State(NamedTuple):
    """Result of one pass: tokens `(B, 3, K, d)`, proxy `(B, K, d)`, completeness and sentiment `(B,)`."""

    tokens: Tensor
    proxy: Tensor
    completeness: Tensor
    sentiment: Tensor


@register(
    "lnln",
    config=LnlnConfig,
    info=ModelInfo(
        title="LNLN",
        paper="Towards Robust Multimodal Sentiment Analysis with Incomplete Data (NeurIPS 2024)",
        year=2024,
        url="https://github.com/Haoyu-ha/LNLN",
        licence="MIT",
        uses_complete_view=True,
        complete_is_target=True,
        missing_parts="generation",
        uses_masks=True,
        differences=(
            "the gradient is reversed on the discriminator's path only; the official code also reverses the sentiment "
            "gradient into the proxy generator",
            "the discriminator separates the proxy from complete language; the official code gives it the corrected "
            "language",
            "complete features are targets without a gradient, in reconstruction and discrimination; the official code "
            "trains the encoders through them",
            "the completeness target is the realised integrity of the text, not one minus the nominal missing rate",
            "padding is hidden from the encoders; the official code attends to it",
            "sinusoidal positions in the three encoders, for sequences of any length, instead of tables of 508 steps "
            "and less: 121,472 parameters fewer at the MOSI sizes, where the official model has 6,483,012 without the "
            "text encoder and ours 6,347,716",
            "one LayerNorm before self-attention, not one each for query, key and value; its scale is part of the "
            "projections that follow (9,728 parameters fewer with those of the fusion)",
            "the proxy's tokens are its only read-out tokens, where the official code puts eight more in front, and "
            "tokens that are never read have no position (3,328 parameters fewer)",
            "the hyper-modality is a plain residual sum as in the paper's equations; the official code normalises it "
            "at every layer (768 parameters fewer)",
            "the checkpoint is selected on validation MAE with early stopping, not for each metric on the test set",
        ),
    ),
)
class Lnln(SentimentModel):
    """Encoders, dominant modality correction, reconstruction, and language-guided fusion."""

    def __init__(self, spec: InputSpec, config: LnlnConfig) -> None:
        super().__init__(spec, config)
        width, count = config.width, config.tokens

        def transformer(layers: int = config.layers) -> TransformerEncoder:
            return TransformerEncoder(
                width, layers, config.heads, head_width=config.head_width, hidden=width, dropout=config.dropout
            )

        self.encoders = nn.ModuleDict(
            {
                m: TokenEncoder(
                    spec.width(m),
                    width,
                    tokens=count,
                    layers=config.layers,
                    heads=config.heads,
                    head_width=config.head_width,
                    hidden=width,
                    dropout=config.dropout,
                    patch=1 if m == "text" else config.patch,
                )
                for m in MODALITIES
            }
        )
        self.check_token = learned_tokens(1, width)
        self.check_positions = learned_tokens(count, width)
        self.check = transformer()
        self.check_head = nn.Sequential(
            nn.Linear(width, width // 2), nn.LeakyReLU(0.1), nn.Linear(width // 2, 1), nn.Sigmoid()
        )
        self.proxy_tokens = learned_tokens(count, width)
        self.proxy_positions = learned_tokens(2 * count, width)
        self.generator = transformer()
        self.discriminator = nn.Sequential(nn.Linear(width, width // 2), nn.LeakyReLU(0.1), nn.Linear(width // 2, 2))
        self.reconstructor_positions = nn.ParameterList(learned_tokens(count, width) for _ in MODALITIES)
        self.reconstructors = nn.ModuleList(transformer() for _ in MODALITIES)
        self.language_positions = learned_tokens(count, width)
        self.language = transformer(config.hyper_layers - 1)
        self.hyper = AdaptiveHyperModality(width, count, config.hyper_layers, config.heads)
        self.fusion = CrossTransformer(
            width,
            count,
            config.fusion_layers,
            config.heads,
            head_width=config.head_width,
            hidden=width,
            dropout=config.dropout,
        )
        self.head = nn.Linear(width, 1)

    def tokens(self, batch: Batch) -> Tensor:
        """Return each modality's tokens, `(B, 3, K, d)`."""
        return torch.stack([self.encoders[m](batch[m]) for m in MODALITIES], dim=1)

    def forward(self, batch: Batch) -> Prediction:
        """Predict sentiment `(B,)`; only the text's completeness is estimated, so `integrity` is None."""
        return Prediction(self._run(batch).sentiment)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return sentiment, completeness, adversarial and reconstruction losses, weighted as published."""
        config = self.config
        state = self._run(batch.input)
        with torch.no_grad():
            complete = self.tokens(batch.complete)
        rebuilt = torch.stack(
            [
                reconstruct(state.tokens[:, i] + positions)
                for i, (reconstruct, positions) in enumerate(
                    zip(self.reconstructors, self.reconstructor_positions, strict=True)
                )
            ],
            dim=1,
        )
        shown = torch.cat([reverse_gradient(state.proxy), complete[:, 0]]).flatten(0, 1)
        genuine = torch.arange(2, device=shown.device).repeat_interleave(len(shown) // 2)
        return {
            "task": config.task_weight * F.mse_loss(state.sentiment, batch.label),
            "completeness": config.completeness_weight * F.mse_loss(state.completeness, batch.integrity[:, 0]),
            "adversarial": config.adversarial_weight * F.cross_entropy(self.discriminator(shown), genuine),
            "reconstruction": config.reconstruction_weight * F.mse_loss(rebuilt, complete),
        }

    def _run(self, batch: Batch) -> _State:
        tokens = self.tokens(batch)
        text, audio, vision = tokens.unbind(dim=1)
        size, count = text.shape[:2]
        read_out = self.check_token.expand(size, -1, -1)
        checked = self.check(torch.cat([read_out, text + self.check_positions], dim=1), keep=1)
        completeness = self.check_head(checked.squeeze(1))
        sources = torch.cat([audio, vision], dim=1) + self.proxy_positions
        proxy = self.generator(torch.cat([self.proxy_tokens.expand(size, -1, -1), sources], dim=1), keep=count)
        weight = completeness.unsqueeze(-1)
        dominant = (1 - weight) * proxy + weight * text
        scales = self.language.states(dominant + self.language_positions)
        hyper = self.hyper(scales, audio, vision)
        sentiment = self.head(self.fusion(hyper, scales[-1]).mean(dim=1)).squeeze(-1)
        return _State(tokens, proxy, completeness.squeeze(-1), sentiment)
