"""Part 1: encoders of each modality into K tokens (our reading)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from baselines import Batch, InputSpec, Modality
from baselines.layers.event_tokens import EventTokens
from baselines.layers.inputs import InputFeatures
from baselines.layers.token_encoder import TokenEncoder
from protocols import MODALITIES
from senti_ifusion.config import PartsConfig


class ModalityEncoders(nn.Module):
    """Encode a modality as tokens: the mean of its present positions, and K - 1 tokens of groups of events."""

    def __init__(self, spec: InputSpec, config: PartsConfig) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({m: self.encoder(m, spec, config) for m in MODALITIES})

    def encoder(self, modality: Modality, spec: InputSpec, config: PartsConfig) -> nn.Module:
        """Return the encoder of a modality."""
        text = modality == "text"
        return EventTokens(
            spec.width(modality),
            config.width,
            tokens=config.tokens,
            events=config.events,
            norm=config.text_norm if text else config.stream_norm,
            neighbours=0 if text else config.neighbours,
            dropout=config.dropout if text else config.event_dropout,
        )

    def features(self, batch: Batch, modality: Modality) -> Tensor:
        """Normalised vectors of one modality, the encoder's input, `(B, T, D)`."""
        encoder = self.encoders[modality]
        reader = encoder.input if isinstance(encoder, TokenEncoder) else encoder
        return cast(InputFeatures, reader).features(batch[modality])

    def forward(self, batch: Batch, presence: Mapping[Modality, Tensor] | None = None) -> Tensor:
        """Return H, `(B, 3, K, d)`; positions are weighted by their presence, `(B, T)` by modality."""
        tokens = [self.encoders[m](batch[m], presence[m] if presence else None) for m in MODALITIES]
        return torch.stack(tokens, dim=1)


class TransformerEncoders(ModalityEncoders):
    """Encode a modality as K tokens by a Transformer, as LNLN and ALMT do; steps judged absent are scaled to zero."""

    def encoder(self, modality: Modality, spec: InputSpec, config: PartsConfig) -> nn.Module:
        """Return the encoder of a modality."""
        return TokenEncoder(
            spec.width(modality),
            config.width,
            tokens=config.tokens,
            heads=config.heads,
            head_width=64,
            dropout=config.event_dropout,
            norm=config.text_norm if modality == "text" else config.stream_norm,
        )


class CompleteView(nn.Module):
    """Encoder of H*, the tokens of the complete input, without gradient and without dropout.

    With a momentum, the tokens come from an exponential moving average of the encoders, which is stored with the model.
    """

    def __init__(self, encoders: ModalityEncoders, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.average = copy.deepcopy(encoders).requires_grad_(False) if momentum else None

    @torch.no_grad()
    def forward(
        self, encoders: ModalityEncoders, batch: Batch, presence: Mapping[Modality, Tensor] | None = None
    ) -> Tensor:
        """Return H*, `(B, 3, K, d)`."""
        with _without_dropout(self.average or encoders) as view:
            targets: Tensor = view(batch, presence)
        return targets

    @torch.no_grad()
    def follow(self, encoders: ModalityEncoders) -> None:
        """Move the average one step towards the encoders."""
        if self.average is None:
            return
        for mine, theirs in zip(self.average.parameters(), encoders.parameters(), strict=True):
            mine.lerp_(theirs, 1 - self.momentum)


@contextmanager
def _without_dropout(module: nn.Module) -> Iterator[nn.Module]:
    training = module.training
    module.eval()
    try:
        yield module
    finally:
        module.train(training)
