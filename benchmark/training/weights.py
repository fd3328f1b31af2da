"""The weights of a run in a file: those of the model and, where it was trained with it, of the text encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from benchmark.data.encoding import TextSide


def trained_modules(model: nn.Module, text: TextSide | None) -> nn.ModuleDict:
    """Return the trained modules: `model`, and `encoder` if a text encoder is fine-tuned with it."""
    modules = {"model": model}
    if text is not None and text.trained:
        modules["encoder"] = text.encoder
    return nn.ModuleDict(modules)


def copy_weights(model: nn.Module, text: TextSide | None) -> dict[str, torch.Tensor]:
    """Return a copy of the trained weights on the CPU: `model.*`, and `encoder.*` if an encoder is fine-tuned."""
    tensors = trained_modules(model, text).state_dict()
    return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}


def load_weights(model: nn.Module, text: TextSide | None, path: Path, device: torch.device | str) -> None:
    """Put the weights of a file (`copy_weights` in safetensors) into a model, and its encoder where it has one."""
    trained_modules(model, text).load_state_dict(load_file(path, device=str(device)))


def equal_weights(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    """Return True if two sets of weights are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(tensor, b[name]) for name, tensor in a.items())
