"""Central moment discrepancy (Zellinger et al., ICLR 2017, arXiv 1702.08811): a distance of two distributions."""

from __future__ import annotations

import torch
from torch import Tensor


def central_moment_discrepancy(first: Tensor, second: Tensor, moments: int = 5, span: float = 1.0) -> Tensor:
    """CMD of two samples: the distance of their means and of their higher central moments (equation 6 of the paper).

    `|E x - E y| / span + sum over k = 2 .. moments of |C_k(x) - C_k(y)| / span^k`, in Euclidean norms, where `C_k` is
    the k-th central moment, coordinate by coordinate. Its gradient is finite everywhere, even if samples coincide.

    Args:
        first: `(N, d)`: N samples of one distribution, at least one.
        second: `(M, d)`: M samples of the other.
        moments: Highest order K.
        span: Width `b - a` of the interval of the values; 1 after a sigmoid.

    Returns:
        A scalar, 0 for equal samples.
    """
    means = first.mean(dim=0), second.mean(dim=0)
    terms = [torch.linalg.vector_norm(means[0] - means[1]) / span]
    centred = first - means[0], second - means[1]
    for order in range(2, moments + 1):
        difference = centred[0].pow(order).mean(dim=0) - centred[1].pow(order).mean(dim=0)
        terms.append(torch.linalg.vector_norm(difference) / span**order)
    return torch.stack(terms).sum()
