"""P-RMF: Proxy-driven Robust Multimodal Fusion (Zhu et al., ACL 2025, 2025.acl-long.1075).

Each modality m is encoded as tokens `h_m` by a Transformer over them and its sequence. A separate variational
autoencoder maps them to a Gaussian `N(mu_m, sigma_m^2)`, whose deviation is the uncertainty of the modality; a more
certain modality has a larger weight in the proxy modality:

    w_m = softmax over m of 1 / sigma_m,    proxy = sum over m of w_m mu_m    (element by element)

The proxy is then enriched by attention on each modality, layer by layer with the same weights:

    P <- P + sum over m of w_m CA_m(P, h_m),    P <- P + dropout(W LN(P))

Two linear layers predict the sentiment from its mean over tokens. Training minimises

    L = 1.0 MSE(y, y') + 0.1 MSE(R_m(h_m), h_m complete)
        + 0.5 / 3 (sum over pairs KL(m, n) + sum over m [MSE(D_m(z_m), h_m complete) + KL(m, N(0, 1))])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Normal
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
    Stage,
    Step,
    TrainBatch,
)
from baselines.layers.token_encoder import TokenEncoder
from baselines.layers.transformer import TransformerEncoder, learned_tokens
from baselines.layers.variational import VariationalAutoencoder, divergence, divergence_from_standard
from baselines.registry import register
from baselines.search import Choice, Interval, Search
from protocols import Modality

#: Pairs with a divergence loss, of the first from the second: vision and audio from text, audio from vision.
PAIRS: tuple[tuple[Modality, Modality], ...] = (("vision", "text"), ("audio", "text"), ("audio", "vision"))


class PRmfConfig(ModelConfig):
    """Published settings, the same for MOSI, MOSEI and CH-SIMS."""

    search: ClassVar[Mapping[str, Search]] = {
        "width": Choice(64, 128, 256),
        "tokens": Choice(4, 8, 16),
        "injection_layers": Choice(2, 3, 4, 6),
        "dropout": Interval(0.1, 0.6),
        "variational_weight": Interval(0.1, 1.0),
        "injection_rate": Choice(0.05, 0.2, 1.0),
    }

    width: int = Field(128, ge=8, multiple_of=8, description="d of all tokens")
    tokens: int = Field(8, ge=1, description="number of tokens of each modality")
    layers: int = Field(2, ge=1, description="depth of encoders, autoencoders and reconstructors")
    injection_layers: int = Field(4, ge=1, description="number of injections into the proxy, with the same weights")
    heads: int = Field(8, ge=1, description="number of attention heads; cross-modal injection has one")
    head_width: int = Field(64, ge=1, description="width of each head")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout in cross-modal injection and the head")
    task_weight: float = Field(1.0, ge=0, description="weight of the sentiment's error")
    reconstruction_weight: float = Field(0.1, ge=0, description="weight of the reconstruction of complete tokens")
    variational_weight: float = Field(0.5, ge=0, description="weight of divergences and autoencoders")
    injection_rate: float = Field(0.05, gt=0, description="factor on the learning rate of the injection")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-4, encoder_learning_rate=5e-6, weight_decay=1e-4, batch_size=32, epochs=100, patience=15
    )


class CrossModalInjection(nn.Module):
    """Injection layer: weighted attention of the proxy on each modality, and a linear map, each with a residual."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm_proxy = nn.ModuleDict({m: nn.LayerNorm(width) for m in MODALITIES})
        self.norm_source = nn.ModuleDict({m: nn.LayerNorm(width) for m in MODALITIES})
        self.attention = nn.ModuleDict({m: nn.MultiheadAttention(width, 1, batch_first=True) for m in MODALITIES})
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, proxy: Tensor, tokens: Mapping[Modality, Tensor], weights: Mapping[Modality, Tensor]) -> Tensor:
        """Enrich `proxy` `(B, K, d)` by each modality's `tokens`, weighted by `weights`, all `(B, K, d)`."""
        picked = []
        for m in MODALITIES:
            source = self.norm_source[m](tokens[m])
            attended, _ = self.attention[m](self.norm_proxy[m](proxy), source, source, need_weights=False)
            picked.append(weights[m] * attended)
        proxy = proxy + torch.stack(picked).sum(dim=0)
        enriched: Tensor = proxy + self.dropout(self.project(self.norm(proxy)))
        return enriched


class _State(NamedTuple):
    """Result of one pass: by modality tokens `(B, K, d)` and their Gaussians; sentiment `(B,)`."""

    tokens: dict[Modality, Tensor]
    gaussians: dict[Modality, Normal]
    sentiment: Tensor


