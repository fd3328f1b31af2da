"""Part 1: each modality as K tokens (our reading)."""

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
    """A modality's tokens: the mean of what is there, and what K - 1 groups of events show beside it."""

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
        """`(B, T, D)`: one modality's vectors as the encoder reads them, normalised."""
        return cast(EventTokens, self.encoders[modality]).features(batch[modality])

    def forward(self, batch: Batch, presence: Mapping[Modality, Tensor] | None = None) -> Tensor:
        """H, `(B, 3, K, d)`; positions count in proportion to their presence, `(B, T)` by modality."""
        tokens = [self.encoders[m](batch[m], presence[m] if presence else None) for m in MODALITIES]
        return torch.stack(tokens, dim=1)


class CompleteView(nn.Module):
    """H*: the tokens of the complete input, without gradient and without dropout.

    With a momentum, they come from an exponential moving average of the encoders, which is stored with the model.
    """

    def __init__(self, encoders: ModalityEncoders, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.average = copy.deepcopy(encoders).requires_grad_(False) if momentum else None

    @torch.no_grad()
    def forward(
        self, encoders: ModalityEncoders, batch: Batch, presence: Mapping[Modality, Tensor] | None = None
    ) -> Tensor:
        """H*, `(B, 3, K, d)`."""
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
