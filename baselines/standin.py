"""Building a model where no text encoder is at hand: to count its parameters, or to look at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from baselines.interface import EncoderLayers, InputSpec, ModelConfig
from baselines.registry import create, model_class

#: Sizes of the MOSI files with BERT-base: parameters are counted at these.
MOSI_SIZES = InputSpec(text=768, audio=5, vision=20, train_samples=1284)


class StandInLayers(EncoderLayers):
    """As many layers as an encoder has, without parameters: each passes its states on."""

    def __init__(self, width: int, depth: int = 12) -> None:
        super().__init__()
        self.depth, self.width, self.trainable = depth, width, False

    def forward(
        self, embeddings: Tensor, length: Tensor, before: Callable[[int, Tensor], Tensor] | None = None
    ) -> Tensor:
        """The embeddings, after what a model does before each layer; zeros on padding."""
        states = embeddings
        for number in range(self.depth):
            states = before(number, states) if before else states
        valid = torch.arange(states.shape[1], device=states.device)[None, :] < length[:, None]
        return states.masked_fill(~valid[:, :, None], 0.0)


def parameter_count(
    name: str, spec: InputSpec = MOSI_SIZES, config: Mapping[str, object] | ModelConfig | None = None
) -> int:
    """Trainable parameters of a model, the text encoder's excluded."""
    if model_class(name).info.needs_encoder:
        spec = replace(spec, encoder=StandInLayers(spec.text))
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers are not used up
        return sum(p.numel() for p in create(name, spec, config).parameters() if p.requires_grad)
