"""Helpers of models that work inside the text encoder."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from baselines.interface import EncoderLayers, InputSpec
from protocols import InputError


def encoder_of(spec: InputSpec, model: str, layer: int) -> EncoderLayers:
    """Return the encoder's layers that a model was given.

    Args:
        spec: Input sizes of the model.
        model: Name of the model, for the message.
        layer: Layer that the model needs, from 0.

    Raises:
        InputError: If there is no encoder, or it has too few layers.
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
    """Make a hook for `EncoderLayers.forward` that changes the input of one layer."""

    def before(number: int, states: Tensor) -> Tensor:
        return change(states) if number == layer else states

    return before