@register(
    "p-rmf",
    config=PRmfConfig,
    info=ModelInfo(
        title="P-RMF",
        paper="Proxy-Driven Robust Multimodal Sentiment Analysis with Incomplete Data (ACL 2025)",
        year=2025,
        url="https://github.com/aoqzhu/P-RMF",
        licence="MIT",
        uses_complete_view=True,
        complete_is_target=True,
        missing_parts="reconstruction",
        differences=(
            "written from third-party copies of the authors' code, which have the equations but not their numbers in "
            "the paper",
            "the sentiment's gradient reaches the proxy unchanged; the authors' code reverses it",
            "complete tokens are targets without a gradient; the authors' code trains the encoders through them",
            "the reconstructors are trained; the authors' code leaves them out of its optimiser",
            "padding is hidden from the encoders; the authors' code attends to it",
            "sinusoidal positions in the three encoders, for sequences of any length, instead of learned tables, which "
            "hold read-out tokens and 50, 375 and 500 steps: 121,472 parameters fewer at the MOSI sizes, where the "
            "authors' model has 7,828,097 without the text encoder and ours 7,694,337",
            "one LayerNorm before self-attention, not one each for query, key and value; its scale is part of the "
            "projections that follow (12,288 parameters fewer)",
            "learned tokens and positions start small, not from zeros and from a standard deviation of one",
            "the checkpoint is selected on validation MAE with early stopping, not for each metric on the test set",
        ),
    ),
)
class PRmf(SentimentModel):
    """Token encoders, variational autoencoders, the proxy modality, cross-modal injection, a small head."""

    config: PRmfConfig

    def __init__(self, spec: InputSpec, config: PRmfConfig) -> None:
        super().__init__(spec, config)
        width, count, layers, heads = config.width, config.tokens, config.layers, config.heads
        self.encoders = nn.ModuleDict(
            {
                m: TokenEncoder(
                    spec.width(m),
                    width,
                    tokens=count,
                    layers=layers,
                    heads=heads,
                    head_width=config.head_width,
                    hidden=width,
                )
                for m in MODALITIES
            }
        )
        self.autoencoders = nn.ModuleDict(
            {m: VariationalAutoencoder(width, count, layers, heads, head_width=config.head_width) for m in MODALITIES}
        )
        self.injection = CrossModalInjection(width, config.dropout)
        self.reconstructor_positions = nn.ParameterDict({m: learned_tokens(count, width) for m in MODALITIES})
        self.reconstructors = nn.ModuleDict(
            {
                m: TransformerEncoder(width, layers, heads, head_width=config.head_width, hidden=width)
                for m in MODALITIES
            }
        )
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(width, 1))

    def forward(self, batch: Batch) -> Prediction:
        """Sentiment `(B,)`."""
        return Prediction(self._run(batch).sentiment)

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        """Return task error, reconstruction of complete tokens, and variational terms, weighted."""
        config, state = self.config, self._run(batch.input)
        with torch.no_grad():
            complete = self.tokens(batch.complete)
        rebuilt = [
            F.mse_loss(self.reconstructors[m](state.tokens[m] + self.reconstructor_positions[m]), complete[m])
            for m in MODALITIES
        ]
        terms = [divergence(state.gaussians[m], state.gaussians[n]) for m, n in PAIRS]
        for m, gaussian in state.gaussians.items():
            terms.append(F.mse_loss(self.autoencoder(m).decode(gaussian.rsample()), complete[m]))
            terms.append(divergence_from_standard(gaussian))
        return {
            "task": config.task_weight * F.mse_loss(state.sentiment, batch.label),
            "reconstruction": config.reconstruction_weight * torch.stack(rebuilt).mean(),
            "variational": config.variational_weight * torch.stack(terms).sum() / len(MODALITIES),
        }

    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        """Return groups with a separate learning rate for the injection."""
        injection = list(self.injection.parameters())
        theirs = {id(p) for p in injection}
        return [
            ParameterGroup([p for p in self.parameters() if id(p) not in theirs]),
            ParameterGroup(injection, scale=self.config.injection_rate),
        ]

    def tokens(self, batch: Batch) -> dict[Modality, Tensor]:
        """Return each modality's tokens, `(B, K, d)`."""
        return {m: self.encoders[m](batch[m]) for m in MODALITIES}

    def autoencoder(self, modality: Modality) -> VariationalAutoencoder:
        """Return the autoencoder of a modality."""
        return cast(VariationalAutoencoder, self.autoencoders[modality])

    def _run(self, batch: Batch) -> _State:
        tokens = self.tokens(batch)
        gaussians = {m: self.autoencoder(m).encode(tokens[m]) for m in MODALITIES}
        weights = certainty_weights(gaussians)
        enriched = torch.stack([weights[m] * gaussians[m].loc for m in MODALITIES]).sum(dim=0)
        for _ in range(self.config.injection_layers):
            enriched = self.injection(enriched, tokens, weights)
        return _State(tokens, gaussians, self.head(enriched.mean(dim=1)).squeeze(-1))


def certainty_weights(gaussians: Mapping[Modality, Normal]) -> dict[Modality, Tensor]:
    """Weights by modality, `(B, K, d)`: softmax over modalities of the inverse deviations; they sum to 1."""
    certainty = torch.stack([1 / gaussian.scale for gaussian in gaussians.values()])
    return dict(zip(gaussians, certainty.softmax(dim=0), strict=True))
