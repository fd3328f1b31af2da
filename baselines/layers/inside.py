"""For models that work inside the text encoder."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from baselines.interface import EncoderLayers, InputSpec
from protocols import InputError


def encoder_of(spec: InputSpec, model: str, layer: int) -> EncoderLayers:
    """The encoder's layers that a model was given.

    Args:
        spec: Of the model.
        model: Its name, for the message.
        layer: The layer that it wants to reach, from 0.

    Raises:
        InputError: if there is no encoder, or not that many layers.
    """
    if spec.encoder is None:
        raise InputError(
            f"model '{model}' works inside a text encoder, and InputSpec.encoder is None; give the encoder's layers"
        )
    if layer >= spec.encoder.depth:
        raise InputError(
            f"model '{model}', config field 'layer': found {layer}, but the encoder has {spec.encoder.depth} layers; "
            f"choose 0 to {spec.encoder.depth - 1}"
        )
    return spec.encoder


def only_before(layer: int, change: Callable[[Tensor], Tensor]) -> Callable[[int, Tensor], Tensor]:
    """A hook for `EncoderLayers.forward` that changes what enters one layer."""

    def before(number: int, states: Tensor) -> Tensor:
        return change(states) if number == layer else states

    return before
