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
from protocols import MODALITIES
from senti_ifusion.config import SentiIFusionConfig


class ModalityEncoders(nn.Module):
    """Encode a modality as tokens: the mean of its present positions, and K - 1 tokens of groups of events."""

    def __init__(self, spec: InputSpec, config: SentiIFusionConfig) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {
                m: EventTokens(
                    spec.width(m),
                    config.width,
                    tokens=config.tokens,
                    events=config.events,
                    norm=config.text_norm if m == "text" else config.stream_norm,
                    neighbours=0 if m == "text" else config.neighbours,
                    dropout=config.dropout if m == "text" else config.event_dropout,
                )
                for m in MODALITIES
            }
        )

    def features(self, batch: Batch, modality: Modality) -> Tensor:
        """Normalised vectors of one modality, the encoder's input, `(B, T, D)`."""
        return cast(EventTokens, self.encoders[modality]).features(batch[modality])

    def forward(self, batch: Batch, presence: Mapping[Modality, Tensor] | None = None) -> Tensor:
        """Return H, `(B, 3, K, d)`; positions are weighted by their presence, `(B, T)` by modality."""
        tokens = [self.encoders[m](batch[m], presence[m] if presence else None) for m in MODALITIES]
        return torch.stack(tokens, dim=1)


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
