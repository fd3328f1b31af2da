"""The weights of a run in a file: those of the model and, where it was trained with it, of the text encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

import torch
from safetensors.torch import load_file
from torch import nn

from benchmark.data.encoding import TextEncoder, WordEmbeddings
from benchmark.data.states import StateCache

_MODEL, _ENCODER = "model.", "encoder."


def copy_weights(model: nn.Module, text: StateCache | TextEncoder | None) -> dict[str, torch.Tensor]:
    """A copy of what a run has learnt, on the processor: `model.*`, and `encoder.*` where an encoder is fine-tuned."""
    tensors = {_MODEL + k: v for k, v in model.state_dict().items()}
    if _is_trained(text):
        tensors |= {_ENCODER + k: v for k, v in text.state_dict().items()}
    return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}


def load_weights(
    model: nn.Module, text: StateCache | TextEncoder | None, path: Path, device: torch.device | str
) -> None:
    """Put the weights of a file (`copy_weights` in safetensors) into a model, and its encoder where it has one."""
    tensors = load_file(path, device=str(device))
    model.load_state_dict(_of(tensors, _MODEL))
    if _is_trained(text):
        text.load_state_dict(_of(tensors, _ENCODER))


def equal_weights(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    """Return True if two sets of weights are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(tensor, b[name]) for name, tensor in a.items())


def _is_trained(text: StateCache | TextEncoder | None) -> TypeGuard[TextEncoder]:
    return isinstance(text, TextEncoder) and not isinstance(text, WordEmbeddings)


def _of(tensors: Mapping[str, torch.Tensor], owner: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(owner): v for k, v in tensors.items() if k.startswith(owner)}
