"""Stand-in for a text encoder, to build a model without one: to count its parameters or to inspect it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from baselines.interface import EncoderLayers, InputSpec, ModelConfig
from baselines.registry import create, model_class

#: Sizes of the MOSI files with BERT-base, at which parameters are counted.
MOSI_SIZES = InputSpec(text=768, audio=5, vision=20, train_samples=1284)


class StandInLayers(EncoderLayers):
    """Encoder layers without parameters, each of which passes its states on."""

    def __init__(self, width: int, depth: int = 12) -> None:
        super().__init__()
        self.depth, self.width, self.trainable = depth, width, False

    def forward(
        self, embeddings: Tensor, length: Tensor, before: Callable[[int, Tensor], Tensor] | None = None
    ) -> Tensor:
        """Return the embeddings after the model's changes before each layer; zeros on padding."""
        states = embeddings
        for number in range(self.depth):
            states = before(number, states) if before else states
        valid = torch.arange(states.shape[1], device=states.device)[None, :] < length[:, None]
        return states.masked_fill(~valid[:, :, None], 0.0)


def parameter_count(
    name: str, spec: InputSpec = MOSI_SIZES, config: Mapping[str, object] | ModelConfig | None = None
) -> int:
    """Return the number of trainable parameters of a model, without the text encoder's."""
    if model_class(name).info.needs_encoder:
        spec = replace(spec, encoder=StandInLayers(spec.text))
    with torch.random.fork_rng(devices=[]):  # the caller's random state is unchanged
        return sum(p.numel() for p in create(name, spec, config).parameters() if p.requires_grad)
