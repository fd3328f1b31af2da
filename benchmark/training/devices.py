"""Devices that runs compute on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols import InputError

if TYPE_CHECKING:
    import torch


def open_device(name: str) -> torch.device:
    """Return a device that computes with single precision.

    On an accelerator, recurrent layers and convolutions would otherwise round their inputs to TF32, with 10 bits of
    mantissa, and predictions would differ from the processor's by more than its own versions differ.

    Args:
        name: `cpu`, `cuda` or `cuda:1`.

    Raises:
        InputError: if there is no such device.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device '{name}'; expected cpu, cuda or cuda:1") from None
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"device '{name}': no CUDA device is available; use cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise InputError(f"device '{name}': this machine has {torch.cuda.device_count()} CUDA devices, from cuda:0")
        torch.backends.cudnn.allow_tf32 = False  # products of matrices have it off by default
    return device


def free_memory_gib(device: torch.device) -> float:
    """Return the free memory of an accelerator in GiB."""
    import torch

    return torch.cuda.mem_get_info(device)[0] / 2**30
