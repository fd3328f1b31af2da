"""Part 1: each modality as K tokens (our reading: the layout of ALMT and LNLN)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from baselines import Batch, InputSpec
from baselines.layers.token_encoder import TokenEncoder
from protocols import MODALITIES
from senti_ifusion.config import SentiIFusionConfig


class ModalityEncoders(nn.Module):
    """Three token encoders. They see zero vectors at erased positions and no mask."""

    def __init__(self, spec: InputSpec, config: SentiIFusionConfig) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {
                m: TokenEncoder(
                    spec.width(m),
                    config.width,
                    tokens=config.tokens,
                    layers=config.text_layers if m == "text" else config.encoder_layers,
                    heads=config.heads,
                    dropout=config.dropout,
                    norm=config.text_norm if m == "text" else config.stream_norm,
                    patch=1 if m == "text" else config.patch,
                    from_mean=config.from_mean,
                    final_norm=True,
                )
                for m in MODALITIES
            }
        )

    def forward(self, batch: Batch) -> Tensor:
        """H, `(B, 3, K, d)`."""
        return torch.stack([self.encoders[m](batch[m]) for m in MODALITIES], dim=1)


class CompleteView(nn.Module):
    """H*: the tokens of the complete input, without gradient and without dropout.

    With a momentum, they come from an exponential moving average of the encoders, which is stored with the model.
    """

    def __init__(self, encoders: ModalityEncoders, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.average = copy.deepcopy(encoders).requires_grad_(False) if momentum else None

    @torch.no_grad()
    def forward(self, encoders: ModalityEncoders, batch: Batch) -> Tensor:
        """H*, `(B, 3, K, d)`."""
        with _without_dropout(self.average or encoders) as view:
            targets: Tensor = view(batch)
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
