"""Counts of floating point operations."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmark.training.eager import eager_method


def count_flops(act: Callable[[], object]) -> int:
    """Floating point operations of one call: a multiplication and an addition are two.

    Products of matrices, convolutions and attention are counted, element-wise work is not.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # switching a backend off and on mentions devices that are not there
        # fused kernels are kept away: the counter knows the operations that they are made of
        with (
            torch.backends.mkldnn.flags(enabled=False),
            torch.backends.cudnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
            eager_method(type(counter.mode), "__torch_dispatch__"),
        ):
            act()
    found: int = counter.get_total_flops()
    return found
